"""Decisions on outputs: recorded once, never changed, never lost to another reviewer.

A decision names what the reviewer looked at (the output's digest) and the item's last review that he had
seen. It is refused when either is not the present one. Deciding closes the item's open flags; undoing the
decision opens them again. Each writes a PREMIS event and an entry of the audit chain, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from schemas import outputs
from schemas.errors import CatalogUseError, OutputChangedError, ReviewConflictError, UnknownItemError
from schemas.outputs import ItemState
from schemas.records import FlagState
from schemas.review_effects import follow
from schemas.review_records import (
    Decision,
    DecisionRequest,
    DecisionResult,
    ReviewRecord,
)
from schemas.standing import current_review
from schemas.statements import now, person_id, software_agent
from schemas.tables import MaskEdit, RedoRequest, Review
from schemas.types import clean_text


@dataclass(frozen=True)
class Opinion:
    """What a reviewer says of one or more items."""

    decision: Decision
    reason: str
    reviewer: str
    mask_edit_id: int | None = None

    def __post_init__(self) -> None:
        if self.decision not in (Decision.APPROVE, Decision.REJECT, Decision.REDO):
            raise CatalogUseError(f"{self.decision!r} is no decision (one of approve, reject, redo)")
        if not self.reviewer.strip():
            raise CatalogUseError("a decision needs its reviewer's name")


def decide_one(connection: Connection, request: DecisionRequest, opinion: Opinion) -> ReviewRecord:
    """Record a decision. Raises UnknownItemError, ReviewConflictError, OutputChangedError."""
    (result,) = decide(connection, [request], opinion)
    if result.review is not None:
        return result.review
    standing = outputs.standings(connection, [request.item_id]).get(request.item_id)
    problem = result.problem or ""
    if standing is None:
        raise UnknownItemError(problem)
    if standing.output_sha256 != request.output_sha256:
        raise OutputChangedError(request.item_id, problem, standing.last_review)
    raise ReviewConflictError(request.item_id, problem, standing.last_review)


def decide(
    connection: Connection, requests: Sequence[DecisionRequest], opinion: Opinion
) -> list[DecisionResult]:
    """Record the same decision on several items in one transaction; an item refused does not stop others.

    An item that is named more than once is decided on once, as it is named first.
    """
    agent = person_id(connection, opinion.reviewer)
    requests = _each_once(requests)
    ids = [request.item_id for request in requests]
    standings = outputs.standings(connection, ids, lock=True)
    problems = {request.item_id: _problem(request, standings.get(request.item_id)) for request in requests}
    accepted = [request for request in requests if problems[request.item_id] is None]
    _require_mask_of(connection, accepted, opinion.mask_edit_id)
    moment = now()
    rows = [_row(request.item_id, request.output_sha256, opinion, moment) for request in accepted]
    records = {record.item_id: record for record in _insert(connection, rows)}
    if opinion.decision is Decision.REDO:
        _request_redo(connection, list(records.values()), standings)
    follow(connection, list(records.values()), standings, agent, FlagState.CLOSED)
    return [
        DecisionResult(request.item_id, records.get(request.item_id), problems[request.item_id])
        for request in requests
    ]


def undo(connection: Connection, review_id: int, reviewer: str, reason: str) -> ReviewRecord:
    """Take back an item's current decision. Raises UnknownItemError, ReviewConflictError."""
    agent = person_id(connection, reviewer)
    item = connection.scalar(select(Review.work_item_id).where(Review.id == review_id))
    if item is None:
        raise UnknownItemError(f"there is no review {review_id} in this catalog")
    standings = outputs.standings(connection, [item], lock=True)
    current = current_review(of_items(connection, [item]))
    if current is None or current.review_id != review_id:
        raise ReviewConflictError(
            item,
            f"{standings[item].key!r} was decided on anew since; look at the photo again",
            standings[item].last_review,
        )
    row = {
        "work_item_id": item,
        "decision": Decision.UNDO.value,
        "reason": reason,
        "reviewer": reviewer,
        "at": now(),
        "output_sha256": current.output_sha256,
        "mask_edit_id": None,
        "undoes": review_id,
    }
    (record,) = _insert(connection, [row])
    untaken = (RedoRequest.review_id == review_id, RedoRequest.taken_at.is_(None))
    connection.execute(delete(RedoRequest).where(*untaken))
    decided = current_review(of_items(connection, [item])) is not None
    follow(connection, [record], standings, agent, FlagState.CLOSED if decided else FlagState.OPEN)
    return record


