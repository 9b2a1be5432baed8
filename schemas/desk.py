"""The part of the catalog that the review desk uses: queue, decisions, redo, lots, audit.

Mixed into :class:`schemas.repository.Catalog`. Each method is one transaction. The work is in
:mod:`schemas.queue`, :mod:`schemas.queue_rows`, :mod:`schemas.reviews`, :mod:`schemas.mask_edits`,
:mod:`schemas.redos`, :mod:`schemas.lots` and :mod:`schemas.audit`; records are in :mod:`schemas.review_records`.
Accounts are in :mod:`schemas.accounts`, sessions in :mod:`schemas.desk_sessions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from schemas import (
    audit,
    dossier,
    lots,
    mask_edits,
    queries,
    queue,
    queue_rows,
    redos,
    reviews,
    session,
)
from schemas.audit import AuditEntry, AuditReport
from schemas.review_records import (
    Decision,
    DecisionRequest,
    DecisionResult,
    LotRecord,
    MaskEditRecord,
    QueueCount,
    QueueFilter,
    QueuePage,
    QueueRow,
    RedoRecord,
    ReviewRecord,
)
from schemas.reviews import Opinion
from schemas.rows import History
from schemas.statements import now


class DeskOperations:
    """What the review desk asks of a catalog."""

    engine: Engine

    # --- queue --------------------------------------------------------------------------------------------

    def review_queue(
        self, wanted: QueueFilter | None = None, *, after: str | None = None, limit: int = 50
    ) -> QueuePage:
        """Return a page of items to decide on; see :class:`QueueFilter`. Costs the same on any page.

        ``after``: the ``next`` of the page before. Raises CatalogUseError.
        """
        with session.read(self.engine) as connection:
            return queue_rows.page(connection, wanted or QueueFilter(), after=after, limit=limit)

    def queue_counts(self, wanted: QueueFilter | None = None) -> list[QueueCount]:
        """Return how many items there are by flag, severity and decision, without counting any.

        The filter's collection, run, flag and severity narrow it; its other conditions are not looked at.
        """
        with session.read(self.engine) as connection:
            return queue.count(connection, wanted or QueueFilter())

    def queue_row(self, item_id: int) -> QueueRow:
        """Return one item as a queue shows it. Raises UnknownItemError."""
        with session.read(self.engine) as connection:
            return queue_rows.one(connection, item_id)

    def history(self, item_id: int) -> History:
        """Return everything about an item and its photo, for the photo's page.

        The row of :meth:`show` for this very item (``reviews`` oldest first, undone ones too; ``models``;
        ``work_items``: the photo's other results), and with it ``present`` (the work item of the present
        result), ``recipe_document`` (parsed), ``mask_edits`` (MaskEditRecords) and ``queue`` (a QueueRow, None where
        there is nothing to decide). Raises UnknownItemError.
        """
        with session.read(self.engine) as connection:
            return dossier.history(connection, item_id)

    # --- decisions ----------------------------------------------------------------------------------------

    def decide(
        self,
        item_id: int,
        decision: Decision,
        reason: str,
        reviewer: str,
        output_sha256: str,
        seen_review: int | None,
        mask_edit: int | None = None,
    ) -> ReviewRecord:
        """Record approve, reject or redo of an item's output, close its flags, and return the review.

        Args:
            item_id: the work item.
            decision: approve, reject or redo; see :meth:`undo` for taking back.
            reason: why, in words; may be empty.
            reviewer: the account's name.
            output_sha256: digest of the output that was looked at.
            seen_review: the item's ``last_review`` when it was looked at.
            mask_edit: an edited mask of this item to use when it is done again.

        Raises:
            UnknownItemError: no such item, or it has no output.
            OutputChangedError: the output is another one by now.
            ReviewConflictError: somebody decided since ``seen_review``.
            CatalogUseError: no decision, no reviewer, or another item's mask.
        """
        request = DecisionRequest(item_id, output_sha256, seen_review)
        opinion = Opinion(Decision(decision), reason, reviewer, mask_edit)
        with session.write(self.engine) as connection:
            return reviews.decide_one(connection, request, opinion)

    def decide_each(
        self, requests: Sequence[DecisionRequest], decision: Decision, reason: str, reviewer: str
    ) -> list[DecisionResult]:
        """Record one decision on the items that a reviewer marked; those refused are told, not raised."""
        opinion = Opinion(Decision(decision), reason, reviewer)
        with session.write(self.engine) as connection:
            return reviews.decide(connection, requests, opinion)

    def decide_many(
        self,
        wanted: QueueFilter,
        decision: Decision,
        reason: str,
        reviewer: str,
        *,
        limit: int | None = None,
        until: datetime | None = None,
        chunk: int = 500,
    ) -> Iterator[list[DecisionResult]]:
        """Record one decision on everything that a filter shows, a transaction for each chunk.

        Yields the results of each chunk once it is committed; whoever stops iterating stops deciding.
        ``limit``: at most so many items, in the queue's order; ``until``: only those that ended by then, and so
        none that nobody can have seen. Raises CatalogUseError.
        """
        opinion = Opinion(Decision(decision), reason, reviewer)
        after: str | None = None
        left = limit
        while left is None or left > 0:
            size = chunk if left is None else min(chunk, left)
            with session.write(self.engine) as connection:
                rows, after = queue.page(connection, wanted, after=after, limit=size)
                results = reviews.decide(connection, queue_rows.requests(connection, rows, until), opinion)
            if results:
                yield results
            left = None if left is None else left - len(results)
            if after is None:
                return

    def undo(self, review_id: int, reviewer: str, reason: str = "") -> ReviewRecord:
        """Take back an item's current decision; the one before it, if any, counts again.

        With none left the item's flags are open again. Raises UnknownItemError for an unknown review,
        ReviewConflictError when it is not the current decision any more.
        """
        with session.write(self.engine) as connection:
            return reviews.undo(connection, review_id, reviewer, reason)

    def reviews(self, item_id: int) -> list[ReviewRecord]:
        """Return an item's reviews, oldest first, undone ones and undos too."""
        with session.read(self.engine) as connection:
            return reviews.of_items(connection, [item_id])

    # --- masks and redo -----------------------------------------------------------------------------------

    def add_mask_edit(self, item_id: int, sha256: str, uri: str, reviewer: str) -> MaskEditRecord:
        """Record a mask that a curator edited; its file is written before. Raises UnknownItemError."""
        with session.write(self.engine) as connection:
            return mask_edits.add_mask_edit(connection, item_id, sha256, uri, reviewer)

    def redo_with_mask(
        self, request: DecisionRequest, opinion: Opinion, sha256: str, uri: str
    ) -> ReviewRecord:
        """Record a mask that a curator edited and the redo that uses it: both, or neither where that is refused.

        Raises as :meth:`decide`.
        """
        with session.write(self.engine) as connection:
            return mask_edits.redo_with_mask(connection, request, opinion, sha256, uri)

    def pending_redos(self, collection: str, *, after: int = 0, limit: int = 500) -> list[RedoRecord]:
        """Return what reviewers want done again and no run has taken, oldest first. Raises CatalogUseError.

        ``after``: the last ``review_id`` of the page before.
        """
        with session.read(self.engine) as connection:
            return redos.pending(connection, collection, after=after, limit=limit)

    def redo_taken(self, review_ids: Sequence[int], run_id: int) -> int:
        """Record that a run does these requests; return how many it got, the others being taken already."""
        with session.write(self.engine) as connection:
            return redos.taken(connection, review_ids, run_id)

    def redo_ended(self, review_id: int, run_id: int) -> int | None:
        """Record that a request's photo has a result, made in this run or before it, and return that work item.

        The result becomes the photo's present one; where its own redo led elsewhere, it is undecided again. None
        where the request was taken, taken back or overruled meanwhile: nothing is changed. Raises CatalogUseError.
        """
        with session.write(self.engine) as connection:
            return redos.ended(connection, review_id, run_id)

    def redo_waits(self, review_id: int) -> bool:
        """Return whether this review asks for a redo that no run has taken."""
        with session.read(self.engine) as connection:
            return reviews.waits(connection, review_id)

    # --- lots ---------------------------------------------------------------------------------------------

    def draw_lot(
        self,
        wanted: QueueFilter,
        *,
        aql: float,
        created_by: str,
        level: str = "II",
        seed: int | None = None,
    ) -> LotRecord:
        """Draw a random sample of everything that a filter shows, by ISO 2859-1 (:mod:`schemas.sampling`).

        ``seed`` None: a random one, which is recorded. The same seed draws the same sample of the same items.
        Raises CatalogUseError.
        """
        with session.write(self.engine) as connection:
            return lots.draw_lot(connection, wanted, aql, level, seed, created_by)

    def lot(self, lot_id: int) -> LotRecord:
        """Return a lot and its verdict as of now. Raises CatalogUseError."""
        with session.read(self.engine) as connection:
            return lots.lot(connection, lot_id)

    def lots(self, *, limit: int = 50, before: int | None = None) -> list[LotRecord]:
        """Return lots with their verdicts, newest first. ``before``: the last ``lot_id`` seen."""
        with session.read(self.engine) as connection:
            return lots.listed(connection, limit=limit, before=before)

    def lot_sample(self, lot_id: int) -> list[QueueRow]:
        """Return the items of a lot's sample in the order in which they were drawn."""
        with session.read(self.engine) as connection:
            return queue_rows.rows(connection, [(item, None) for item in lots.members(connection, lot_id)])

    # --- audit --------------------------------------------------------------------------------------------

    def places(self) -> list[str]:
        """Return the sources and destinations that the catalog's runs name, as they name them."""
        with session.read(self.engine) as connection:
            return queries.places(connection)

    def verify_audit(self) -> AuditReport:
        """Read the whole audit chain and report the first entry that does not fit."""
        with session.read(self.engine) as connection:
            return audit.verify(connection)

    def record_publication(self, actor: str, form: str, destination: str, photos: int) -> None:
        """Record in the audit chain that approved photos were exported for publication."""
        entry = AuditEntry(actor, "published", destination, {"form": form, "photos": photos})
        with session.write(self.engine) as connection:
            audit.append(connection, [entry], now())

    def audit_entries(self, *, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        """Return audit entries, newest first: ``entry, at, actor, action, subject, detail, sha256``."""
        with session.read(self.engine) as connection:
            return audit.entries(connection, limit=limit, before=before)
