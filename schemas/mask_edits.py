"""Masks that reviewers drew: each is kept, and a redo names the one that it is made with."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, insert

from schemas import audit, outputs
from schemas.audit import AuditEntry
from schemas.errors import UnknownItemError
from schemas.review_records import DecisionRequest, MaskEditRecord, ReviewRecord
from schemas.reviews import Opinion, decide_one
from schemas.statements import now
from schemas.tables import MaskEdit


def add_mask_edit(connection: Connection, item: int, sha256: str, uri: str, reviewer: str) -> MaskEditRecord:
    """Record an edited mask. Raises UnknownItemError."""
    edit = _insert(connection, item, sha256, uri, reviewer)
    audit.append(connection, [_told(edit)], edit.at)
    return edit


def redo_with_mask(
    connection: Connection, request: DecisionRequest, opinion: Opinion, sha256: str, uri: str
) -> ReviewRecord:
    """Record an edited mask and the redo that uses it, both or neither. Raises as :func:`decide_one`."""
    # The item's lock first: the mask's foreign key takes a weaker one, and two reviewers would wait for each other.
    outputs.standings(connection, [request.item_id], lock=True)
    edit = _insert(connection, request.item_id, sha256, uri, opinion.reviewer)
    review = decide_one(connection, request, replace(opinion, mask_edit_id=edit.mask_edit_id))
    audit.append(connection, [_told(edit)], edit.at)
    return review


def _insert(connection: Connection, item: int, sha256: str, uri: str, reviewer: str) -> MaskEditRecord:
    if item not in outputs.standings(connection, [item]):
        raise UnknownItemError(outputs.unknown(item))
    moment = now()
    row = {"work_item_id": item, "sha256": sha256, "uri": uri, "reviewer": reviewer, "at": moment}
    number = connection.execute(insert(MaskEdit).values(row).returning(MaskEdit.id)).scalar_one()
    return MaskEditRecord(number, item, sha256, uri, reviewer, moment)


def _told(edit: MaskEditRecord) -> AuditEntry:
    detail = {"sha256": edit.sha256, "uri": edit.uri}
    return AuditEntry(edit.reviewer, "mask edited", f"work item {edit.item_id}", detail)
