"""A dry run: what a run would take on, without writing anything anywhere.

The source is listed and new files are hashed as in a real run; the catalog, where there is one, is only read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Engine, select

from flows.ingest import IngestResult
from flows.progress import Progress, RunDetails, listener
from flows.remarks import RemarkKind, Remarks
from flows.request import RestoreRequest
from flows.summary import RunSummary, summarise
from flows.workplace import decide, effects_of_missing, ingest_of
from schemas.errors import CatalogMissingError
from schemas.ingest_records import AssetRecord, KnownAsset
from schemas.records import (
    FINISHED_STATES,
    FIXITY_ERROR,
    OUTSIDE_ERRORS,
    WITH_OUTPUT,
    WorkState,
)
from schemas.repository import MAX_ATTEMPTS, Catalog
from schemas.runs import COUNTS
from schemas.session import read
from schemas.tables import Asset, Collection, Recipe, WorkItem
from storage import open_store


def rehearse(request: RestoreRequest) -> RunSummary:
    """Return the summary that a run would begin with: everything restorable is still pending.

    Raises:
        UsageError, WeightsError, StorageError, CatalogError: as the run itself would.
    """
    began = time.monotonic()
    request.check()
    decision = decide(request)
    result, counts = IngestResult(), Counter[str]()
    ingest = ingest_of(request, open_store(request.source))
    with _existing_catalog(request) as catalog:
        past = _Past(catalog, request.collection_name(), decision.recipe.sha256)
        looked = ingest.look(past.known, result, leave_out=request.leave_out(), limit=request.limit)
        for records in looked:
            counts.update(_counts(records, past, result.remarks, retry=request.retry))
            listener().progress(Progress("ingest", counts["inputs"]))
    found = {name: counts[name] for name in COUNTS}
    found["failed"] += counts["given_up"]
    summary = summarise(None, decision.recipe.sha256, found, time.monotonic() - began, result.remarks)
    listener().finished(
        RunDetails(
            summary=summary,
            tier=decision.tier.value,
            report=None,
            dry_run=True,
            given_up=counts["given_up"],
            stages_off=effects_of_missing(decision.stages_off),
            remarks=result.remarks,
        )
    )
    return summary


class _Worked(NamedTuple):
    """How a work item stands."""

    state: str
    attempts: int
    error_class: str | None


class _Past:
    """What a catalog already knows; nothing when there is none yet."""

    def __init__(self, catalog: Catalog | None, collection: str, recipe_sha256: str) -> None:
        self.catalog = catalog
        self.collection, self.recipe_sha256 = collection, recipe_sha256
        self.collection_id = _collection_id(catalog.engine, collection) if catalog else None

    def known(self, keys: Sequence[str]) -> Mapping[str, KnownAsset]:
        """Return what is known of these keys."""
        if self.catalog is None or self.collection_id is None:
            return {}
        return self.catalog.known(self.collection_id, keys)

    def work(self, keys: Sequence[str]) -> dict[tuple[str, str], _Worked]:
        """Return how this recipe's work on these keys stands, by key and SHA-256."""
        if self.catalog is None or self.collection_id is None:
            return {}
        query = (
            select(Asset.key, WorkItem.input_sha, WorkItem.state, WorkItem.attempts, WorkItem.error_class)
            .join(WorkItem, WorkItem.asset_id == Asset.id)
            .join(Recipe, Recipe.id == WorkItem.recipe_id)
            .where(
                Asset.collection_id == self.collection_id,
                Asset.key.in_(keys),
                Recipe.sha256 == self.recipe_sha256,
            )
        )
        with read(self.catalog.engine) as connection:
            rows = connection.execute(query)
            return {(key, sha256): _Worked(*stands) for key, sha256, *stands in rows}


def _counts(
    records: Sequence[AssetRecord | KnownAsset], past: _Past, remarks: Remarks, *, retry: bool
) -> Counter[str]:
    """Count a batch by what a run would do with it; remark what it would."""
    work = past.work([record.key for record in records])
    counts = Counter(inputs=len(records))
    for record in records:
        refused = record if isinstance(record, AssetRecord) and record.error is not None else None
        worked = work.get((record.key, record.sha256 or ""), _Worked(WorkState.PENDING, 0, None))
        counts[_fate(worked, record.sha256, refused.error if refused else None, retry=retry)] += 1
        is_restored = worked.state in WITH_OUTPUT
        if refused and refused.error and refused.error_class == FIXITY_ERROR and is_restored:
            remarks.add(RemarkKind.CONTRADICTED, record.key, refused.error)
    return counts


def _fate(worked: _Worked, sha256: str | None, error: str | None, *, retry: bool) -> str:
    """Return where a photo would be counted once a run has planned; mirrors `schemas.planning`.

    Given up is what is counted as failed and not tried again.
    """
    left = worked.attempts < MAX_ATTEMPTS or worked.error_class in OUTSIDE_ERRORS or retry
    if worked.state == WorkState.FAILED and not left:
        return "given_up"
    gone = worked.attempts == 0 or worked.error_class == FIXITY_ERROR or retry
    excused = worked.state == WorkState.QUARANTINED and gone and error is None
    if worked.state in FINISHED_STATES and not excused:
        return "already_done"
    if error is not None:
        return "quarantined" if sha256 else "failed"
    return "pending"


def _collection_id(engine: Engine, name: str) -> int | None:
    with read(engine) as connection:
        return connection.scalar(select(Collection.id).where(Collection.name == name))


@contextmanager
def _existing_catalog(request: RestoreRequest) -> Iterator[Catalog | None]:
    """Open the catalog for reading; yield None when there is none yet: the run would make it."""
    try:
        opened = Catalog.open(request.catalog_url(), create=False)
    except CatalogMissingError:
        yield None
        return
    with opened as catalog:
        yield catalog
