"""A dry run: what a run would take on, without writing anything anywhere.

The source is listed and new files are hashed as in a real run; the catalog, where there is one, is only read.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from flows.elsewhere import remark_elsewhere
from flows.ingest import IngestResult
from flows.progress import Progress, RunDetails, listener
from flows.remarks import RemarkKind, Remarks
from flows.request import RestoreRequest
from flows.summary import RunSummary, summarise
from flows.workplace import decide, effects_of_missing, ingest_of
from schemas.errors import CatalogMissingError
from schemas.ingest_records import AssetRecord, KnownAsset
from schemas.records import COUNTS, FINISHED_STATES, FIXITY_ERROR, WITH_OUTPUT, WorkState
from schemas.repository import Catalog
from schemas.taking_over import WorkSoFar
from storage import open_store

_NEW = WorkSoFar(WorkState.PENDING, again=False)


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
        past = _Past(catalog, request, decision.recipe.sha256)
        looked = ingest.look(past.known, result, leave_out=request.leave_out(), limit=request.limit)
        for records in looked:
            counts.update(_counts(records, past, result.remarks))
            listener().progress(Progress("ingest", counts["inputs"]))
        if catalog is not None:
            remark_elsewhere(catalog, past.results(), request.destination, result.remarks)
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


class _Past:
    """What a catalog already knows; nothing when there is none yet."""

    def __init__(self, catalog: Catalog | None, request: RestoreRequest, recipe_sha256: str) -> None:
        self._catalog, self._recipe_sha256, self._retry = catalog, recipe_sha256, request.retry
        self._collection = catalog.find_collection(request.collection_name()) if catalog else None
        self._results: dict[int, tuple[int, int]] = {}

    def known(self, keys: Sequence[str]) -> Mapping[str, KnownAsset]:
        """Return what is known of these keys."""
        if self._catalog is None or self._collection is None:
            return {}
        return self._catalog.known(self._collection, keys)

    def work_so_far(self, keys: Sequence[str]) -> Mapping[tuple[str, str], WorkSoFar]:
        """Return how this recipe's work on these keys stands, by key and SHA-256."""
        if self._catalog is None or self._collection is None:
            return {}
        return self._catalog.work_so_far(self._collection, self._recipe_sha256, keys, retry=self._retry)

    def note(self, stands: WorkSoFar) -> None:
        """Keep the first and the last result of each earlier run."""
        if stands.state == WorkState.DONE and stands.run is not None and stands.item is not None:
            first, last = self._results.get(stands.run, (stands.item, stands.item))
            self._results[stands.run] = min(first, stands.item), max(last, stands.item)

    def results(self) -> list[int]:
        """Return the results that were kept, as `Catalog.results_of_earlier_runs` does for a run."""
        return sorted({item for ends in self._results.values() for item in ends})


def _counts(records: Sequence[AssetRecord | KnownAsset], past: _Past, remarks: Remarks) -> Counter[str]:
    """Count a batch by what a run would do with it; remark what it would."""
    work = past.work_so_far([record.key for record in records])
    counts = Counter(inputs=len(records))
    for record in records:
        refused = record if isinstance(record, AssetRecord) and record.error is not None else None
        stands = work.get((record.key, record.sha256 or ""), _NEW)
        past.note(stands)
        counts[_fate(stands, record.sha256, refused=refused is not None)] += 1
        if refused and refused.error_class == FIXITY_ERROR and stands.state in WITH_OUTPUT:
            remarks.add(RemarkKind.CONTRADICTED, record.key, str(refused.error))
    return counts


def _fate(stands: WorkSoFar, sha256: str | None, *, refused: bool) -> str:
    """Return where a photo would be counted once a run has planned, which may settle what ingest refused.

    Given up is what is counted as failed and not tried again.
    """
    if stands.state == WorkState.FAILED and not stands.again:
        return "given_up"
    if stands.state in FINISHED_STATES and (refused or not stands.again):
        return "already_done"
    if refused:
        return "quarantined" if sha256 else "failed"
    return "pending"


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
