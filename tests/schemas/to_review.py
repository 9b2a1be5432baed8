"""An archive whose photos came out in every way, as reviewers find it."""

from __future__ import annotations

from schemas.records import OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, QueueRow
from tests.schemas.archive import Archive, done, flag, photo, refused

EVERYTHING = QueueFilter(decision=None, flagged_only=False)


def verdict(item: PendingItem) -> OutcomeRecord:
    """Number 0 fails, 1 needs nothing, 2 has no flag, the others a mask share; 5 is grave besides."""
    number = int(item.key[:2])
    if number == 0:
        return OutcomeRecord(item.work_item_id, "failed", reason="no")
    if number == 1:
        return OutcomeRecord(item.work_item_id, "skipped", reason="nothing to do")
    flags = () if number == 2 else (flag("mask-share", number / 100),)
    if number == 5:
        flags = (*flags, flag("everything-masked", 0.99, "serious"))
    return done(item, flags=flags)


def to_review(catalog: Catalog) -> Archive:
    """Return the archive after its run: nine photos and a file that is none."""
    archive = Archive(catalog)
    archive.run([*(photo(f"{number:02}.tif") for number in range(9)), refused("09.txt")], verdict)
    return archive


def row_of(archive: Archive, key: str) -> QueueRow:
    return next(row for row in archive.catalog.review_queue(EVERYTHING).rows if row.key == key)


def keys_of(catalog: Catalog, wanted: QueueFilter) -> list[str]:
    return [row.key[:2] for row in catalog.review_queue(wanted).rows]


def approve(archive: Archive, row: QueueRow, reviewer: str = "ada") -> int:
    review = archive.catalog.decide(
        row.item_id, Decision.APPROVE, "fine", reviewer, row.output_sha256, row.last_review
    )
    return review.review_id
