"""Questions to the catalog about many photos: runs, what is flagged, totals.

Pages go by key (``after``), never by offset, and no page counts what it does not show: the hundredth page of
ten million rows costs what the first one did. Totals are read from tallies (:mod:`schemas.tables.desk`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    union,
    union_all,
)

from schemas.errors import CatalogUseError
from schemas.items import Record, item_rows
from schemas.listing import of_bytes_seen_last
from schemas.present import replaced
from schemas.records import WITH_OUTPUT, RunState, WorkState
from schemas.review_records import SEVERITY_RANKS, Standing
from schemas.runs import COUNTS, live_counts
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import Asset, Collection, OutcomeTally, QueueEntry, Recipe, Run, Tally, WorkItem

STATS = ("outcome", "collection", "flag", "run")

_TROUBLES = (WorkState.QUARANTINED, WorkState.FAILED)
# Literals, not parameters: with a parameter neither database can tell that a partial index applies.
_TROUBLED: ColumnElement[bool] = literal_column(f"work_item.state IN ('{_TROUBLES[0]}', '{_TROUBLES[1]}')")


def runs(
    connection: Connection, *, collection: str | None, limit: int | None, after: int | None
) -> list[Record]:
    """Return runs, newest first, all with ``limit`` None; a running one's counts are of this moment."""
    query = (
        select(
            Run.__table__,
            Collection.name.label("collection"),
            Recipe.sha256.label("recipe"),
        )
        .join(Collection, Collection.id == Run.collection_id)
        .outerjoin(Recipe, Recipe.id == Run.recipe_id)
        .order_by(Run.id.desc())
        .limit(limit)
    )
    if collection is not None:
        query = query.where(Run.collection_id == require_collection(connection, collection))
    if after is not None:
        query = query.where(Run.id < after)
    return [_run_row(connection, row) for row in connection.execute(query).all()]


def _run_row(connection: Connection, row: Any) -> Record:
    if row.state == RunState.RUNNING:
        counts = live_counts(connection, row)
    else:
        counts = {name: getattr(row, name) or 0 for name in COUNTS}
    return {
        "run": row.id,
        "collection": row.collection,
        "recipe": row.recipe,
        "state": row.state,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "seconds": row.seconds,
        **counts,
        "flow_run": row.flow_run_id,
        "parameters": row.parameters,
    }


@dataclass(frozen=True)
class FlaggedFilter:
    """What to list: each condition narrows the list, None does not.

    ``flag`` and ``minimum`` are for one and the same open flag; ``since`` is when the work item ended;
    ``recipe`` the beginning of a recipe's SHA-256; ``outcome`` a state, which lists work items without flags
    as well. Without ``run_id`` quarantined and failed ones are listed of the bytes seen last only (the trouble
    of a scan that was replaced, or that could not be read for a night, is over), and of several results of a
    photo the present one (:mod:`schemas.present`).
    """

    flag: str | None = None
    minimum: float | None = None
    collection: str | None = None
    since: datetime | None = None
    recipe: str | None = None
    outcome: str | None = None
    run_id: int | None = None

    @property
    def wants_flag(self) -> bool:
        """Whether only work items with an open flag are listed."""
        return self.outcome is None or self.flag is not None or self.minimum is not None


def flagged(connection: Connection, wanted: FlaggedFilter, *, limit: int, after: int | None) -> list[Record]:
    """Return work items, newest first, with their open flags. Raises CatalogUseError."""
    if wanted.outcome is not None and wanted.outcome not in list(WorkState):
        raise CatalogUseError(f"not an outcome: {wanted.outcome!r} (one of {', '.join(WorkState)})")
    query = flagged_ids(connection, wanted, limit=limit, after=after)
    ids = list(connection.scalars(query))
    rows: dict[int, Record] = {}
    for chunk in batches(ids, MAX_PARAMETERS):
        rows |= item_rows(connection, chunk, open_flags_only=True)
    return [rows[item] for item in ids]


def flagged_ids(
    connection: Connection, wanted: FlaggedFilter, *, limit: int, after: int | None
) -> Select[tuple[int]]:
    """Return the query for a page of work item ids.

    With flags it walks the queue's index of undecided entries backwards and stops after ``limit`` work items.
    """
    query = _of_queue(wanted) if wanted.wants_flag else _of_work_items(wanted)
    item = query.selected_columns[0]
    if wanted.since is not None:
        query = query.where(WorkItem.finished_at >= wanted.since)
    if wanted.recipe is not None:
        query = query.where(WorkItem.recipe_id.in_(_recipes(wanted.recipe)))
    if wanted.outcome is not None:
        query = query.where(WorkItem.state == wanted.outcome)
    if wanted.collection is not None:
        collection = require_collection(connection, wanted.collection)
        if wanted.wants_flag:
            query = query.where(QueueEntry.collection_id == collection)
        else:
            # A sum is no column: the walk is by work item, and no page sorts a whole collection.
            within = Asset.collection_id + 0 == collection
            query = query.join(Asset, Asset.id == WorkItem.asset_id).where(within)
    if after is not None:
        query = query.where(item < after)
    return _newest(query, item, limit) if wanted.wants_flag else query.order_by(item.desc()).limit(limit)


