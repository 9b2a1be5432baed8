"""What people decided: accounts, append-only reviews, edited masks, redo requests, and lots for sampling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.review_records import Decision, Role
from schemas.tables.base import Base, Id, Sha256, Words, one_of
from schemas.types import BigId, BinaryText, FiniteFloat, SafeJson, UtcDateTime

_UNTAKEN = text("taken_at IS NULL")


class Account(Base):
    """Somebody who may sign in at the desk. ``password_hash`` is encoded by the desk; NULL: no password."""

    __tablename__ = "account"
    __table_args__ = (one_of("role", Role),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(BinaryText, unique=True)
    role: Mapped[str] = mapped_column(String(8))
    password_hash: Mapped[Words | None]
    disabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MaskEdit(Base):
    """A defect mask as a curator corrected it, for a work item."""

    __tablename__ = "mask_edit"
    __table_args__ = (Index(None, "work_item_id"),)

    id: Mapped[Id]
    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"))
    sha256: Mapped[Sha256]
    uri: Mapped[str] = mapped_column(BinaryText)
    reviewer: Mapped[str] = mapped_column(BinaryText)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Review(Base):
    """One decision, or the undoing of one; never changed, never deleted (the database refuses both).

    ``output_sha256`` is what was looked at. ``undoes`` is set for an *undo* only. A work item's current
    decision is its latest review that is no undo and is not undone.
    """

    __tablename__ = "review"
    __table_args__ = (
        one_of("decision", Decision),
        CheckConstraint("(decision = 'undo') = (undoes IS NOT NULL)", name="undo_names_a_review"),
        Index(None, "work_item_id", "id"),
    )

    id: Mapped[Id]
    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"))
    decision: Mapped[str] = mapped_column(String(8))
    reason: Mapped[Words]
    reviewer: Mapped[str] = mapped_column(BinaryText)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    output_sha256: Mapped[Sha256]
    mask_edit_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("mask_edit.id"))
    undoes: Mapped[int | None] = mapped_column(BigId, ForeignKey("review.id"), unique=True)


class RedoRequest(Base):
    """A review that asks for the work to be done again, until a run has taken it."""

    __tablename__ = "redo_request"
    __table_args__ = (
        Index(
            "ix_redo_request_untaken",
            "collection_id",
            "review_id",
            sqlite_where=_UNTAKEN,
            postgresql_where=_UNTAKEN,
        ),
    )

    review_id: Mapped[int] = mapped_column(BigId, ForeignKey("review.id"), primary_key=True)
    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"))
    collection_id: Mapped[int] = mapped_column(BigId, ForeignKey("collection.id"))
    run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("run.id"))
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class QcLot(Base):
    """A lot for acceptance sampling (ISO 2859-1), as it was drawn: everything needed to draw it again."""

    __tablename__ = "qc_lot"

    id: Mapped[Id]
    filter: Mapped[dict[str, Any]] = mapped_column(SafeJson)
    lot_size: Mapped[int]
    inspection_level: Mapped[str] = mapped_column(String(4))
    aql: Mapped[float] = mapped_column(FiniteFloat)
    code_letter: Mapped[str] = mapped_column(String(1))
    sample_size: Mapped[int]
    accept_number: Mapped[int]
    reject_number: Mapped[int]
    seed: Mapped[int] = mapped_column(BigId)
    created_by: Mapped[str] = mapped_column(BinaryText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class QcMember(Base):
    """A work item that was drawn into a lot's sample; ``position`` is its place in the sample, from 0."""

    __tablename__ = "qc_member"

    lot_id: Mapped[int] = mapped_column(BigId, ForeignKey("qc_lot.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"))