def to_take_back(connection: Connection, item: int) -> list[ReviewRecord] | None:
    """Return the reviews without which an item that is asked for again is undecided; None where it stays decided.

    A redo that a run has answered is over, and with it what was decided before. An approval, a rejection and a redo
    that still waits stay.
    """
    told = of_items(connection, [item])
    current = current_review(told)
    if current is None:
        return []
    if current.decision is not Decision.REDO or waits(connection, current.review_id):
        return None
    undone = {review.undoes for review in told}
    return [one for one in told if one.decision is not Decision.UNDO and one.review_id not in undone]


def take_back(connection: Connection, taken_back: Sequence[ReviewRecord], agent: int, reason: str) -> None:
    """Undo all of these reviews of one item as this program, whose id as agent is ``agent``; the latest first."""
    if not taken_back:
        return
    numbers, item, moment = [one.review_id for one in taken_back], taken_back[0].item_id, now()
    rows = [
        {
            "work_item_id": item,
            "decision": Decision.UNDO.value,
            "reason": reason,
            "reviewer": software_agent(),
            "at": moment,
            "output_sha256": one.output_sha256,
            "mask_edit_id": None,
            "undoes": one.review_id,
        }
        for one in reversed(taken_back)
    ]
    records = _insert(connection, rows)
    untaken = (RedoRequest.review_id.in_(numbers), RedoRequest.taken_at.is_(None))
    connection.execute(delete(RedoRequest).where(*untaken))
    follow(connection, records, outputs.standings(connection, [item], lock=True), agent, FlagState.OPEN)


def waits(connection: Connection, review_id: int) -> bool:
    """Return whether this review asks for a redo that no run has taken."""
    untaken = (RedoRequest.review_id == review_id, RedoRequest.taken_at.is_(None))
    return connection.scalar(select(RedoRequest.review_id).where(*untaken)) is not None


def of_items(connection: Connection, items: Sequence[int]) -> list[ReviewRecord]:
    """Return all reviews of these items, oldest first, undone ones and undos too."""
    query = select(Review.__table__).where(Review.work_item_id.in_(items)).order_by(Review.id)
    return [_record(row) for row in connection.execute(query)]


def _record(row: Row[Any]) -> ReviewRecord:
    return ReviewRecord(
        row.id,
        row.work_item_id,
        Decision(row.decision),
        row.reason,
        row.reviewer,
        row.at,
        row.output_sha256,
        row.mask_edit_id,
        row.undoes,
    )


def _each_once(requests: Sequence[DecisionRequest]) -> list[DecisionRequest]:
    first: dict[int, DecisionRequest] = {}
    for request in requests:
        first.setdefault(request.item_id, request)
    return list(first.values())


def _problem(request: DecisionRequest, standing: ItemState | None) -> str | None:
    if standing is None:
        return outputs.unknown(request.item_id)
    if standing.output_sha256 != request.output_sha256:
        return f"the result of {standing.key!r} is not the one that was looked at; look at the photo again"
    if standing.last_review != request.seen_review:
        return f"somebody else decided on {standing.key!r} in the meantime; look at the photo again"
    return None


def _require_mask_of(
    connection: Connection, requests: Sequence[DecisionRequest], mask_edit: int | None
) -> None:
    if mask_edit is None or not requests:
        return
    owner = connection.scalar(select(MaskEdit.work_item_id).where(MaskEdit.id == mask_edit))
    if [owner] != [request.item_id for request in requests]:
        raise CatalogUseError(f"mask edit {mask_edit} is not of work item {requests[0].item_id}")


def _row(item: int, output: str, opinion: Opinion, moment: datetime) -> dict[str, Any]:
    return {
        "work_item_id": item,
        "decision": opinion.decision.value,
        "reason": opinion.reason,
        "reviewer": opinion.reviewer,
        "at": moment,
        "output_sha256": output,
        "mask_edit_id": opinion.mask_edit_id,
        "undoes": None,
    }


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> list[ReviewRecord]:
    if not rows:
        return []
    statement = insert(Review).returning(Review.id, sort_by_parameter_order=True)
    numbers = list(connection.scalars(statement, rows))
    return [
        ReviewRecord(
            number,
            row["work_item_id"],
            Decision(row["decision"]),
            clean_text(row["reason"]),
            row["reviewer"],
            row["at"],
            row["output_sha256"],
            row["mask_edit_id"],
            row["undoes"],
        )
        for number, row in zip(numbers, rows, strict=True)
    ]


def _request_redo(
    connection: Connection, records: Sequence[ReviewRecord], standings: dict[int, ItemState]
) -> None:
    rows = [
        {
            "review_id": record.review_id,
            "work_item_id": record.item_id,
            "collection_id": standings[record.item_id].collection_id,
        }
        for record in records
    ]
    if rows:
        connection.execute(insert(RedoRequest), rows)
