"""Recording what became of work items: a batch in one transaction, each item once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from schemas import queue_upkeep, rules, tallies
from schemas.errors import CatalogUseError
from schemas.present import lock_photos
from schemas.records import (
    HOT_MEASUREMENTS,
    OUTSIDE_ERRORS,
    EventOutcome,
    EventRecord,
    EventType,
    FlagState,
    OutcomeRecord,
    RunState,
    WorkState,
)
from schemas.runs import require_run
from schemas.statements import agent_ids, event_row, insert_events, insert_rows, now, software_agent, upsert
from schemas.tables import Base, Derivative, Face, Flag, Mask, Measurement, WorkItem

_OPEN_STATES = (WorkState.PENDING.value, WorkState.RUNNING.value)


def record(connection: Connection, run_id: int, records: Sequence[OutcomeRecord]) -> int:
    """Record outcomes; return how many were accepted. See ``Catalog.record_outcomes``."""
    names = {event.agent for outcome in records for event in outcome.events}
    agents = agent_ids(connection, names | {software_agent()})
    run = require_run(connection, run_id, lock=True)
    lock_photos(connection, [outcome.work_item_id for outcome in records])
    items = _lock_items(connection, records)
    if run.state != RunState.RUNNING:
        return 0
    # The first of several outcomes of one item counts, as it would over two batches.
    first = {outcome.work_item_id: outcome for outcome in reversed(records)}
    accepted = [outcome for item, outcome in sorted(first.items()) if _is_open(items[item], run_id)]
    if accepted:
        flags = rules.applied(connection, accepted)
        accepted = [replace(one, flags=found) for one, found in zip(accepted, flags, strict=True)]
        _forget_earlier_attempt(connection, [outcome.work_item_id for outcome in accepted])
        moment = now()
        _end_items(connection, accepted, moment)
        insert_results(connection, accepted, dict.fromkeys((one.work_item_id for one in accepted), moment))
        insert_events(connection, _event_rows(accepted, items, agents, run_id))
        tallies.add(connection, [(run_id, str(one.outcome), 1, _seconds(one)) for one in accepted])
        queue_upkeep.refresh_photos(connection, [outcome.work_item_id for outcome in accepted])
    return len(accepted)


def _counts(outcome: OutcomeRecord) -> bool:
    """Whether it was the photo's own attempt: a disk that is full must not use up every photo's."""
    return outcome.outcome != WorkState.FAILED or outcome.error_class not in OUTSIDE_ERRORS


def _seconds(outcome: OutcomeRecord) -> float:
    return outcome.seconds if math.isfinite(outcome.seconds) else 0.0


def _lock_items(connection: Connection, records: Sequence[OutcomeRecord]) -> dict[int, Any]:
    ids = sorted({outcome.work_item_id for outcome in records})
    query = (
        select(WorkItem.id, WorkItem.asset_id, WorkItem.content_id, WorkItem.run_id, WorkItem.state)
        .where(WorkItem.id.in_(ids))
        .order_by(WorkItem.id)
        .with_for_update(key_share=True)
    )
    items = {row.id: row for row in connection.execute(query)}
    missing = [item for item in ids if item not in items]
    if missing:
        raise CatalogUseError(f"there are no work items {missing[:5]} in this catalog")
    return items


def _is_open(item: Any, run_id: int) -> bool:
    return item.run_id == run_id and item.state in _OPEN_STATES


def _forget_earlier_attempt(connection: Connection, items: list[int]) -> None:
    """Drop what a failed attempt left: its findings are not the new one's. Files stay recorded."""
    tables: tuple[type[Flag | Face | Mask | Measurement], ...] = (Flag, Face, Mask, Measurement)
    for table in tables:
        connection.execute(delete(table).where(table.work_item_id.in_(items)))


def _end_items(connection: Connection, outcomes: list[OutcomeRecord], moment: datetime) -> None:
    statement = (
        update(WorkItem)
        .where(WorkItem.id == bindparam("item"))
        .values(
            state=bindparam("outcome"),
            reason=bindparam("why"),
            error_class=bindparam("error"),
            tier=bindparam("made"),
            seconds=bindparam("took"),
            finished_at=moment,
            attempts=WorkItem.attempts + bindparam("counted"),
        )
    )
    rows = [
        {
            "item": outcome.work_item_id,
            "outcome": str(outcome.outcome),
            "why": outcome.reason,
            "error": outcome.error_class,
            "made": outcome.tier,
            "took": outcome.seconds,
            "counted": int(_counts(outcome)),
        }
        for outcome in outcomes
    ]
    connection.execute(statement, rows)
    # What wrote nothing gives its place below the destination back: another recipe may have it.
    unwritten = [
        outcome.work_item_id
        for outcome in outcomes
        if outcome.outcome in (WorkState.QUARANTINED, WorkState.SKIPPED) and not outcome.derivatives
    ]
    written = select(Derivative.id).where(Derivative.work_item_id == WorkItem.id).exists()
    connection.execute(update(WorkItem).where(WorkItem.id.in_(unwritten), ~written).values(prefix=None))


