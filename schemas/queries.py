"""Questions to the catalog about many photos: runs, what is flagged, totals.

Pages go by key (``after``), never by offset, and no page counts what it does not show: the hundredth page of
ten million rows costs what the first one did. Only :func:`stats` reads whole tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal_column, select

from schemas.errors import CatalogUseError
from schemas.items import Record, item_rows
from schemas.records import FlagState, RunState, WorkState
from schemas.runs import COUNTS, live_counts
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import Asset, Collection, Flag, Recipe, Run, WorkItem

STATS = ("outcome", "collection", "flag", "run")

# Literals, not parameters: with a parameter neither database can tell that a partial index applies.
_OPEN: ColumnElement[bool] = Flag.state == literal_column(f"'{FlagState.OPEN}'")
_TROUBLES = (WorkState.QUARANTINED, WorkState.FAILED)
_TROUBLED: ColumnElement[bool] = literal_column(f"work_item.state IN ('{_TROUBLES[0]}', '{_TROUBLES[1]}')")


def runs(connection: Connection, *, collection: str | None, limit: int, after: int | None) -> list[Record]:
    """Return runs, newest first; a running one's counts are of this moment."""
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
    as well.
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

    With flags it walks the partial index of open flags backwards and stops after ``limit`` work items.
    """
    if wanted.wants_flag:
        item: Any = Flag.work_item_id
        query = select(item).join(WorkItem, WorkItem.id == item).where(_OPEN).group_by(item)
        if wanted.flag is not None:
            query = query.where(Flag.code == wanted.flag)
        if wanted.minimum is not None:
            query = query.where(Flag.value >= wanted.minimum)
    else:
        item = WorkItem.id
        query = select(item)
    if wanted.outcome is not None:
        query = query.where(WorkItem.state == wanted.outcome)
        if wanted.outcome in _TROUBLES:
            query = query.where(_TROUBLED)
    if wanted.since is not None:
        query = query.where(WorkItem.finished_at >= wanted.since)
    if wanted.run_id is not None:
        query = query.where(WorkItem.run_id == wanted.run_id)
    if wanted.recipe is not None:
        query = query.where(WorkItem.recipe_id.in_(_recipes(wanted.recipe)))
    if wanted.collection is not None:
        collection = require_collection(connection, wanted.collection)
        query = query.join(Asset, Asset.id == WorkItem.asset_id).where(Asset.collection_id == collection)
    if after is not None:
        query = query.where(item < after)
    return query.order_by(item.desc()).limit(limit)


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
        return [_with_speed(row) for row in runs(connection, collection=collection, limit=1000, after=None)]
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
    return (
        select(
            Collection.name.label("collection"),
            Recipe.sha256.label("recipe"),
            WorkItem.state.label("outcome"),
            func.count().label("photos"),
            func.sum(WorkItem.seconds).label("seconds"),
            func.avg(WorkItem.seconds).label("seconds_each"),
        )
        .select_from(WorkItem)
        .join(Asset, Asset.id == WorkItem.asset_id)
        .join(Collection, Collection.id == Asset.collection_id)
        .join(Recipe, Recipe.id == WorkItem.recipe_id)
        .group_by(Collection.name, Recipe.sha256, WorkItem.state)
        .order_by(Collection.name, Recipe.sha256, WorkItem.state)
    )


def _by_collection() -> Select[Any]:
    assets = select(func.count()).where(Asset.collection_id == Collection.id).scalar_subquery()
    its_runs = Run.collection_id == Collection.id
    return select(
        Collection.name.label("collection"),
        assets.label("photos"),
        select(func.count()).where(its_runs).scalar_subquery().label("runs"),
        select(func.max(Run.started_at)).where(its_runs).scalar_subquery().label("last_run_at"),
    ).order_by(Collection.name)


def _by_flag() -> Select[Any]:
    return (
        select(
            Collection.name.label("collection"),
            Flag.code.label("flag"),
            Flag.severity,
            func.sum(case((Flag.state == FlagState.OPEN.value, 1), else_=0)).label("open"),
            func.sum(case((Flag.state == FlagState.CLOSED.value, 1), else_=0)).label("closed"),
            func.min(Flag.value).label("lowest"),
            func.avg(Flag.value).label("mean"),
            func.max(Flag.value).label("highest"),
        )
        .select_from(Flag)
        .join(WorkItem, WorkItem.id == Flag.work_item_id)
        .join(Asset, Asset.id == WorkItem.asset_id)
        .join(Collection, Collection.id == Asset.collection_id)
        .group_by(Collection.name, Flag.code, Flag.severity)
        .order_by(Collection.name, Flag.code, Flag.severity)
    )
