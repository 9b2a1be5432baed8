"""Redo requests: what reviewers want done again, until a run takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, exists, select, update
from sqlalchemy.orm import aliased

from schemas.items import sources_of
from schemas.listing import require_collection
from schemas.review_records import Decision, MaskEditRecord, RedoRecord
from schemas.statements import now
from schemas.tables import Asset, MaskEdit, Recipe, RedoRequest, Review, WorkItem


def pending(connection: Connection, collection: str, *, after: int, limit: int) -> list[RedoRecord]:
    """Return requests that no run has taken, oldest first. ``after``: the last ``review_id`` before.

    A request counts while its review is the item's current decision: one that was approved or rejected after
    all, or asked for anew, is not done.
    """
    later, undo = aliased(Review), aliased(Review)
    overruled = exists().where(
        later.work_item_id == RedoRequest.work_item_id,
        later.id > RedoRequest.review_id,
        later.decision != Decision.UNDO.value,
        ~exists().where(undo.undoes == later.id),
    )
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
            ~overruled,
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
