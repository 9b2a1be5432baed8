"""The desk's queue: keeping it in step with outcomes, flags and reviews, and reading pages of it.

``queue_entry`` holds a row for every item that ended with an output, and one for each of its flags; every
filter is a column of it, so a page is a walk along an index, however large the catalog. ``tally`` counts the
entries by run, flag, severity and decision. :func:`refresh` is the only writer of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased

from schemas.errors import CatalogUseError
from schemas.queries import require_collection
from schemas.records import WorkState
from schemas.review_records import (
    SEVERITY_RANKS,
    Decision,
    QueueCount,
    QueueFilter,
    QueueOrder,
    Standing,
)
from schemas.statements import MAX_PARAMETERS, batches, upsert
from schemas.tables import Asset, Flag, QueueEntry, Review, Tally, WorkItem

SEARCH_WINDOW = 20_000
"""How many items a search for a part of a key looks at for one page."""

ITEM = ""
"""The code of the entry that stands for the item itself."""

_RANK_NAMES = {rank: name for name, rank in SEVERITY_RANKS.items()}


# --- writing ------------------------------------------------------------------------------------------------


def refresh(connection: Connection, items: Sequence[int]) -> None:
    """Make the entries of these work items, and the counts, say what the other tables say now.

    The caller holds the work items' locks, so that nobody else refreshes the same ones.
    """
    for chunk in batches(sorted(set(items)), MAX_PARAMETERS):
        before = _counted(connection, chunk)
        connection.execute(delete(QueueEntry).where(QueueEntry.work_item_id.in_(chunk)))
        names = ["work_item_id", "code", "collection_id", "run_id"]
        names += ["severity", "value", "decision", "review_id"]
        connection.execute(insert(QueueEntry).from_select(names, _entries(chunk)))
        _add_up(connection, before, _counted(connection, chunk))


def recount(connection: Connection) -> None:
    """Make the counts anew from all entries."""
    connection.execute(delete(Tally))
    grouped = _grouped(literal(True))
    names = ["run_id", "code", "severity", "decision", "collection_id"]
    names += ["photos", "value_sum", "lowest", "highest"]
    connection.execute(insert(Tally).from_select(names, grouped))


def _entries(items: Sequence[int]) -> Any:
    """Select the rows that the queue should hold for these work items."""
    rank: ColumnElement[int] = case(SEVERITY_RANKS, value=Flag.severity, else_=0)
    group = (WorkItem.id, Asset.collection_id, WorkItem.run_id)

    def rows(code: Any, severity: Any, value: Any) -> Select[Any]:
        return (
            select(
                WorkItem.id,
                code,
                Asset.collection_id,
                WorkItem.run_id,
                severity,
                value,
                current_decision(WorkItem.id),
                _last_review(WorkItem.id),
            )
            .join(Asset, Asset.id == WorkItem.asset_id)
            .where(
                WorkItem.id.in_(items), WorkItem.state.in_([WorkState.DONE.value, WorkState.SKIPPED.value])
            )
        )

    flags = rows(Flag.code, func.max(rank), func.max(func.coalesce(Flag.value, 0.0)))
    itself = rows(literal(ITEM), func.coalesce(func.max(rank), 0), literal(0.0))
    return union_all(
        flags.join(Flag, Flag.work_item_id == WorkItem.id).group_by(*group, Flag.code),
        itself.outerjoin(Flag, Flag.work_item_id == WorkItem.id).group_by(*group),
    )


def current_decision(item: Any) -> ColumnElement[str]:
    """The decision of the latest review of ``item`` that is no undo and is not undone, or *undecided*."""
    undo = aliased(Review)
    latest = (
        select(Review.decision)
        .where(
            Review.work_item_id == item,
            Review.decision != Decision.UNDO.value,
            ~select(undo.id).where(undo.undoes == Review.id).exists(),
        )
        .order_by(Review.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(latest, Standing.UNDECIDED.value)


def _last_review(item: Any) -> Any:
    return select(func.max(Review.id)).where(Review.work_item_id == item).scalar_subquery()


def _grouped(condition: ColumnElement[bool]) -> Select[Any]:
    group = (QueueEntry.run_id, QueueEntry.code, QueueEntry.severity, QueueEntry.decision)
    return (
        select(
            *group,
            func.min(QueueEntry.collection_id).label("collection_id"),
            func.count().label("photos"),
            func.sum(QueueEntry.value).label("value_sum"),
            func.min(QueueEntry.value).label("lowest"),
            func.max(QueueEntry.value).label("highest"),
        )
        .where(condition)
        .group_by(*group)
    )


def _counted(connection: Connection, items: Sequence[int]) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = connection.execute(_grouped(QueueEntry.work_item_id.in_(items)))
    return {tuple(row)[:4]: dict(row._mapping) for row in rows}


def _add_up(
    connection: Connection,
    before: dict[tuple[Any, ...], dict[str, Any]],
    after: dict[tuple[Any, ...], dict[str, Any]],
) -> None:
    """Change the counts by what became of some items' entries.

    In one statement and always in one order: two writers would else wait for each other's rows.
    """
    rows = []
    for place in sorted({*before, *after}):
        row = dict(after.get(place) or before[place])
        for name in ("photos", "value_sum"):
            row[name] = after.get(place, {}).get(name, 0) - before.get(place, {}).get(name, 0)
        rows.append(row)
    if not rows:
        return
    statement = upsert(connection, Tally)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["run_id", "code", "severity", "decision"],
        set_={
            "photos": Tally.photos + new.photos,
            "value_sum": Tally.value_sum + new.value_sum,
            "lowest": case((new.lowest < Tally.lowest, new.lowest), else_=Tally.lowest),
            "highest": case((new.highest > Tally.highest, new.highest), else_=Tally.highest),
        },
    )
    connection.execute(statement, rows)


# --- reading ------------------------------------------------------------------------------------------------


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
        QueueCount(row.code or None, _RANK_NAMES.get(row.severity), Standing(row.decision), int(row.photos))
        for row in connection.execute(query.order_by(Tally.code, Tally.severity.desc(), Tally.decision))
    ]


def flagged_counts(connection: Connection, codes: Sequence[str]) -> dict[str, int]:
    """Return how many photos each of these flags marks, from the tally alone."""
    query = select(Tally.code, func.sum(Tally.photos)).where(Tally.code.in_(codes)).group_by(Tally.code)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


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


def severity_name(rank: int) -> str | None:
    """Return the word for a severity's rank; None for 0."""
    return _RANK_NAMES.get(rank)


