"""Plain records of rebuilding: what sidecars tell, the runs that were lost, and what came of taking photos back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.ingest_records import check_key
from schemas.records import OutcomeRecord


@dataclass(frozen=True)
class RebuiltPhoto:
    """One result as its sidecar tells of it; ``at`` is when the sidecar was written.

    ``outcome.work_item_id`` is not looked at. Raises UnstorableKeyError.
    """

    key: str
    stem: str
    prefix: str
    uri: str
    sha256: str
    size: int
    recipe: str
    at: datetime
    header: Mapping[str, Any]
    warnings: tuple[str, ...]
    outcome: OutcomeRecord
    software: str = "oldphoto"

    def __post_init__(self) -> None:
        check_key(self.key)


@dataclass(frozen=True)
class LostRuns:
    """What one run stands for: those of a collection and recipe whose results lie in a destination.

    ``parameters``: what is known of theirs.
    """

    collection: int
    recipe: int
    destination: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Taken:
    """How many results of a batch were taken back, and keys whose names or places others hold by now.

    ``relocated``: of how many known ones the files lie elsewhere than recorded. ``run``: the run that stands for
    those that were lost, or that followed the files; None while nothing has changed.
    """

    photos: int
    known: int
    relocated: int
    refused: tuple[str, ...] = ()
    run: int | None = None
