"""What follows from reviews, in their own transaction: flags, an event for each, the queue, and the audit chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, update

from schemas import audit, queue_upkeep
from schemas.audit import AuditEntry
from schemas.outputs import ItemState
from schemas.records import EventOutcome, EventRecord, EventType, FlagState
from schemas.review_records import ReviewRecord
from schemas.statements import MAX_PARAMETERS, batches, event_row, insert_events
from schemas.tables import Flag


def follow(
    connection: Connection,
    records: Sequence[ReviewRecord],
    standings: dict[int, ItemState],
    agent: int,
    flags: FlagState,
) -> None:
    """Do what follows from reviews: flags, events, queue, and (last, it locks the chain) the audit."""
    if not records:
        return
    items = [record.item_id for record in records]
    for chunk in batches(items, MAX_PARAMETERS):
        connection.execute(
            update(Flag)
            .where(Flag.work_item_id.in_(chunk), Flag.state != flags.value)
            .values(state=flags.value)
        )
    insert_events(connection, [_event(record, standings[record.item_id], agent) for record in records])
    queue_upkeep.refresh(connection, items)
    audit.append(connection, [_told(record) for record in records], records[0].at)


def _event(record: ReviewRecord, standing: ItemState, agent: int) -> dict[str, Any]:
    event = EventRecord(
        EventType.APPRAISAL,
        at=record.at,
        outcome=EventOutcome.SUCCESS,
        detail={
            "decision": record.decision.value,
            "reason": record.reason,
            "output_sha256": record.output_sha256,
            "review": record.review_id,
            **({"undoes": record.undoes} if record.undoes else {}),
        },
        agent=record.reviewer,
    )
    links = {
        "asset_id": standing.asset_id,
        "content_id": standing.content_id,
        "work_item_id": record.item_id,
        "run_id": standing.run_id,
    }
    return event_row(event, {record.reviewer: agent}, **links)


def _told(record: ReviewRecord) -> AuditEntry:
    detail = {
        "review": record.review_id,
        "decision": record.decision.value,
        "reason": record.reason,
        "output_sha256": record.output_sha256,
        "mask_edit": record.mask_edit_id,
        "undoes": record.undoes,
    }
    told = {name: value for name, value in detail.items() if value is not None}
    return AuditEntry(record.reviewer, audit.REVIEW, f"work item {record.item_id}", told)
