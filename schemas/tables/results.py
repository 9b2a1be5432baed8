"""What came of a work item: files made, the mask, faces, measurements, and flags for a curator."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from schemas.records import FlagState
from schemas.tables.base import Base, Id, Sha256, Words, one_of
from schemas.types import BigId, BinaryText, FiniteFloat, SafeJson, UtcDateTime


class Derivative(Base):
    """A file that we made. ``kind`` is one of schemas.records.DerivativeKind."""

    __tablename__ = "derivative"
    __table_args__ = (UniqueConstraint("work_item_id", "uri"), Index(None, "sha256"))

    id: Mapped[Id]
    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"))
    kind: Mapped[str] = mapped_column(String)
    tier: Mapped[str | None] = mapped_column(String)
    uri: Mapped[str] = mapped_column(BinaryText)
    sha256: Mapped[Sha256]
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Mask(Base):
    """The defect mask of a work item; ``coverage`` is the masked share in [0, 1]."""

    __tablename__ = "mask"

    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"), primary_key=True)
    coverage: Mapped[float | None] = mapped_column(FiniteFloat)
    components: Mapped[int]
    uri: Mapped[str | None] = mapped_column(BinaryText)
    sha256: Mapped[Sha256 | None]


class Face(Base):
    """A face of a work item, in pixels; ``position`` numbers the faces of one photo from 0."""

    __tablename__ = "face"

    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[float | None] = mapped_column(FiniteFloat)
    y: Mapped[float | None] = mapped_column(FiniteFloat)
    width: Mapped[float | None] = mapped_column(FiniteFloat)
    height: Mapped[float | None] = mapped_column(FiniteFloat)
    landmarks: Mapped[list[list[float]]] = mapped_column(SafeJson)
    score: Mapped[float | None] = mapped_column(FiniteFloat)
    drift: Mapped[float | None] = mapped_column(FiniteFloat)
    applied: Mapped[bool]


class Measurement(Base):
    """What was measured on a work item: one wide row.

    Typed columns for what is filtered and averaged (schemas.records.HOT_MEASUREMENTS), the rest in ``extra``.
    """

    __tablename__ = "measurement"

    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"), primary_key=True)
    megapixels: Mapped[float | None] = mapped_column(FiniteFloat)
    mask_share: Mapped[float | None] = mapped_column(FiniteFloat)
    mask_components: Mapped[float | None] = mapped_column(FiniteFloat)
    uncertain_share: Mapped[float | None] = mapped_column(FiniteFloat)
    mean_change: Mapped[float | None] = mapped_column(FiniteFloat)
    colour_drift: Mapped[float | None] = mapped_column(FiniteFloat)
    faces_found: Mapped[float | None] = mapped_column(FiniteFloat)
    faces_enhanced: Mapped[float | None] = mapped_column(FiniteFloat)
    faces_refused: Mapped[float | None] = mapped_column(FiniteFloat)
    face_drift_max: Mapped[float | None] = mapped_column(FiniteFloat)
    extra: Mapped[dict[str, Any]] = mapped_column(SafeJson)


class Flag(Base):
    """One reason to look at a work item's result: a value that crossed a threshold.

    Who looks for open flags asks the queue (:mod:`schemas.tables.desk`), which has them by collection, run,
    severity and value.
    """

    __tablename__ = "flag"
    __table_args__ = (
        one_of("state", FlagState),
        Index(None, "work_item_id"),
    )

    id: Mapped[Id]
    work_item_id: Mapped[int] = mapped_column(BigId, ForeignKey("work_item.id"))
    code: Mapped[str] = mapped_column(String)
    severity: Mapped[str] = mapped_column(String)
    value: Mapped[float | None] = mapped_column(FiniteFloat)
    threshold: Mapped[float | None] = mapped_column(FiniteFloat)
    rule_version: Mapped[int]
    explanation: Mapped[Words]
    state: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FlagRule(Base):
    """A rule that this catalog applies to measurements itself, instead of the one the program came with."""

    __tablename__ = "flag_rule"

    code: Mapped[str] = mapped_column(BinaryText, primary_key=True)
    measurement: Mapped[str] = mapped_column(BinaryText)
    threshold: Mapped[float] = mapped_column(FiniteFloat)
    severity: Mapped[str] = mapped_column(String)
    explanation: Mapped[Words]
    version: Mapped[int]
    set_by: Mapped[str] = mapped_column(BinaryText)
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