def _searched(
    connection: Connection, walk: Any, text: str, limit: int, window: int
) -> tuple[list[tuple[int, float]], str | None]:
    within: Subquery = walk.subquery("window")
    item, place, value = within.c
    query = (
        select(item, place, value)
        .join(WorkItem, WorkItem.id == item)
        .join(Asset, Asset.id == WorkItem.asset_id)
        .where(Asset.key.icontains(text, autoescape=True))
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
        cursor = (float(place), int(item))
    except ValueError:
        raise CatalogUseError(f"not a place in the queue: {after!r}; use the `next` of a page") from None
    # The first condition is implied by the second; with it the walk begins at the right place of the index.
    return (column <= cursor[0]) & or_(
        column < cursor[0], tuple_(column, QueueEntry.work_item_id) < tuple_(*map(literal, cursor))
    )


def _cursor(row: Sequence[Any]) -> str:
    return f"{float(row[1])!r}~{row[0]}"


def _check(wanted: QueueFilter) -> Any:
    bounded = wanted.minimum is not None or wanted.maximum is not None
    if wanted.flag is None and (bounded or wanted.order is QueueOrder.VALUE):
        raise CatalogUseError("values are compared and sorted for one flag only; name the flag")
    return QueueEntry.value if wanted.order is QueueOrder.VALUE else QueueEntry.severity


def _rank(severity: str) -> int:
    if severity not in SEVERITY_RANKS:
        raise CatalogUseError(f"not a severity: {severity!r} (one of {', '.join(SEVERITY_RANKS)})")
    return SEVERITY_RANKS[severity]
