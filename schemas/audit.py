"""The audit chain: each entry's digest is of the entry before and of what happened.

``sha256 = SHA-256(previous_sha256 + document)``, both as UTF-8; the first entry's predecessor is 64 zeros.
``document`` is canonical JSON (sorted keys, no spaces) of ``at``, ``actor``, ``action``, ``subject`` and
``detail``. Whoever changes an old entry has to change every later one as well, so a digest that was noted
elsewhere (on paper, in a mail) vouches for everything before it. What counts as a photo's decision lies in the
table ``review``; so each of its rows is compared with the entry that tells of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, text

from schemas.tables import Audit, Review
from schemas.types import clean_json, clean_text

FIRST = "0" * 64
REVIEW = "review"
"""The action of an entry that tells of a row of the table ``review``."""
_LOCK = 0x6F6C64706175
_PAGE = 5_000


@dataclass(frozen=True)
class AuditEntry:
    """Something worth an entry in the audit chain: who did what to what."""

    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditReport:
    """The state of the audit chain. ``broken`` is the first entry that does not fit; None: all fit. ``problem`` says
    why it does not, or with ``broken`` None what the chain should tell of and does not; None: nothing is wrong.

    ``head`` is the last sound entry's digest: noted elsewhere, it also shows whether entries at the end are
    missing.
    """

    entries: int
    head: str
    broken: int | None = None
    problem: str | None = None


def append(connection: Connection, entries: Sequence[AuditEntry], moment: datetime) -> None:
    """Add entries to the chain, in the caller's transaction.

    To be called last in a transaction: until it ends, nobody else can add to the chain.
    """
    if not entries:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    last = connection.scalar(select(Audit.sha256).order_by(Audit.id.desc()).limit(1)) or FIRST
    rows = []
    for entry in entries:
        row = _row(entry, moment, last)
        last = row["sha256"]
        rows.append(row)
    connection.execute(insert(Audit), rows)


def verify(connection: Connection) -> AuditReport:
    """Read the whole chain, a page at a time; report the first entry that does not fit.

    To be called first in a transaction.
    """
    if connection.dialect.name == "postgresql":
        # Reviews and entries as of one moment: those that are made meanwhile would seem to have no entry.
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    seen, told, last, after = 0, 0, FIRST, 0
    while True:
        page = connection.execute(
            select(Audit.__table__).where(Audit.id > after).order_by(Audit.id).limit(_PAGE)
        ).all()
        reviews = _reviews(connection, page)
        for row in page:
            problem = _problem(row, last) or _contradiction(row, reviews)
            if problem:
                return AuditReport(seen, last, row.id, problem)
            seen, last, after = seen + 1, row.sha256, row.id
            told += row.action == REVIEW
        if len(page) < _PAGE:
            return AuditReport(seen, last, problem=_untold(connection, told))


def entries(connection: Connection, *, limit: int, before: int | None) -> list[dict[str, Any]]:
    """Return entries, newest first. ``before``: the last ``entry`` of the page before."""
    query = select(Audit.id, Audit.document, Audit.sha256).order_by(Audit.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Audit.id < before)
    return [
        {"entry": row.id, **json.loads(row.document), "sha256": row.sha256}
        for row in connection.execute(query)
    ]


def _row(entry: AuditEntry, moment: datetime, previous: str) -> dict[str, Any]:
    facts = {
        "at": moment.isoformat(timespec="microseconds"),
        "actor": clean_text(entry.actor),
        "action": entry.action,
        "subject": clean_text(entry.subject),
        "detail": clean_json(dict(entry.detail)),
    }
    document = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {
        "at": moment,
        "actor": facts["actor"],
        "action": entry.action,
        "document": document,
        "previous_sha256": previous,
        "sha256": _digest(previous, document),
    }


def _digest(previous: str, document: str) -> str:
    return sha256((previous + document).encode("utf-8")).hexdigest()


def _problem(row: Row[Any], previous: str) -> str | None:
    if row.previous_sha256 != previous:
        return "it does not follow the entry before it: an entry was removed, added or replaced"
    if _digest(previous, row.document) != row.sha256:
        return "its text was changed after it was written"
    facts = json.loads(row.document)
    told = (facts["actor"], facts["action"], datetime.fromisoformat(facts["at"]))
    if told != (row.actor, row.action, row.at):
        return "its columns do not say what its text says"
    return None


def _reviews(connection: Connection, page: Sequence[Any]) -> dict[int, Any]:
    """Return the reviews that these entries tell of, by their numbers."""
    numbers = [number for row in page if (number := _review_of(row)) is not None]
    query = select(Review.__table__).where(Review.id.in_(numbers))
    return {review.id: review for review in connection.execute(query)}


def _review_of(row: Row[Any]) -> int | None:
    if row.action != REVIEW:
        return None
    try:
        return int(json.loads(row.document)["detail"]["review"])
    except (ValueError, KeyError, TypeError):
        # Text that somebody changed, which its digest tells.
        return None


def _contradiction(row: Row[Any], reviews: dict[int, Any]) -> str | None:
    """Return how the table of reviews contradicts a sound entry, or None."""
    number = _review_of(row)
    if number is None:
        return None
    if (review := reviews.get(number)) is None:
        return f"review {number}, of which it tells, is not there any more"
    facts = json.loads(row.document)
    kept = {
        "review": review.id,
        "decision": review.decision,
        "reason": review.reason,
        "output_sha256": review.output_sha256,
        "mask_edit": review.mask_edit_id,
        "undoes": review.undoes,
    }
    if (
        facts["detail"] != {name: value for name, value in kept.items() if value is not None}
        or facts["subject"] != f"work item {review.work_item_id}"
        or (row.actor, row.at) != (review.reviewer, review.at)
    ):
        return f"review {number}, of which it tells, was changed"
    return None


def _untold(connection: Connection, told: int) -> str | None:
    """Return what is wrong where there are more reviews than entries that tell of them."""
    more = int(connection.scalar(select(func.count()).select_from(Review)) or 0) - told
    return f"the chain does not tell of {more:,} of the reviews" if more else None
