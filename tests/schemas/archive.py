"""An archive for the catalog's tests: a source as a dictionary of keys and bytes, and whole runs over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from schemas.ingest_records import AssetRecord, KnownAsset
from schemas.records import (
    DerivativeRecord,
    FaceRecord,
    FlagRecord,
    MaskRecord,
    ModelRecord,
    OutcomeRecord,
    PendingItem,
    Plan,
)
from schemas.repository import Catalog
from schemas.tables import Base

Record = AssetRecord | KnownAsset


def digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def photo(key: str, content: str = "", **more: Any) -> AssetRecord:
    """A sound TIFF whose bytes are known by ``content`` (its key when empty)."""
    known = content or key
    fields: dict[str, Any] = {
        "format": "TIFF",
        "width": 40,
        "height": 30,
        "bit_depth": 16,
        "metadata": {"exif": {"Model": "Epson"}},
        **more,
    }
    return AssetRecord(key, f"file:///masters/{key}", len(known), f"mark {known}", digest(known), **fields)


def refused(key: str, content: str = "") -> AssetRecord:
    """Bytes that are no photo."""
    known = content or key
    uri, mark = f"file:///masters/{key}", f"mark {known}"
    return AssetRecord(key, uri, 3, mark, digest(known), error="not an image", error_class="unreadable")


def unread(key: str) -> AssetRecord:
    """A file that could not even be read."""
    error: dict[str, Any] = {"error": "permission denied", "error_class": "StorageError"}
    return AssetRecord(key, f"file:///masters/{key}", 3, "mark", None, **error)


def done(item: PendingItem, **more: Any) -> OutcomeRecord:
    """The outcome of a photo that was restored."""
    uri = f"file:///out/{item.prefix}restored/{item.derivative_stem}.tif"
    file = DerivativeRecord("restored", "enhanced", uri, digest(uri), 9, "image/tiff")
    fields: dict[str, Any] = {"tier": "enhanced", "seconds": 2.0, "derivatives": (file,), **more}
    return OutcomeRecord(item.work_item_id, "done", **fields)


def full(item: PendingItem) -> OutcomeRecord:
    """A done outcome with a row in every table of results."""
    return done(
        item,
        mask=MaskRecord(0.25, 7, "file:///out/masks/x.png", digest("mask")),
        faces=(FaceRecord((1.0, 2.0, 30.0, 40.0), ((3.0, 4.0), (5.0, 6.0)), 0.9, 0.01, True),),
        flags=(flag("mask-share", 0.25), flag("colour-drift", 3.0)),
        measurements={"mask-share": 0.25, "colour_drift": 3.0, "sharpness": 0.5},
    )


def flag(code: str, value: float, severity: str = "warning") -> FlagRecord:
    return FlagRecord(code, severity, value, 0.2, 1, "more than usual is masked")


def failed(item: PendingItem, **more: Any) -> OutcomeRecord:
    fields = {"reason": "out of memory", "error_class": "MemoryError", **more}
    return OutcomeRecord(item.work_item_id, "failed", **fields)


Verdict = Callable[[PendingItem], OutcomeRecord]


@dataclass
class Archive:
    """A collection of a catalog, and runs over it."""

    catalog: Catalog
    name: str = "glass plates"
    settings: Mapping[str, Any] = field(default_factory=lambda: {"tier": "enhanced"})

    @property
    def collection(self) -> int:
        return self.catalog.collection_id(self.name)

    @property
    def document(self) -> str:
        return json.dumps(self.settings, sort_keys=True)

    @property
    def recipe_sha(self) -> str:
        return digest(self.document)

    @property
    def recipe(self) -> int:
        model = ModelRecord("detector", "1.0", digest("weights"), "Apache-2.0")
        return self.catalog.recipe_id(self.recipe_sha, self.document, [model])

    def start(
        self, records: Iterable[Record], limit: int | None = None, *, retry: bool = False
    ) -> tuple[int, Plan]:
        """Begin a run: list the source, plan."""
        run = self.catalog.start_run("flow", self.collection, self.recipe, {"limit": limit})
        self.catalog.record_assets(self.collection, records, run)
        return run, self.catalog.plan(self.collection, self.recipe, run, limit, retry=retry)

    def work(self, run: int, verdict: Verdict = done, batch: int = 3) -> list[PendingItem]:
        """Do all that is pending; return what was handed out."""
        handed: list[PendingItem] = []
        for items in self.catalog.iter_pending(run, batch):
            handed += items
            self.catalog.record_outcomes(run, [verdict(item) for item in items])
        return handed

    def run(self, records: Iterable[Record], verdict: Verdict = done) -> dict[str, int]:
        """A whole run; return its counts."""
        run, _ = self.start(records)
        self.work(run, verdict)
        return self.catalog.finish_run(run, seconds=1.0)


def lawful(counts: Mapping[str, int]) -> bool:
    """Whether every input is accounted for exactly once."""
    return counts["inputs"] == sum(number for name, number in counts.items() if name != "inputs")


def table_sizes(catalog: Catalog) -> dict[str, int]:
    """How many rows each table has."""
    with catalog.engine.connect() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }
