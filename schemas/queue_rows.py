"""Queue entries as the desk shows them: with key, files, flags and where the decision stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from schemas import outputs, queue
from schemas.errors import UnknownItemError
from schemas.items import files_of, item_rows
from schemas.queue_upkeep import ITEM
from schemas.records import DerivativeKind
from schemas.review_records import (
    SEVERITY_NAMES,
    DecisionRequest,
    QueueFilter,
    QueueFlag,
    QueuePage,
    QueueRow,
    Standing,
)
from schemas.rows import ItemRow
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import QueueEntry, WorkItem


def page(connection: Connection, wanted: QueueFilter, *, after: str | None, limit: int) -> QueuePage:
    """Return a page of the queue. Raises CatalogUseError."""
    found, following = queue.page(connection, wanted, after=after, limit=limit)
    shown = found if wanted.flag is not None else [(item, None) for item, _ in found]
    return QueuePage(tuple(rows(connection, shown)), following)


def one(connection: Connection, item: int) -> QueueRow:
    """Return one item. Raises UnknownItemError."""
    found = rows(connection, [(item, None)])
    if not found:
        raise UnknownItemError(outputs.unknown(item))
    return found[0]


def rows(connection: Connection, items: Sequence[tuple[int, float | None]]) -> list[QueueRow]:
    """Return the rows of (work item, value) in the order given; items that are not queued are left out."""
    made: dict[int, QueueRow] = {}
    values = dict(items)
    for chunk in batches(values, MAX_PARAMETERS):
        made |= _rows(connection, chunk, values)
    return [made[item] for item, _ in items if item in made]


def requests(
    connection: Connection, items: Sequence[tuple[int, float]], until: datetime | None = None
) -> list[DecisionRequest]:
    """Return what to ask of :func:`schemas.reviews.decide` for items as they are now, that ended by ``until``."""
    ids = [item for item, _ in items]
    if until is not None:
        query = select(WorkItem.id).where(WorkItem.id.in_(ids), WorkItem.finished_at <= until)
        ended = set(connection.scalars(query))
        ids = [item for item in ids if item in ended]
    entries = _entries(connection, ids)
    made = outputs.digests(connection, ids)
    return [DecisionRequest(item, made[item], entries[item].review_id) for item in ids if item in made]


def _rows(connection: Connection, ids: Sequence[int], values: dict[int, float | None]) -> dict[int, QueueRow]:
    entries = _entries(connection, ids)
    facts = item_rows(connection, ids, open_flags_only=False)
    files = files_of(connection, ids)
    made = outputs.digests(connection, ids)
    return {
        item: _row(facts[item], entries[item], files.get(item, {}), made[item], values[item])
        for item in ids
        if item in entries and item in made
    }


def _row(fact: ItemRow, entry: Any, files: dict[str, str], output: str, value: float | None) -> QueueRow:
    run, sha256 = fact["run"], fact["sha256"]
    assert run is not None, "a run made what has an output …"
    assert sha256 is not None, "… of bytes that could be read"
    return QueueRow(
        item_id=fact["work_item"],
        asset_id=fact["asset"],
        collection=fact["collection"],
        key=fact["key"],
        sha256=sha256,
        output_sha256=output,
        outcome=fact["outcome"],
        severity=SEVERITY_NAMES.get(entry.severity),
        value=value,
        flags=tuple(QueueFlag(**flag) for flag in fact["flags"]),
        restored=fact["restored"],
        mask=fact["mask"],
        probability=files.get(DerivativeKind.PROBABILITY),
        source=fact["source"],
        tier=fact["tier"],
        recipe=fact["recipe"],
        run=run,
        finished_at=fact["finished_at"],
        decision=Standing(entry.decision),
        last_review=entry.review_id,
    )


def _entries(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    query = select(
        QueueEntry.work_item_id, QueueEntry.severity, QueueEntry.decision, QueueEntry.review_id
    ).where(QueueEntry.work_item_id.in_(ids), QueueEntry.code == ITEM)
    return {row.work_item_id: row for row in connection.execute(query)}
