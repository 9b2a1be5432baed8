"""Redo requests: what reviewers want done again, until a run takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, select, update
from sqlalchemy.orm import aliased

from schemas import present, queue_upkeep, reviews
from schemas.items import sources_of
from schemas.listing import require_collection
from schemas.records import DONE_AGAIN, FlagState
from schemas.review_records import MaskEditRecord, RedoRecord
from schemas.runs import require_run
from schemas.standing import current_review, overruled
from schemas.statements import agent_ids, now, software_agent
from schemas.tables import Asset, Flag, MaskEdit, Recipe, RedoRequest, Review, WorkItem


def pending(connection: Connection, collection: str, *, after: int, limit: int) -> list[RedoRecord]:
    """Return requests that no run has taken, oldest first. ``after``: the last ``review_id`` before.

    A request counts while its review is the item's current decision: one that was approved or rejected after
    all, or asked for anew, is not done.
    """
    query = (
        select(
            RedoRequest.review_id,
            RedoRequest.work_item_id,
            WorkItem.asset_id,
            Asset.key,
            WorkItem.input_sha,
            Recipe.sha256.label("recipe"),
            Review.reason,
            Review.reviewer,
            Review.mask_edit_id,
        )
        .join(Review, Review.id == RedoRequest.review_id)
        .join(WorkItem, WorkItem.id == RedoRequest.work_item_id)
        .join(Asset, Asset.id == WorkItem.asset_id)
        .join(Recipe, Recipe.id == WorkItem.recipe_id)
        .where(
            RedoRequest.collection_id == require_collection(connection, collection),
            RedoRequest.taken_at.is_(None),
            RedoRequest.review_id > after,
            ~overruled(Review),
        )
        .order_by(RedoRequest.review_id)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    masks = mask_edits(connection, [row.mask_edit_id for row in rows if row.mask_edit_id])
    sources = sources_of(connection, [row.asset_id for row in rows])
    return [_record(row, masks, sources) for row in rows]


def taken(connection: Connection, reviews: Sequence[int], run_id: int) -> int:
    """Record that a run does these requests; return how many it got (others were taken already)."""
    result = connection.execute(
        update(RedoRequest)
        .where(RedoRequest.review_id.in_(reviews), RedoRequest.taken_at.is_(None))
        .values(run_id=run_id, taken_at=now())
    )
    return result.rowcount


def ended(connection: Connection, review_id: int, run_id: int) -> int | None:
    """Take a request whose photo has a result under a run's recipe, made in it or before; return that result.

    It becomes the photo's present one, and undecided unless :func:`schemas.reviews.to_take_back` says otherwise. None
    where the request does not count any more; then nothing is changed. Raises CatalogUseError for an unknown run.
    """
    agent = agent_ids(connection, [software_agent()])[software_agent()]
    recipe = require_run(connection, run_id).recipe_id
    asked, wanted = aliased(WorkItem), aliased(WorkItem)
    same = (
        wanted.asset_id == asked.asset_id,
        wanted.input_sha == asked.input_sha,
        wanted.recipe_id == recipe,
    )
    query = select(asked.id, wanted.id).join(RedoRequest, RedoRequest.work_item_id == asked.id)
    query = query.join(wanted, and_(*same)).where(RedoRequest.review_id == review_id)
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    was, item = found
    # Nobody decides on the photo from here on.
    present.results_beside(connection, [item])
    current = current_review(reviews.of_items(connection, [was]))
    if current is None or current.review_id != review_id or not taken(connection, [review_id], run_id):
        return None
    beside = present.bring_back(connection, item)
    over = reviews.to_take_back(connection, item)
    reason = f"{current.reviewer} asked for this result: it answers the redo of work item {was}"
    if over is not None:
        _mark(connection, item, f"{reason}. See whether it is right.")
    queue_upkeep.refresh(connection, beside)
    reviews.take_back(connection, over or [], agent, reason)
    return item


def _mark(connection: Connection, item: int, explanation: str) -> None:
    """Flag a result as asked for, as if a run had made it again: it comes to the desk, whatever is measured."""
    marked = select(Flag.id).where(Flag.work_item_id == item, Flag.code == DONE_AGAIN)
    if connection.scalar(marked) is not None:
        return
    row = {
        "work_item_id": item,
        "code": DONE_AGAIN,
        "severity": "notice",
        "value": 1.0,
        "threshold": 1.0,
        "rule_version": 1,
        "explanation": explanation,
        "state": FlagState.OPEN.value,
        "created_at": now(),
    }
    connection.execute(insert(Flag).values(row))


def mask_edits(connection: Connection, numbers: Sequence[int]) -> dict[int, MaskEditRecord]:
    """Return edited masks by number."""
    query = select(MaskEdit.__table__).where(MaskEdit.id.in_(numbers))
    return {row.id: mask_edit_of(row) for row in connection.execute(query)}


def mask_edit_of(row: Row[Any]) -> MaskEditRecord:
    """Return the record of a row of the table ``mask_edit``."""
    return MaskEditRecord(row.id, row.work_item_id, row.sha256, row.uri, row.reviewer, row.at)


def _record(row: Row[Any], masks: dict[int, MaskEditRecord], sources: dict[int, str]) -> RedoRecord:
    return RedoRecord(
        row.review_id,
        row.work_item_id,
        row.asset_id,
        row.key,
        sources.get(row.asset_id),
        row.input_sha,
        row.recipe,
        row.reason,
        row.reviewer,
        masks.get(row.mask_edit_id or 0),
    )
