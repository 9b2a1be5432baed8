"""The catalog as its callers see it: one object, one method an operation.

A run goes ``collection_id → recipe_id → start_run → known/record_assets → plan → iter_pending →
record_outcomes → finish_run``. Each method opens and ends its own transaction, so a crash between two of
them loses nothing and a repeated call changes nothing. The work is in :mod:`schemas.listing`,
:mod:`schemas.ingest`, :mod:`schemas.runs`, :mod:`schemas.planning`, :mod:`schemas.claims`, :mod:`schemas.outcomes`,
:mod:`schemas.queries`, :mod:`schemas.totals` and :mod:`schemas.dossier`. What the review desk uses (queue, decisions,
redo, lots, audit) is in :mod:`schemas.desk`, its accounts in :mod:`schemas.accounts` and sessions in
:mod:`schemas.desk_sessions`; flag rules, fixity and rebuilding in :mod:`schemas.upkeep`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, overload

from sqlalchemy import Engine

from schemas import (
    claims,
    dossier,
    ingest,
    listing,
    outcomes,
    planning,
    queries,
    runs,
    session,
    source_remarks,
    taking_over,
    totals,
    whereabouts,
)
from schemas.accounts import AccountOperations
from schemas.desk import DeskOperations
from schemas.desk_sessions import SessionOperations
from schemas.ingest_records import AssetRecord, IngestCounts, KnownAsset
from schemas.records import (
    EventRecord,
    ModelRecord,
    OutcomeRecord,
    PendingItem,
    Plan,
    RunState,
)
from schemas.rows import Dossier, ItemRow
from schemas.run_rows import CollectionTotal, FlagTotal, OutcomeTotal, RunRow, RunTotal, Total
from schemas.statements import batches
from schemas.upkeep import UpkeepOperations

MAX_ATTEMPTS = 3
"""How often a photo may fail by itself under one recipe before later runs leave it alone."""


class Catalog(AccountOperations, SessionOperations, DeskOperations, UpkeepOperations):
    """An open catalog; safe to share between threads, not between processes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Catalog:
        """Open the catalog at ``url`` (``sqlite:///file`` or ``postgresql://…``).

        With ``create`` a missing catalog is made and an older one is upgraded. Without it nothing is written:
        a missing catalog or one of another version is an error.
        Raises CatalogUnavailableError, CatalogVersionError.
        """
        return cls(session.open_engine(url, create=create))

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- ingest -------------------------------------------------------------------------------------------

    def collection_id(self, name: str) -> int:
        """Return the collection's id; the collection is made when it is new."""
        with session.write(self.engine) as connection:
            return listing.collection_id(connection, name)

    def find_collection(self, name: str) -> int | None:
        """Return the collection's id; None when there is none of this name."""
        with session.read(self.engine) as connection:
            return listing.find_collection(connection, name)

    def collection_names(self, *, limit: int = 500) -> list[str]:
        """Return the names of collections in order, without counting what is in them."""
        with session.read(self.engine) as connection:
            return listing.collection_names(connection, limit=limit)

    def known(self, collection_id: int, keys: Sequence[str]) -> dict[str, KnownAsset]:
        """Return what the catalog knows of these keys (a few thousand at a time), as last seen.

        Left out are keys never seen, those that could not be read, and those recorded with two sizes: they are
        to be looked at again.
        """
        with session.read(self.engine) as connection:
            return listing.known(connection, collection_id, keys)

    def record_assets(
        self,
        collection_id: int,
        records: Iterable[AssetRecord | KnownAsset],
        run_id: int,
        batch: int = 500,
    ) -> IngestCounts:
        """Record what the source lists in this run; it becomes the run's inputs. One transaction a batch.

        Give a :class:`KnownAsset` back for a photo found unchanged, else a fresh :class:`AssetRecord`.
        Repeating a call adds nothing but the time last seen. Other bytes under a known key add a content and
        a *modification* event. Raises CatalogUseError when the run is unknown or already planned,
        TakenOverError when another run took its work over.
        """
        counts = IngestCounts()
        for chunk in batches(records, batch):
            with session.write(self.engine) as connection:
                counts += ingest.record_batch(connection, collection_id, chunk, run_id)
        return counts

    def refused_though_finished(
        self, run_id: int, error_class: str, limit: int
    ) -> tuple[int, list[tuple[str, str]]]:
        """Return how many inputs of a run, recorded with this class of error, its recipe has restored before.

        With the number come key and error of the first ``limit``. To be asked before the run ends.
        """
        with session.read(self.engine) as connection:
            return source_remarks.refused_though_finished(connection, run_id, error_class, limit)

    # --- recipes, runs, planning --------------------------------------------------------------------------

    def recipe_id(self, recipe_sha256: str, canonical_json: str, models: Iterable[ModelRecord] = ()) -> int:
        """Return the recipe's id, recording it and its models when new.

        Raises CatalogUseError unless ``recipe_sha256`` is the SHA-256 of ``canonical_json`` in UTF-8.
        """
        with session.write(self.engine) as connection:
            return runs.recipe_id(connection, recipe_sha256, canonical_json, tuple(models))

    def start_run(
        self,
        flow_run_id: str | None,
        collection_id: int,
        recipe_id: int | None,
        parameters: Mapping[str, Any],
    ) -> int:
        """Record that a run began and return its id. ``recipe_id`` is None for a run that only ingests."""
        with session.write(self.engine) as connection:
            return runs.start_run(connection, flow_run_id, collection_id, recipe_id, parameters)

    def record_run_event(self, run_id: int, event: EventRecord) -> None:
        """Record what happened to a run as a whole."""
        with session.write(self.engine) as connection:
            source_remarks.record_run_event(connection, run_id, event)

    def plan(
        self,
        collection_id: int,
        recipe_id: int,
        run_id: int,
        limit: int | None = None,
        max_attempts: int = MAX_ATTEMPTS,
        *,
        retry: bool = False,
    ) -> Plan:
        """Decide what this run has to do, in one transaction of set-based statements.

        Inputs are the photos recorded in this run; with ``limit`` only the first so many by key order.
        Work left running by an earlier run of this collection and recipe is taken over. With ``retry`` photos
        that were given up, or quarantined while they were worked on, are tried once more. A second call for
        the same run returns the first one's inputs. Raises CatalogUseError, TakenOverError.
        """
        with session.write(self.engine) as connection:
            return planning.plan(connection, collection_id, recipe_id, run_id, limit, max_attempts, retry)

    def work_so_far(
        self, collection_id: int, recipe_sha256: str, keys: Sequence[str], *, retry: bool = False
    ) -> dict[tuple[str, str], taking_over.WorkSoFar]:
        """Return how the recipe's work on these keys stands, by key and SHA-256, and what `plan` tries again."""
        again = taking_over.Again(MAX_ATTEMPTS, retry)
        with session.read(self.engine) as connection:
            return taking_over.work_so_far(connection, collection_id, recipe_sha256, keys, again)

    def results_of_earlier_runs(self, run_id: int) -> list[int]:
        """Return the first and the last work item that each earlier run did of what this one counts as already done.

        To be asked before the run ends.
        """
        with session.read(self.engine) as connection:
            return whereabouts.of_earlier_runs(connection, run_id)

    def result_places(self, work_items: Sequence[int]) -> list[whereabouts.ResultPlace]:
        """Return where these results lie, and what the runs that made them called their destination."""
        with session.read(self.engine) as connection:
            return whereabouts.places(connection, work_items)

    def iter_pending(self, run_id: int, batch: int = 256) -> Iterator[list[PendingItem]]:
        """Hand out the run's pending work, a list of up to ``batch`` at a time, marking it running.

        No transaction is open while the caller works. Photos that were in flight when an earlier run died
        come last, so that one which kills its process does not keep the others from being done.
        """
        while items := self._claim(run_id, batch):
            yield items

    def _claim(self, run_id: int, batch: int) -> list[PendingItem]:
        with session.write(self.engine) as connection:
            return claims.claim(connection, run_id, batch)

    def counts(self, run_id: int) -> dict[str, int]:
        """Return inputs, already_done, done, skipped, quarantined, failed and pending of a run.

        ``inputs = already_done + done + skipped + quarantined + failed + pending`` always holds; see
        :func:`schemas.runs.run_counts` for each word's meaning. Raises CatalogUseError.
        """
        with session.read(self.engine) as connection:
            return runs.run_counts(connection, run_id)

    def taken_over_by(self, run_id: int) -> int | None:
        """Return the run that took over the work of this one; None when there is none."""
        with session.read(self.engine) as connection:
            return runs.taken_over_by(connection, runs.require_run(connection, run_id))

    def given_up(self, run_id: int, max_attempts: int = MAX_ATTEMPTS) -> int:
        """Return how many of the run's failed photos a later run leaves alone, unless it is told to retry."""
        with session.read(self.engine) as connection:
            return claims.given_up(connection, run_id, max_attempts)

    def finish_run(
        self, run_id: int, *, seconds: float, state: RunState = RunState.COMPLETED
    ) -> dict[str, int]:
        """Record that a run ended, keep its counts for good and return them. Repeating changes nothing."""
        with session.write(self.engine) as connection:
            return runs.finish_run(connection, run_id, seconds, state)

    # --- outcomes -----------------------------------------------------------------------------------------

    def record_outcomes(self, run_id: int, records: Sequence[OutcomeRecord]) -> int:
        """Record a batch in one transaction; return how many were accepted.

        Ignored are outcomes of work items that this run does not hold (any more) or that have ended: so a
        batch may be given twice. A batch holds 10,000 outcomes at most. Raises CatalogUseError for a work item
        that does not exist.
        """
        with session.write(self.engine) as connection:
            return outcomes.record(connection, run_id, records)

    # --- queries ------------------------------------------------------------------------------------------

    def runs(
        self, *, collection: str | None = None, limit: int = 50, after: int | None = None
    ) -> list[RunRow]:
        """Return runs, newest first. ``after``: the last ``run`` of the page before."""
        with session.read(self.engine) as connection:
            return queries.runs(connection, collection=collection, limit=limit, after=after)

    def flagged(
        self,
        *,
        flag: str | None = None,
        minimum: float | None = None,
        collection: str | None = None,
        since: datetime | None = None,
        recipe: str | None = None,
        outcome: str | None = None,
        run_id: int | None = None,
        limit: int = 100,
        after: int | None = None,
    ) -> list[ItemRow]:
        """Return work items with open flags, newest first; with ``outcome`` those that ended so.

        ``after``: the last ``work_item`` of the page before. See :func:`schemas.queries.flagged`.
        """
        with session.read(self.engine) as connection:
            return queries.flagged(
                connection,
                queries.FlaggedFilter(flag, minimum, collection, since, recipe, outcome, run_id),
                limit=limit,
                after=after,
            )

    def show(
        self, reference: str, *, collection: str | None = None, limit: int = 20, after: int | None = None
    ) -> list[Dossier]:
        """Return everything about the photos with this key, or with such a digest.

        A digest is the beginning (6 digits or more) of the SHA-256 of a photo or of a file made from it.
        ``after``: the last ``asset`` of the page before. See :func:`schemas.dossier.show`.
        """
        with session.read(self.engine) as connection:
            return dossier.show(connection, reference, collection=collection, limit=limit, after=after)

    def dossiers(self, *, collection: str | None = None, after: int = 0, limit: int = 200) -> list[Dossier]:
        """Return a page of photos as :meth:`show` does, in the order in which they were first seen.

        ``after``: the last ``asset`` of the page before. Raises CatalogUseError.
        """
        with session.read(self.engine) as connection:
            return dossier.page(connection, collection=collection, after=after, limit=limit)

    def photo_count(self, collection: str | None = None) -> int:
        """Return how many photos a collection, or the catalog, has ever had; kept, not counted."""
        with session.read(self.engine) as connection:
            return listing.photo_count(connection, collection)

    @overload
    def stats(
        self, by: Literal["outcome"] = "outcome", *, collection: str | None = None
    ) -> list[OutcomeTotal]: ...
    @overload
    def stats(self, by: Literal["collection"], *, collection: str | None = None) -> list[CollectionTotal]: ...
    @overload
    def stats(self, by: Literal["flag"], *, collection: str | None = None) -> list[FlagTotal]: ...
    @overload
    def stats(self, by: Literal["run"], *, collection: str | None = None) -> list[RunTotal]: ...
    @overload
    def stats(self, by: str, *, collection: str | None = None) -> Sequence[Total]: ...
    def stats(self, by: str = "outcome", *, collection: str | None = None) -> Sequence[Total]:
        """Return totals by ``outcome``, ``collection``, ``flag`` or ``run``. Raises CatalogUseError."""
        with session.read(self.engine) as connection:
            return totals.stats(connection, by, collection=collection)