def insert_results(
    connection: Connection, outcomes: Sequence[OutcomeRecord], ended: Mapping[int, datetime]
) -> None:
    """Insert files, masks, faces, measurements and flags of work items that have none and ended then."""
    _upsert_derivatives(connection, outcomes, ended)
    rows: dict[type[Base], list[dict[str, Any]]] = {Mask: [], Face: [], Measurement: [], Flag: []}
    for outcome in outcomes:
        item = {"work_item_id": outcome.work_item_id}
        if outcome.mask is not None:
            mask = outcome.mask
            row = {"coverage": mask.coverage, "components": int(mask.components)}
            rows[Mask].append({**item, **row, "uri": mask.uri, "sha256": mask.sha256})
        if outcome.measurements:
            rows[Measurement].append({**item, **measurement_row(outcome.measurements)})
        rows[Face] += [{**item, **row} for row in _face_rows(outcome)]
        then = {"created_at": ended[outcome.work_item_id]}
        rows[Flag] += [{**item, **row, **then} for row in _flag_rows(outcome)]
    for table, found in rows.items():
        insert_rows(connection, table, found)


def _upsert_derivatives(
    connection: Connection, outcomes: Sequence[OutcomeRecord], ended: Mapping[int, datetime]
) -> None:
    rows = [
        {
            "work_item_id": outcome.work_item_id,
            "kind": str(file.kind),
            "tier": file.tier,
            "uri": file.uri,
            "sha256": file.sha256,
            "size": file.size,
            "media_type": file.media_type,
            "created_at": ended[outcome.work_item_id],
        }
        for outcome in outcomes
        for file in outcome.derivatives
    ]
    if rows:
        statement = upsert(connection, Derivative)
        renewed = {
            name: statement.excluded[name] for name in ("kind", "tier", "sha256", "size", "media_type")
        }
        statement = statement.on_conflict_do_update(index_elements=["work_item_id", "uri"], set_=renewed)
        connection.execute(statement, rows)


def measurement_row(measurements: Mapping[str, float]) -> dict[str, Any]:
    """Return the wide row of named measurements: typed columns for the hot ones, the rest in ``extra``."""
    row: dict[str, Any] = dict.fromkeys(HOT_MEASUREMENTS)
    extra: dict[str, float] = {}
    for name, value in measurements.items():
        column = name.replace("-", "_")
        if column in row:
            row[column] = value
        else:
            extra[name] = value
    return {**row, "extra": extra}


def _face_rows(outcome: OutcomeRecord) -> list[dict[str, Any]]:
    return [
        {
            "position": position,
            **dict(zip(("x", "y", "width", "height"), face.box, strict=True)),
            "landmarks": [list(point) for point in face.landmarks],
            "score": face.score,
            "drift": face.drift,
            "applied": face.applied,
        }
        for position, face in enumerate(outcome.faces)
    ]


def _flag_rows(outcome: OutcomeRecord) -> list[dict[str, Any]]:
    return [
        {
            "code": flag.code,
            "severity": str(flag.severity),
            "value": flag.value,
            "threshold": flag.threshold,
            "rule_version": flag.rule_version,
            "explanation": flag.explanation,
            "state": FlagState.OPEN.value,
        }
        for flag in outcome.flags
    ]


def _event_rows(
    outcomes: list[OutcomeRecord], items: Mapping[int, Any], agents: dict[str, int], run_id: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        item = items[outcome.work_item_id]
        links = {
            "asset_id": item.asset_id,
            "content_id": item.content_id,
            "work_item_id": item.id,
            "run_id": run_id,
        }
        events = outcome.events or (implied_event(outcome),)
        rows += [event_row(event, agents, **links) for event in events]
    return rows


def implied_event(outcome: OutcomeRecord) -> EventRecord:
    """Return the event that an outcome implies, for callers that tell none themselves."""
    kind, ended = {
        WorkState.DONE: (EventType.MODIFICATION, EventOutcome.SUCCESS),
        WorkState.SKIPPED: (EventType.VALIDATION, EventOutcome.SUCCESS),
        WorkState.QUARANTINED: (EventType.QUARANTINE, EventOutcome.SUCCESS),
        WorkState.FAILED: (EventType.MODIFICATION, EventOutcome.FAIL),
    }[WorkState(outcome.outcome)]
    detail: dict[str, Any] = {"reason": outcome.reason, "error_class": outcome.error_class}
    detail["derivatives"] = [{"uri": file.uri, "sha256": file.sha256} for file in outcome.derivatives]
    return EventRecord(
        kind,
        outcome=ended,
        detail={name: value for name, value in detail.items() if value},
        agent=software_agent(),
    )
