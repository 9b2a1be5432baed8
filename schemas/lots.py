"""Lots for acceptance sampling: drawn once with a recorded seed, judged by the reviews of their sample.

A member is conforming when its current decision is *approve*, nonconforming when it is *reject* or *redo*.
The lot is rejected as soon as the sample holds ``reject_number`` nonconforming members, and accepted as soon
as it cannot hold more than ``accept_number`` any more.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from schemas import audit, queue
from schemas.audit import AuditEntry
from schemas.errors import CatalogUseError, UnknownLotError
from schemas.present import replaced
from schemas.queue_upkeep import ITEM
from schemas.review_records import LotRecord, QueueFilter, Standing, Verdict
from schemas.sampling import draw, sampling_plan
from schemas.statements import now
from schemas.tables import QcLot, QcMember, QueueEntry, WorkItem

_PAGE = 10_000


def draw_lot(
    connection: Connection, wanted: QueueFilter, aql: float, level: str, seed: int | None, created_by: str
) -> LotRecord:
    """Draw and record a lot of everything that the filter shows. Raises CatalogUseError."""
    items = sorted(item for page in _pages(connection, wanted) for item in page)
    plan = sampling_plan(len(items), aql, level)
    chosen = secrets.randbits(31) if seed is None else seed
    moment = now()
    row = {
        "filter": _conditions(wanted),
        "lot_size": len(items),
        "inspection_level": level,
        "aql": aql,
        "code_letter": plan.letter,
        "sample_size": plan.sample_size,
        "accept_number": plan.accept,
        "reject_number": plan.reject,
        "seed": chosen,
        "created_by": created_by,
        "created_at": moment,
    }
    number = connection.execute(insert(QcLot).values(row).returning(QcLot.id)).scalar_one()
    members = [items[place] for place in draw(len(items), plan.sample_size, chosen)]
    connection.execute(
        insert(QcMember),
        [
            {"lot_id": number, "position": position, "work_item_id": item}
            for position, item in enumerate(members)
        ],
    )
    told = {name: value for name, value in row.items() if name not in ("created_by", "created_at")}
    audit.append(connection, [AuditEntry(created_by, "lot drawn", f"lot {number}", told)], moment)
    return lot(connection, number)


def lot(connection: Connection, number: int) -> LotRecord:
    """Return a lot and its verdict as of now. Raises UnknownLotError."""
    row = connection.execute(select(QcLot.__table__).where(QcLot.id == number)).one_or_none()
    if row is None:
        raise UnknownLotError(f"there is no lot {number} in this catalog")
    return _record(connection, row)


def listed(connection: Connection, *, limit: int, before: int | None) -> list[LotRecord]:
    """Return lots, newest first. ``before``: the last ``lot_id`` of the page before."""
    query = select(QcLot.__table__).order_by(QcLot.id.desc()).limit(limit)
    if before is not None:
        query = query.where(QcLot.id < before)
    return [_record(connection, row) for row in connection.execute(query).all()]


def members(connection: Connection, number: int) -> list[int]:
    """Return the work items of a lot's sample, in the order in which they were drawn."""
    query = select(QcMember.work_item_id).where(QcMember.lot_id == number).order_by(QcMember.position)
    return list(connection.scalars(query))


def verdict(accept: int, nonconforming: int, undecided: int) -> Verdict:
    """Judge a sample of which some members are not decided yet."""
    if nonconforming > accept:
        return Verdict.REJECTED
    if nonconforming + undecided <= accept:
        return Verdict.ACCEPTED
    return Verdict.OPEN


def _record(connection: Connection, row: Row[Any]) -> LotRecord:
    query = (
        select(QcMember.work_item_id, QueueEntry.decision, replaced(WorkItem))
        .join(WorkItem, WorkItem.id == QcMember.work_item_id)
        .join(QueueEntry, QueueEntry.work_item_id == QcMember.work_item_id)
        .where(QcMember.lot_id == row.id, QueueEntry.code == ITEM)
        .order_by(QcMember.position)
    )
    found = connection.execute(query).all()
    standings = Counter(decision for _, decision, _ in found)
    bad = standings[Standing.REJECT] + standings[Standing.REDO]
    good = standings[Standing.APPROVE]
    undecided = row.sample_size - good - bad
    values = {name: value for name, value in row._mapping.items() if name != "id"}
    return LotRecord(
        lot_id=row.id,
        **values,
        verdict=verdict(row.accept_number, bad, undecided),
        conforming=good,
        nonconforming=bad,
        undecided=undecided,
        replaced=tuple(item for item, _, has_newer in found if has_newer),
    )


def _pages(connection: Connection, wanted: QueueFilter) -> Iterator[list[int]]:
    after: str | None = None
    while True:
        rows, after = queue.page(connection, wanted, after=after, limit=_PAGE)
        yield [item for item, _ in rows]
        if after is None:
            return


def _conditions(wanted: QueueFilter) -> dict[str, Any]:
    if wanted.text is not None and not wanted.text:
        raise CatalogUseError("an empty text matches every key; leave it out")
    return {name: value for name, value in asdict(wanted).items() if value is not None}
