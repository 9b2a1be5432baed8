"""Questions to the catalog about many photos: runs, and what is flagged.

Pages go by key (``after``), never by offset, and no page counts what it does not show: the hundredth page of
ten million rows costs what the first one did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    or_,
    select,
    union,
)

from schemas.errors import CatalogUseError
from schemas.items import item_rows
from schemas.listing import of_bytes_seen_last, require_collection, within_unsorted
from schemas.present import replaced
from schemas.queue_upkeep import ITEM
from schemas.records import COUNTS, TROUBLES, WITH_OUTPUT, RunState, WorkState
from schemas.review_records import SEVERITY_RANKS, Standing
from schemas.rows import ItemRow
from schemas.run_rows import RunCounts, RunRow
from schemas.runs import live_counts
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import Asset, Collection, QueueEntry, Recipe, Run, WorkItem
from schemas.troubles import TROUBLED, over


def runs(
    connection: Connection, *, collection: str | None, limit: int | None, after: int | None
) -> list[RunRow]:
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


def places(connection: Connection) -> list[str]:
    """Return the sources and destinations that any run names, each once, in order."""
    named = (Run.parameters[name].as_string() for name in ("source", "destination"))
    found = connection.scalars(union(*(select(place).where(place.is_not(None)) for place in named)))
    return sorted(found)


def _run_row(connection: Connection, row: Row[Any]) -> RunRow:
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
        **cast("RunCounts", counts),
        "flow_run": row.flow_run_id,
        "parameters": row.parameters,
    }


@dataclass(frozen=True)
class FlaggedFilter:
    """What to list: each condition narrows the list, None does not.

    ``flag`` and ``minimum`` are for one and the same open flag; ``since`` is when the work item ended;
    ``recipe`` the beginning of a recipe's SHA-256; ``outcome`` a state, which lists work items without flags
    as well. Without ``run_id`` quarantined and failed ones are listed of the bytes seen last only (the trouble
    of a scan that was replaced, or that could not be read for a night, is over), without ``recipe`` too none that is
    over otherwise (:mod:`schemas.troubles`), and of several results of a photo the present one
    (:mod:`schemas.present`).
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


def flagged(connection: Connection, wanted: FlaggedFilter, *, limit: int, after: int | None) -> list[ItemRow]:
    """Return work items, newest first, with their open flags. Raises CatalogUseError."""
    if wanted.outcome is not None and wanted.outcome not in list(WorkState):
        raise CatalogUseError(f"not an outcome: {wanted.outcome!r} (one of {', '.join(WorkState)})")
    query = flagged_ids(connection, wanted, limit=limit, after=after)
    ids = list(connection.scalars(query))
    rows: dict[int, ItemRow] = {}
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
            query = query.join(Asset, Asset.id == WorkItem.asset_id).where(within_unsorted(collection))
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
        query = query.where(QueueEntry.code == ITEM)
    else:
        query = query.where(QueueEntry.code != ITEM).distinct()
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
    if wanted.outcome in TROUBLES:
        query = query.where(TROUBLED)
        if wanted.run_id is None:
            # Of one recipe it is what stands there, though another recipe restored the photo since.
            query = query.where(~over(WorkItem) if wanted.recipe is None else of_bytes_seen_last(WorkItem))
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
