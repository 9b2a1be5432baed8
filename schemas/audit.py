"""The audit chain: each entry's digest is of the entry before and of what happened.

``sha256 = SHA-256(previous_sha256 + document)``, both as UTF-8; the first entry's predecessor is 64 zeros.
``document`` is canonical JSON (sorted keys, no spaces) of ``at``, ``actor``, ``action``, ``subject`` and
``detail``. Whoever changes an old entry has to change every later one as well, so a digest that was noted
elsewhere (on paper, in a mail) vouches for everything before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, func, insert, select

from schemas.review_records import AuditEntry, AuditReport
from schemas.tables import Audit
from schemas.types import clean_json, clean_text

FIRST = "0" * 64
_LOCK = 0x6F6C64706175
_PAGE = 5_000


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
    """Read the whole chain, a page at a time; report the first entry that does not fit."""
    seen, last, after = 0, FIRST, 0
    while True:
        page = connection.execute(
            select(Audit.__table__).where(Audit.id > after).order_by(Audit.id).limit(_PAGE)
        ).all()
        for row in page:
            problem = _problem(row, last)
            if problem:
                return AuditReport(seen, last, row.id, problem)
            seen, last, after = seen + 1, row.sha256, row.id
        if len(page) < _PAGE:
            return AuditReport(seen, last)


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


def _problem(row: Any, previous: str) -> str | None:
    if row.previous_sha256 != previous:
        return "it does not follow the entry before it: an entry was removed, added or replaced"
    if _digest(previous, row.document) != row.sha256:
        return "its text was changed after it was written"
    facts = json.loads(row.document)
    told = (facts["actor"], facts["action"], datetime.fromisoformat(facts["at"]))
    if told != (row.actor, row.action, row.at):
        return "its columns do not say what its text says"
    return None
