"""What the driver writes into the catalog during a run: its begin, what became of each photo, its end."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError
from tenacity import (
    before_sleep_log,
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from actors.rows import OutcomeRow, to_outcome
from flows.workplace import Workplace
from oldphoto_core.errors import AlreadyExistsError
from schemas.errors import CatalogError, CatalogUnavailableError
from schemas.records import ModelRecord, PendingItem, RunState
from schemas.repository import Catalog
from schemas.review_records import QueueCount, QueueFilter
from storage import Store

_log = logging.getLogger(__name__)

RECIPE_FILE_FORMAT = "oldphoto-recipe/1"
"""Of the file beside the results that holds a recipe; the recipe's own is `flows.recipe.RECIPE_FORMAT`."""
BATCH_ROWS = 64
BATCH_SECONDS = 2.0
"""Outcomes are recorded once so many have come, or so much time has passed, whichever is first."""


@dataclass
class Run:
    """One run, as the catalog numbers it."""

    id: int
    collection_id: int
    recipe_id: int
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began


@contextmanager
def recorded_run(
    place: Workplace, flow_run_id: str | None, remarks: Mapping[str, Any] | None = None
) -> Iterator[Run]:
    """Record that a run begins and how it ends; ``remarks`` are recorded beside the request's parameters.

    An exception marks it *failed*; being interrupted or terminated marks it *crashed*. A run that is killed
    outright stays *running* until a later one takes its work over.
    """
    catalog, request = place.catalog, place.request
    collection_id = catalog.collection_id(request.collection_name())
    recipe = place.decision.recipe
    recipe_id = catalog.recipe_id(recipe.sha256, recipe.canonical_json, place.models)
    leave_recipe(place.destination, recipe.sha256, recipe.canonical_json, place.models)
    run_id = catalog.start_run(
        flow_run_id, collection_id, recipe_id, {**request.parameters(), **(remarks or {})}
    )
    run = Run(run_id, collection_id, recipe_id)
    try:
        yield run
    except BaseException as error:
        state = RunState.FAILED if isinstance(error, Exception) else RunState.CRASHED
        # The catalog may be what failed; its error must not hide the first one.
        with suppress(SQLAlchemyError, CatalogError):
            catalog.finish_run(run_id, seconds=run.seconds, state=state)
        raise
    catalog.finish_run(run_id, seconds=run.seconds, state=RunState.COMPLETED)


def leave_recipe(store: Store, sha256: str, document: str, models: Sequence[ModelRecord]) -> None:
    """Write the recipe beside what it will make, so that the catalog can be rebuilt from the destination.

    Raises:
        StorageError: the destination refuses.
    """
    facts = {
        "format": RECIPE_FILE_FORMAT,
        "sha256": sha256,
        "document": document,
        "models": [asdict(model) for model in models],
    }
    data = json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True).encode("utf-8") + b"\n"
    with suppress(AlreadyExistsError):
        store.create(recipe_key(sha256), data, "application/json")


def recipe_key(sha256: str) -> str:
    """Return where a recipe lies in a destination."""
    return f"recipes/{sha256}.json"


class OutcomeRecorder:
    """Collects outcomes and records them in batches, one transaction each.

    As a context manager it records what is left also when an exception passes: work that was done stays
    known.

    Args:
        catalog: where to.
        run_id: the run.
        batch_rows, batch_seconds: see the module's constants.
    """

    def __init__(
        self,
        catalog: Catalog,
        run_id: int,
        *,
        batch_rows: int = BATCH_ROWS,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        self.catalog, self.run_id = catalog, run_id
        self.batch_rows, self.batch_seconds = batch_rows, batch_seconds
        self.outcomes: Counter[str] = Counter()
        self._waiting: list[OutcomeRow] = []
        self._recorded_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.flush()
            return
        with suppress(SQLAlchemyError, CatalogError):
            self.flush()

    def add(self, rows: Sequence[OutcomeRow]) -> None:
        """Take outcomes in; record them when it is time."""
        self._waiting.extend(rows)
        for row in rows:
            self.outcomes[row.outcome.value] += 1
        due = time.monotonic() - self._recorded_at >= self.batch_seconds
        if due or len(self._waiting) >= self.batch_rows:
            self.flush()

    @property
    def flags(self) -> Counter[str]:
        """How many photos of the run each flag marks, as recorded: the catalog may have rules of its own."""
        marks: Counter[str] = Counter()
        for count in self._counts():
            if count.flag is not None:
                marks[count.flag] += count.photos
        return marks

    @property
    def flagged_photos(self) -> int:
        """How many photos of the run are flagged, as recorded."""
        items = (count for count in self._counts() if count.flag is None)
        return sum(count.photos for count in items if count.severity is not None)

    def _counts(self) -> list[QueueCount]:
        return self.catalog.queue_counts(QueueFilter(run=self.run_id))

    def flush(self) -> None:
        """Record what is waiting."""
        if self._waiting:
            _record(self.catalog, self.run_id, self._waiting)
            self._waiting = []
        self._recorded_at = time.monotonic()


_patiently = retry(
    retry=retry_if_exception_type(CatalogUnavailableError),
    stop=stop_after_attempt(5),
    wait=wait_random_exponential(multiplier=1, max=30),
    before_sleep=before_sleep_log(_log, logging.WARNING),
    reraise=True,
)
"""A catalog out of reach for a moment, as a server that is restarted, is tried again."""


@_patiently
def claim(catalog: Catalog, run_id: int, size: int) -> list[PendingItem]:
    """Take up to ``size`` of the run's pending photos; an empty list is the end."""
    return next(catalog.iter_pending(run_id, size), [])


@_patiently
def _record(catalog: Catalog, run_id: int, rows: Sequence[OutcomeRow]) -> None:
    """Record a batch (this is idempotent)."""
    catalog.record_outcomes(run_id, [to_outcome(row) for row in rows])
