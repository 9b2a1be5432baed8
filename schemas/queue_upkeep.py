"""Keeping the desk's queue and its counts in step with outcomes, flags and reviews.

``queue_entry`` holds a row for every item that ended with an output, and one for each of its flags; ``tally``
counts the entries by run, flag, severity and decision. :func:`refresh` is the only writer of both: whoever
changes a work item's flags or reviews calls it in the same transaction, and whoever changes its end or its
place among the results of its photo calls :func:`refresh_photos`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from schemas.present import replaced, results_beside
from schemas.records import WITH_OUTPUT
from schemas.review_records import SEVERITY_RANKS, Decision, Standing
from schemas.statements import MAX_PARAMETERS, batches, upsert
from schemas.tables import Asset, Flag, QueueEntry, Review, Tally, WorkItem

ITEM = ""
"""The code of the entry that stands for the item itself."""
_PLACE = ("run_id", "code", "severity", "decision")
"""By what entries are counted: the key of ``tally``."""


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


def refresh_photos(connection: Connection, items: Sequence[int]) -> None:
    """Do the same for these work items and every other result of their photos, which they may have replaced."""
    refresh(connection, results_beside(connection, items))


def recount(connection: Connection) -> None:
    """Make the counts anew from all entries."""
    if connection.dialect.name == "postgresql":
        # Whoever adds to the counts meanwhile would else find a row gone, or have made one that is made here too.
        connection.execute(text(f"LOCK TABLE {Tally.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))
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
                _standing(WorkItem),
                _last_review(WorkItem.id),
            )
            .join(Asset, Asset.id == WorkItem.asset_id)
            .where(WorkItem.id.in_(items), WorkItem.state.in_(WITH_OUTPUT))
        )

    flags = rows(Flag.code, func.max(rank), func.max(func.coalesce(Flag.value, 0.0)))
    itself = rows(literal(ITEM), func.coalesce(func.max(rank), 0), literal(0.0))
    return union_all(
        flags.join(Flag, Flag.work_item_id == WorkItem.id).group_by(*group, Flag.code),
        itself.outerjoin(Flag, Flag.work_item_id == WorkItem.id).group_by(*group),
    )


def _standing(item: Any) -> ColumnElement[str]:
    """The decision of the latest review that is no undo and is not undone; or *undecided*, or *replaced*."""
    undo = aliased(Review)
    latest = (
        select(Review.decision)
        .where(
            Review.work_item_id == item.id,
            Review.decision != Decision.UNDO.value,
            ~select(undo.id).where(undo.undoes == Review.id).exists(),
        )
        .order_by(Review.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    nobodys = case((replaced(item), Standing.REPLACED.value), else_=Standing.UNDECIDED.value)
    return func.coalesce(latest, nobodys)


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
    is_empty = Tally.photos == 0
    statement = statement.on_conflict_do_update(
        index_elements=_PLACE,
        set_={
            "photos": Tally.photos + new.photos,
            "value_sum": Tally.value_sum + new.value_sum,
            "lowest": case((or_(is_empty, new.lowest < Tally.lowest), new.lowest), else_=Tally.lowest),
            "highest": case((or_(is_empty, new.highest > Tally.highest), new.highest), else_=Tally.highest),
        },
    )
    connection.execute(statement, rows)
    _narrow(connection, [place for place in sorted(before) if after.get(place) != before[place]])


def _narrow(connection: Connection, places: Sequence[tuple[Any, ...]]) -> None:
    """Let the span of the values be that of the entries that are left at places that lost some.

    Their rows are locked by whoever adds up, so that no other writer's entries come or go meanwhile.
    """
    if flags := [dict(zip(_PLACE, place, strict=True)) for place in places if place[1] != ITEM]:
        here = (getattr(Tally, name) == bindparam(f"at_{name}") for name in _PLACE)
        values = {"lowest": _next_value(Tally.lowest), "highest": _next_value(Tally.highest, down=True)}
        connection.execute(
            update(Tally).where(*here, Tally.photos > 0).values(values),
            [{f"at_{name}": value for name, value in place.items()} for place in flags],
        )


def _next_value(bound: Any, *, down: bool = False) -> Any:
    """Return the first value of a tally's entries from its bound on, else the bound.

    A walk along the index of values, which mostly ends at once; sums are no columns, and so no index of runs: that
    would have to be read whole for its least value.
    """
    value = QueueEntry.value
    found = (
        select(value)
        .where(
            QueueEntry.code == Tally.code,
            QueueEntry.decision == Tally.decision,
            literal_column("queue_entry.code <> ''"),
            value <= bound if down else value >= bound,
            QueueEntry.run_id + 0 == Tally.run_id,
            QueueEntry.severity + 0 == Tally.severity,
        )
        .order_by(value.desc() if down else value)
        .limit(1)
        .correlate(Tally)
    )
    return func.coalesce(found.scalar_subquery(), bound)
