"""Which of an item's reviews counts: the latest that is no undo and is not undone.

On records; :mod:`schemas.queue_upkeep` says the same in SQL, for the queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.review_records import Decision, ReviewRecord


def current_review(reviews: Sequence[ReviewRecord]) -> ReviewRecord | None:
    """Return the review that holds an item's decision; ``reviews`` are all of its own, oldest first."""
    undone = {review.undoes for review in reviews}
    counting = [
        review
        for review in reviews
        if review.decision is not Decision.UNDO and review.review_id not in undone
    ]
    return counting[-1] if counting else None
