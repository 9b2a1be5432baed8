"""A queue's filter as it stands in an address, and back: one dataclass between pages and the catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Query

from review.numbers import whole_number
from schemas.review_records import SEVERITY_RANKS, QueueFilter, QueueOrder, QueueRow, Standing

ANY_DECISION = "any"
DECISIONS = (*[standing.value for standing in Standing], ANY_DECISION)


@dataclass(frozen=True)
class QueueQuery:
    """What a queue's address asks for; empty strings are conditions left open."""

    flag: str = ""
    severity: str = ""
    collection: str = ""
    decision: str = Standing.UNDECIDED.value
    text: str = ""
    order: str = QueueOrder.SEVERITY.value
    run: int | None = None
    unflagged: bool = False

    def filter(self) -> QueueFilter:
        """Return the catalog's filter."""
        by_value = self.order == QueueOrder.VALUE.value and self.flag
        return QueueFilter(
            flag=self.flag or None,
            severity=self.severity or None,
            collection=self.collection or None,
            decision=None if self.decision == ANY_DECISION else Standing(self.decision),
            text=self.text or None,
            run=self.run,
            flagged_only=not self.unflagged,
            order=QueueOrder.VALUE if by_value else QueueOrder.SEVERITY,
        )

    def encoded(self, **changes: Any) -> str:
        """Return the query as part of an address; what is as usual is left out."""
        wanted, usual = replace(self, **changes), QueueQuery()
        fields = ("flag", "severity", "collection", "decision", "text", "order", "run", "unflagged")
        told = {
            name: getattr(wanted, name) for name in fields if getattr(wanted, name) != getattr(usual, name)
        }
        return urlencode({name: 1 if value is True else value for name, value in told.items()})

    def address(self, path: str = "/queue", **changes: Any) -> str:
        """Return ``path`` with the query."""
        query = self.encoded(**changes)
        return f"{path}?{query}" if query else path

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is filtered beyond what is usual."""
        return bool(self.flag or self.severity or self.collection or self.text or self.run)


def queue_query(
    flag: Annotated[str, Query(max_length=80)] = "",
    severity: Annotated[str, Query(max_length=20)] = "",
    collection: Annotated[str, Query(max_length=2048)] = "",
    decision: Annotated[str, Query(max_length=20)] = Standing.UNDECIDED.value,
    text: Annotated[str, Query(max_length=200)] = "",
    order: Annotated[str, Query(max_length=20)] = QueueOrder.SEVERITY.value,
    run: Annotated[str, Query(max_length=20)] = "",
    unflagged: Annotated[bool, Query()] = False,
) -> QueueQuery:
    """Read the query of an address. Raises HTTPException for words that mean nothing."""
    number = whole_number(run)
    known = (
        (severity == "" or severity in SEVERITY_RANKS)
        and decision in DECISIONS
        and order in list(QueueOrder)
        and (run == "" or number is not None)
    )
    if not known:
        raise HTTPException(
            400, "This address asks for a queue that does not exist. Start again from the queue."
        )
    return QueueQuery(flag, severity, collection, decision, text.strip(), order, number, unflagged)


Wanted = Annotated[QueueQuery, Depends(queue_query)]


def place_of(row: QueueRow, wanted: QueueFilter) -> str:
    """Return the cursor of a row in a queue: what follows it is the rest of the queue.

    The catalog gives such a cursor at the end of a page; a test holds the two together.
    """
    if wanted.order is QueueOrder.VALUE:
        # A flag without a value lies where 0 does.
        value = max((flag.value or 0.0 for flag in row.flags if flag.code == wanted.flag), default=0.0)
        return f"{float(value)!r}~{row.item_id}"
    ranks = [SEVERITY_RANKS.get(flag.severity, 0) for flag in row.flags if wanted.flag in (None, flag.code)]
    return f"{max(ranks, default=0)}~{row.item_id}"
