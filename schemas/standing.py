"""Which of an item's reviews counts: the latest that is no undo and is not undone.

On records, and as a condition on one review; :mod:`schemas.queue_upkeep` says the same in SQL, for the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, or_
from sqlalchemy.orm import aliased

from schemas.review_records import Decision, ReviewRecord
from schemas.tables import Review


def current_review(reviews: Sequence[ReviewRecord]) -> ReviewRecord | None:
    """Return the review that holds an item's decision; ``reviews`` are all of its own, oldest first."""
    undone = {review.undoes for review in reviews}
    counting = [
        review
        for review in reviews
        if review.decision is not Decision.UNDO and review.review_id not in undone
    ]
    return counting[-1] if counting else None


def overruled(review: Any) -> ColumnElement[bool]:
    """Condition that a review, which is no undo, does not hold its item's decision any more."""
    later, undo = aliased(Review), aliased(Review)
    decided_since = exists().where(
        later.work_item_id == review.work_item_id,
        later.id > review.id,
        later.decision != Decision.UNDO.value,
        ~exists().where(undo.undoes == later.id),
    )
    return or_(decided_since, exists().where(undo.undoes == review.id))