def _of_queue(wanted: FlaggedFilter) -> Select[Any]:
    """Select undecided entries: of the flag, of the items that have any, or of any flag with such a value."""
    query = select(QueueEntry.work_item_id.label("item")).where(
        QueueEntry.decision == Standing.UNDECIDED.value
    )
    if wanted.flag is not None:
        query = query.where(QueueEntry.code == wanted.flag)
    elif wanted.minimum is None:
        query = query.where(QueueEntry.code == "")
    else:
        query = query.where(QueueEntry.code != "").distinct()
    if wanted.minimum is not None:
        query = query.where(QueueEntry.value >= wanted.minimum)
    if wanted.run_id is not None:
        query = query.where(QueueEntry.run_id == wanted.run_id)
    if wanted.since is not None:
        # What ended since then is held by few runs; their part of the queue is all that is looked at.
        late = select(Run.id).where(or_(Run.finished_at.is_(None), Run.finished_at >= wanted.since))
        query = query.where(QueueEntry.run_id.in_(late))
    if wanted.since is not None or wanted.recipe is not None or wanted.outcome is not None:
        query = query.join(WorkItem, WorkItem.id == QueueEntry.work_item_id)
    return query


def _newest(query: Select[Any], item: Any, limit: int) -> Select[tuple[int]]:
    """Return the newest of a query on the queue: the indexes sort by item within each severity."""
    branches = [
        query.where(QueueEntry.severity == rank).order_by(item.desc()).limit(limit).subquery()
        for rank in SEVERITY_RANKS.values()
    ]
    merged = union(*(select(branch.c.item) for branch in branches)).subquery()
    return select(merged.c.item).order_by(merged.c.item.desc()).limit(limit)


def _of_work_items(wanted: FlaggedFilter) -> Select[Any]:
    query = select(WorkItem.id.label("item"))
    if wanted.outcome in _TROUBLES:
        query = query.where(_TROUBLED)
        if wanted.run_id is None:
            query = query.where(of_bytes_seen_last(WorkItem))
    elif wanted.outcome in WITH_OUTPUT and wanted.run_id is None:
        query = query.where(~replaced(WorkItem))
    if wanted.run_id is not None:
        query = query.where(WorkItem.run_id == wanted.run_id)
    return query


def begins_with(column: Any, digits: str) -> ColumnElement[bool]:
    """Condition that a column of hexadecimal digits begins so; it uses the column's index."""
    condition: ColumnElement[bool] = column.between(digits.lower(), digits.lower() + "g")
    return condition


def _recipes(prefix: str) -> Select[tuple[int]]:
    return select(Recipe.id).where(begins_with(Recipe.sha256, prefix))


def require_collection(connection: Connection, name: str) -> int:
    """Return the collection's id. Raises CatalogUseError when there is none of this name."""
    found = connection.scalar(select(Collection.id).where(Collection.name == name))
    if found is None:
        names = list(connection.scalars(select(Collection.name).order_by(Collection.name).limit(10)))
        there = ", ".join(repr(name) for name in names) or "none"
        raise CatalogUseError(f"there is no collection {name!r} in this catalog (there are: {there})")
    return found


def stats(connection: Connection, by: str, *, collection: str | None) -> list[Record]:
    """Return totals, one row a group. Raises CatalogUseError for another ``by`` than :data:`STATS`."""
    if by not in STATS:
        raise CatalogUseError(f"cannot total by {by!r} (one of {', '.join(STATS)})")
    if by == "run":
        return [_with_speed(row) for row in runs(connection, collection=collection, limit=None, after=None)]
    query = {"outcome": _by_outcome, "collection": _by_collection, "flag": _by_flag}[by]()
    if collection is not None:
        query = query.where(Collection.id == require_collection(connection, collection))
    return [dict(row._mapping) for row in connection.execute(query)]


def _with_speed(run: Record) -> Record:
    worked = run["done"] + run["skipped"] + run["quarantined"] + run["failed"]
    hours = (run["seconds"] or 0) / 3600
    kept = {name: value for name, value in run.items() if name not in ("flow_run", "parameters")}
    return {**kept, "photos_per_hour": worked / hours if hours else None}


def _by_outcome() -> Select[Any]:
    """Ended work from its tally; what is pending or running is little, and found by its run.

    Taken away is trouble that is over (:func:`schemas.listing.of_bytes_seen_last`): troubles are few, and have an
    index.
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
    over = (
        select(WorkItem.run_id, WorkItem.state, -func.count(), -seconds)
        .where(_TROUBLED, WorkItem.run_id.is_not(None), ~of_bytes_seen_last(WorkItem))
        .group_by(WorkItem.run_id, WorkItem.state)
    )
    each = union_all(ended, waiting, over).subquery()
    photos, seconds = func.sum(each.c.photos), func.sum(each.c.seconds)
    return (
        select(
            Collection.name.label("collection"),
            Recipe.sha256.label("recipe"),
            each.c.state.label("outcome"),
            cast(photos, BigInteger).label("photos"),
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
    severity: ColumnElement[str] = case(
        {rank: name for name, rank in SEVERITY_RANKS.items()}, value=Tally.severity
    )
    return (
        select(
            Collection.name.label("collection"),
            Tally.code.label("flag"),
            severity.label("severity"),
            cast(func.sum(case((is_open, Tally.photos), else_=0)), BigInteger).label("open"),
            cast(func.sum(case((is_open, 0), else_=Tally.photos)), BigInteger).label("closed"),
            func.min(Tally.lowest).label("lowest"),
            (func.sum(Tally.value_sum) / photos).label("mean"),
            func.max(Tally.highest).label("highest"),
        )
        .join(Collection, Collection.id == Tally.collection_id)
        .where(Tally.code != "", Tally.photos > 0, counts)
        .group_by(Collection.name, Tally.code, Tally.severity)
        .order_by(Collection.name, Tally.code, Tally.severity)
    )
