"""What is to be told of a file that ingest looked at: PREMIS events, and only of what the catalog did not know."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.ingest_records import AssetRecord
from schemas.records import EventOutcome, EventRecord, EventType
from schemas.statements import software_agent


@dataclass(frozen=True)
class Before:
    """What the catalog held of a photo: its last content's digest, and the error at its location."""

    sha256: str | None
    error: str | None


NOTHING = Before(None, None)
"""What it held of a photo that is new."""


def is_changed(record: AssetRecord, before: Before) -> bool:
    """Return whether other bytes lie under a known key than were read there last."""
    return None not in (before.sha256, record.sha256) and before.sha256 != record.sha256


def events_of(record: AssetRecord, before: Before, *, is_new: bool) -> list[EventRecord]:
    """Return what is to be told of a record; nothing when the catalog knows it all."""
    agent = software_agent()
    events: list[EventRecord] = []
    if is_new:
        events.append(EventRecord(EventType.INGESTION, detail={"uri": record.uri}, agent=agent))
    if is_changed(record, before):
        detail = {"uri": record.uri, "from": before.sha256, "to": record.sha256}
        events.append(EventRecord(EventType.MODIFICATION, detail=detail, agent=agent))
    new_bytes = record.sha256 is not None and before.sha256 != record.sha256
    if new_bytes:
        digest = {"algorithm": "SHA-256", "digest": record.sha256, "size": record.size}
        events.append(EventRecord(EventType.MESSAGE_DIGEST_CALCULATION, detail=digest, agent=agent))
    if new_bytes or record.error != before.error:
        events.append(_validation(record, agent))
        events += record.events
    return events


def _validation(record: AssetRecord, agent: str) -> EventRecord:
    outcome = EventOutcome.WARNING if record.warnings else EventOutcome.SUCCESS
    if record.error is not None:
        outcome = EventOutcome.FAIL
    detail = {
        "format": record.format,
        "warnings": list(record.warnings),
        "error": record.error,
        "error_class": record.error_class,
    }
    return EventRecord(
        EventType.VALIDATION,
        outcome=outcome,
        detail={name: value for name, value in detail.items() if value},
        agent=agent,
    )
