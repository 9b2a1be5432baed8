"""What readers use instead of counting the big tables: the desk's queue, counts of it, counts of outcomes.

All are derived. :mod:`schemas.queue_upkeep` and :mod:`schemas.tallies` keep them in step, in the transactions that
write outcomes, flags and reviews; they could be thrown away and made again from the other tables.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.records import OUTCOME_STATES
from schemas.review_records import Standing
from schemas.tables.base import Base, one_of
from schemas.types import BigId, BinaryText, FiniteFloat

_OF_A_FLAG = text("code <> ''")


class QueueEntry(Base):
    """A work item that ended with an output, once for each of its flags and once (code ``''``) for itself.

    ``severity`` is 0 without flags, 1 notice, 2 warning, 3 serious: the flag's, or the item's gravest.
    ``value`` is the flag's value (0 for the item itself). ``review_id`` is the item's last review of any kind.
    """

    __tablename__ = "queue_entry"
    __table_args__ = (
        one_of("decision", Standing),
        Index(None, "code", "decision", "severity", "work_item_id"),
        Index(None, "collection_id", "code", "decision", "severity", "work_item_id"),
        Index(None, "run_id", "code", "decision", "severity", "work_item_id"),
        Index(
            "ix_queue_entry_value",
            "code",
            "decision",
            "value",
            "work_item_id",
            sqlite_where=_OF_A_FLAG,
            postgresql_where=_OF_A_FLAG,
        ),
    )

    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"), primary_key=True)
    code: Mapped[str] = mapped_column(BinaryText, primary_key=True)
    collection_id: Mapped[int] = mapped_column(BigId, ForeignKey("collection.id"))
    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("run.id"))
    severity: Mapped[int] = mapped_column(SmallInteger)
    value: Mapped[float] = mapped_column(FiniteFloat)
    decision: Mapped[str] = mapped_column(String(9))
    review_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("review.id"))


class Tally(Base):
    """How many queue entries there are of each kind, and the sum and span of their values.

    ``lowest`` and ``highest`` are of the entries that are counted; where there are none, of those that were.
    """

    __tablename__ = "tally"
    __table_args__ = (one_of("decision", Standing),)

    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("run.id"), primary_key=True)
    code: Mapped[str] = mapped_column(BinaryText, primary_key=True)
    severity: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    decision: Mapped[str] = mapped_column(String(9), primary_key=True)
    collection_id: Mapped[int] = mapped_column(BigId, ForeignKey("collection.id"))
    photos: Mapped[int]
    value_sum: Mapped[float] = mapped_column(FiniteFloat)
    lowest: Mapped[float] = mapped_column(FiniteFloat)
    highest: Mapped[float] = mapped_column(FiniteFloat)


class OutcomeTally(Base):
    """How many work items that a run holds (or held last) ended in each state, and the seconds they took."""

    __tablename__ = "outcome_tally"
    __table_args__ = (one_of("state", OUTCOME_STATES),)

    run_id: Mapped[int] = mapped_column(BigId, ForeignKey("run.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    photos: Mapped[int]
    seconds: Mapped[float] = mapped_column(FiniteFloat)
