"""Approving and exporting, as the tests do it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
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


def killed_export(destination: Path) -> Path:
    """Return what an export leaves in ``destination`` that was killed while it wrote."""
    begin = "import os,sys; from pathlib import Path; from flows.package_files import under_construction; "
    begin += "building = under_construction(Path(sys.argv[1])); part = building.__enter__(); "
    begin += "(part / 'data').mkdir(); (part / 'data' / 'x').write_bytes(b'half'); print(part); "
    begin += "sys.stdout.flush(); os._exit(9)"
    command = [sys.executable, "-c", begin, str(destination)]
    killed = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    assert killed.returncode == 9
    return Path(killed.stdout.strip())


def dossier_of(path: Path) -> dict[str, Any]:
    """Return what a catalog would say of a photo whose scan and result are this file."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    file = {"kind": "restored", "uri": str(path), "sha256": sha256}
    return {
        "collection": "plates",
        "key": path.name,
        "stem": path.stem,
        "outcome": "done",
        "tier": "restored",
        "sha256": sha256,
        "locations": [file],
        "derivatives": [file],
        "models": [],
        "decision": "undecided",
        "reviews": [],
    }
