"""Pages of the desk's queue, and how many items each filter would show.

Every filter is a column of ``queue_entry``, so a page is a walk along an index, however large the catalog;
counts are read from ``tally``. :mod:`schemas.queue_upkeep` keeps both in step.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    union_all,
)

from schemas.errors import CatalogUseError
from schemas.folding import fold, folded
from schemas.listing import require_collection
from schemas.queue_upkeep import ITEM
from schemas.records import LARGEST_NUMBER
from schemas.review_records import (
    SEVERITY_NAMES,
    SEVERITY_RANKS,
    QueueCount,
    QueueFilter,
    QueueOrder,
    Standing,
)
from schemas.tables import Asset, QueueEntry, Tally, WorkItem

SEARCH_WINDOW = 5_000
"""How many items a search for a part of a key looks at for one page; where to go on is the page's ``next``."""

_HIGHEST = {True: sys.float_info.max, False: max(SEVERITY_RANKS.values())}
"""The highest place there can be, in a queue by value or by severity; PostgreSQL refuses larger numbers."""


def count(connection: Connection, wanted: QueueFilter) -> list[QueueCount]:
    """Return counts for the filter's collection, run, flag and severity, from the tally alone.

    All decisions and, without ``flag``, all flags and the items themselves are listed; the filter's text and
    bounds of the value are not looked at.
    """
    query = select(Tally.code, Tally.severity, Tally.decision, func.sum(Tally.photos).label("photos"))
    if wanted.flag is not None:
        query = query.where(Tally.code == wanted.flag)
    if wanted.severity is not None:
        query = query.where(Tally.severity == _rank(wanted.severity))
    if wanted.run is not None:
        query = query.where(Tally.run_id == wanted.run)
    if wanted.collection is not None:
        query = query.where(Tally.collection_id == require_collection(connection, wanted.collection))
    query = query.group_by(Tally.code, Tally.severity, Tally.decision).having(func.sum(Tally.photos) > 0)
    return [
        QueueCount(
            row.code or None, SEVERITY_NAMES.get(row.severity), Standing(row.decision), int(row.photos)
        )
        for row in connection.execute(query.order_by(Tally.code, Tally.severity.desc(), Tally.decision))
    ]


def page(
    connection: Connection, wanted: QueueFilter, *, after: str | None, limit: int
) -> tuple[list[tuple[int, float]], str | None]:
    """Return a page of (work item, the flag's value), and the cursor of the next page or None.

    Raises CatalogUseError for a filter that contradicts itself or a cursor that is none.
    """
    column = _check(wanted)
    window = limit if wanted.text is None else max(limit, SEARCH_WINDOW)
    walk = _walk(connection, wanted, column, after, window)
    if wanted.text is None:
        rows = [tuple(row) for row in connection.execute(walk)]
        more = len(rows) == limit
        return [(row[0], row[2]) for row in rows], _cursor(rows[-1]) if more else None
    return _searched(connection, walk, wanted.text, limit, window)


def _searched(
    connection: Connection, walk: Any, text: str, limit: int, window: int
) -> tuple[list[tuple[int, float]], str | None]:
    within: Subquery = walk.subquery("window")
    item, place, value = within.c
    # Looked up for each item. Of a join PostgreSQL believes that reading all keys of the catalog is cheaper.
    key = (
        select(Asset.key)
        .join(WorkItem, WorkItem.asset_id == Asset.id)
        .where(WorkItem.id == item)
        .correlate(within)
        .scalar_subquery()
    )
    query = (
        select(item, place, value)
        .where(folded(connection, key).contains(fold(text), autoescape=True))
        .order_by(place.desc(), item.desc())
        .limit(limit)
    )
    rows = [tuple(row) for row in connection.execute(query)]
    found = [(row[0], row[2]) for row in rows]
    if len(rows) == limit:
        return found, _cursor(rows[-1])
    last = connection.execute(select(item, place).order_by(place, item).limit(1)).one_or_none()
    whole = connection.scalar(select(func.count()).select_from(within)) == window
    return found, _cursor(tuple(last)) if whole and last is not None else None


def _walk(connection: Connection, wanted: QueueFilter, column: Any, after: str | None, limit: int) -> Any:
    """Select (item, place, value) of one page along an index; one branch for each decision and severity."""
    query = select(
        QueueEntry.work_item_id.label("item"), column.label("place"), QueueEntry.value.label("value")
    ).where(QueueEntry.code == (wanted.flag or ITEM))
    if wanted.flag is not None and wanted.order is QueueOrder.VALUE:
        # A literal: with a parameter neither database can tell that the partial index applies.
        query = query.where(literal_column("queue_entry.code <> ''"))
    if wanted.collection is not None:
        query = query.where(QueueEntry.collection_id == require_collection(connection, wanted.collection))
    if wanted.run is not None:
        query = query.where(QueueEntry.run_id == wanted.run)
    if wanted.severity is not None:
        query = query.where(QueueEntry.severity == _rank(wanted.severity))
    elif wanted.flagged_only and wanted.flag is None:
        query = query.where(QueueEntry.severity >= 1)
    if wanted.minimum is not None:
        query = query.where(QueueEntry.value >= wanted.minimum)
    if wanted.maximum is not None:
        query = query.where(QueueEntry.value <= wanted.maximum)
    if after is not None:
        query = query.where(_beyond(column, after))
    query = query.order_by(column.desc(), QueueEntry.work_item_id.desc()).limit(limit)
    if wanted.decision is not None:
        return query.where(QueueEntry.decision == Standing(wanted.decision).value)
    branches = [query.where(QueueEntry.decision == one.value).subquery() for one in Standing]
    merged = union_all(*(select(*branch.c) for branch in branches)).subquery()
    return select(*merged.c).order_by(merged.c.place.desc(), merged.c.item.desc()).limit(limit)


def _beyond(column: Any, after: str) -> ColumnElement[bool]:
    place, _, item = after.rpartition("~")
    try:
        # Of the column's own kind: PostgreSQL would not search an index of integers for a float.
        cursor = (float(place) if column is QueueEntry.value else int(place), int(item))
    except ValueError:
        cursor = (math.nan, 0)
    if not abs(cursor[0]) <= _HIGHEST[column is QueueEntry.value] or not 0 <= cursor[1] <= LARGEST_NUMBER:
        raise CatalogUseError(f"not a place in the queue: {after!r}; use the `next` of a page")
    # Compared as rows, not piece by piece: so both databases begin at this very place of the index.
    return tuple_(column, QueueEntry.work_item_id) < tuple_(
        literal(cursor[0], column.type), literal(cursor[1], QueueEntry.work_item_id.type)
    )


def _cursor(row: Sequence[Any]) -> str:
    return f"{row[1]!r}~{row[0]}"


def _check(wanted: QueueFilter) -> Any:
    bounded = wanted.minimum is not None or wanted.maximum is not None
    if wanted.flag is None and (bounded or wanted.order is QueueOrder.VALUE):
        raise CatalogUseError("values are compared and sorted for one flag only; name the flag")
    return QueueEntry.value if wanted.order is QueueOrder.VALUE else QueueEntry.severity


def _rank(severity: str) -> int:
    if severity not in SEVERITY_RANKS:
        raise CatalogUseError(f"not a severity: {severity!r} (one of {', '.join(SEVERITY_RANKS)})")
    return SEVERITY_RANKS[severity]
