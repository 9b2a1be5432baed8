"""Approving and exporting, as the tests do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.packages import PackageRequest, PackageSummary, export_photos
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter

EVERYTHING = QueueFilter(flagged_only=False)
BASE = "https://archive.example/iiif"


def approve(catalog: Catalog, limit: int | None = None) -> None:
    list(catalog.decide_many(EVERYTHING, Decision.APPROVE, "fine", "ada", limit=limit))


def export(catalog: Catalog, folder: Path, form: str, **more: Any) -> PackageSummary:
    return export_photos(catalog, PackageRequest(form, folder, **more))  # type: ignore[arg-type]
