"""Totals, by outcome, collection, flag or run.

They are read from tallies (:mod:`schemas.tables.desk`), which are kept as work ends, and so cost the same however
many photos there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy import cast as sql_cast

from schemas.errors import CatalogUseError
from schemas.items import RowT, as_row
from schemas.listing import require_collection
from schemas.queries import runs
from schemas.queue_upkeep import ITEM
from schemas.records import WorkState
from schemas.review_records import SEVERITY_NAMES, Standing
from schemas.run_rows import CollectionTotal, FlagTotal, OutcomeTotal, RunColumns, RunRow, RunTotal, Total
from schemas.tables import Collection, OutcomeTally, Recipe, Run, Tally, WorkItem
from schemas.troubles import TROUBLED, over


def by_run(connection: Connection, collection: str | None) -> list[RunTotal]:
    """Return every run with its speed, newest first."""
    return [_with_speed(row) for row in runs(connection, collection=collection, limit=None, after=None)]


def by_outcome(connection: Connection, collection: str | None) -> list[OutcomeTotal]:
    """Return how many photos ended how, by collection and recipe."""
    return _rows(connection, _by_outcome(), collection, OutcomeTotal)


def by_collection(connection: Connection, collection: str | None) -> list[CollectionTotal]:
    """Return how many photos and runs each collection has."""
    return _rows(connection, _by_collection(), collection, CollectionTotal)


def by_flag(connection: Connection, collection: str | None) -> list[FlagTotal]:
    """Return how many photos each flag marks, by collection and severity."""
    return _rows(connection, _by_flag(), collection, FlagTotal)


STATS: dict[str, Callable[[Connection, str | None], Sequence[Total]]] = {
    "outcome": by_outcome,
    "collection": by_collection,
    "flag": by_flag,
    "run": by_run,
}


def stats(connection: Connection, by: str, *, collection: str | None) -> Sequence[Total]:
    """Return totals, one row a group. Raises CatalogUseError for another ``by`` than :data:`STATS`."""
    if by not in STATS:
        raise CatalogUseError(f"cannot total by {by!r} (one of {', '.join(STATS)})")
    return STATS[by](connection, collection)


def _rows(connection: Connection, query: Select[Any], collection: str | None, kind: type[RowT]) -> list[RowT]:
    if collection is not None:
        query = query.where(Collection.id == require_collection(connection, collection))
    return [as_row(row, kind) for row in connection.execute(query)]


def _with_speed(run: RunRow) -> RunTotal:
    worked = run["done"] + run["skipped"] + run["quarantined"] + run["failed"]
    hours = (run["seconds"] or 0) / 3600
    kept = {name: value for name, value in run.items() if name in RunColumns.__annotations__}
    return {**cast("RunColumns", kept), "photos_per_hour": worked / hours if hours else None}


def _by_outcome() -> Select[Any]:
    """Ended work from its tally; what is pending or running is little, and found by its run.

    Taken away is trouble that is over (:mod:`schemas.troubles`): troubles are few, and have an index.
    """
    open_states = [WorkState.PENDING.value, WorkState.RUNNING.value]
    waiting = (
        select(WorkItem.run_id, WorkItem.state, func.count().label("photos"), literal(0.0).label("seconds"))
        .where(WorkItem.run_id.in_(select(Run.id)), WorkItem.state.in_(open_states))
        .group_by(WorkItem.run_id, WorkItem.state)
    )
    ended = select(OutcomeTally.run_id, OutcomeTally.state, OutcomeTally.photos, OutcomeTally.seconds).where(
        OutcomeTally.photos > 0
    )
    seconds = func.sum(func.coalesce(WorkItem.seconds, 0.0))
    past = (
        select(WorkItem.run_id, WorkItem.state, -func.count(), -seconds)
        .where(TROUBLED, WorkItem.run_id.is_not(None), over(WorkItem))
        .group_by(WorkItem.run_id, WorkItem.state)
    )
    each = union_all(ended, waiting, past).subquery()
    photos, seconds = func.sum(each.c.photos), func.sum(each.c.seconds)
    return (
        select(
            Collection.name.label("collection"),
            Recipe.sha256.label("recipe"),
            each.c.state.label("outcome"),
            sql_cast(photos, BigInteger).label("photos"),
            seconds.label("seconds"),
            (seconds / photos).label("seconds_each"),
        )
        .select_from(each)
        .join(Run, Run.id == each.c.run_id)
        .join(Collection, Collection.id == Run.collection_id)
        .join(Recipe, Recipe.id == Run.recipe_id)
        .group_by(Collection.name, Recipe.sha256, each.c.state)
        .having(photos > 0)
        .order_by(Collection.name, Recipe.sha256, each.c.state)
    )


def _by_collection() -> Select[Any]:
    its_runs = Run.collection_id == Collection.id
    return select(
        Collection.name.label("collection"),
        Collection.photos,
        select(func.count()).where(its_runs).scalar_subquery().label("runs"),
        select(func.max(Run.started_at)).where(its_runs).scalar_subquery().label("last_run_at"),
    ).order_by(Collection.name)


def _by_flag() -> Select[Any]:
    is_open = Tally.decision == Standing.UNDECIDED.value
    counts = Tally.decision != Standing.REPLACED.value
    photos = func.sum(Tally.photos)
    severity: ColumnElement[str] = case(SEVERITY_NAMES, value=Tally.severity)
    return (
        select(
            Collection.name.label("collection"),
            Tally.code.label("flag"),
            severity.label("severity"),
            sql_cast(func.sum(case((is_open, Tally.photos), else_=0)), BigInteger).label("open"),
            sql_cast(func.sum(case((is_open, 0), else_=Tally.photos)), BigInteger).label("closed"),
            func.min(Tally.lowest).label("lowest"),
            (func.sum(Tally.value_sum) / photos).label("mean"),
            func.max(Tally.highest).label("highest"),
        )
        .join(Collection, Collection.id == Tally.collection_id)
        .where(Tally.code != ITEM, Tally.photos > 0, counts)
        .group_by(Collection.name, Tally.code, Tally.severity)
        .order_by(Collection.name, Tally.code, Tally.severity)
    )
