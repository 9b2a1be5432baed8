"""Who is signed in at the review desk, and what each session may still take back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, Id, Sha256, Words
from schemas.types import BinaryText, SafeJson, UtcDateTime


class DeskSession(Base):
    """A browser at which somebody is signed in. The token itself is in that browser only.

    ``desk`` is NULL for an account; otherwise it names the start of the desk whose link signed a person in who
    has none, and the session is worth nothing at any other.
    """

    __tablename__ = "desk_session"
    __table_args__ = (Index(None, "name"), Index(None, "seen_at"))

    token_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(BinaryText)
    desk: Mapped[str | None] = mapped_column(String(64))
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeskStep(Base):
    """Something that a session decided and may take back: ``reviews`` are [work item, review] pairs."""

    __tablename__ = "desk_step"
    __table_args__ = (Index(None, "token_sha256", "id"),)

    id: Mapped[Id]
    token_sha256: Mapped[Sha256] = mapped_column(ForeignKey("desk_session.token_sha256"))
    decision: Mapped[str] = mapped_column(String(8))
    key: Mapped[Words]
    reviews: Mapped[list[Any]] = mapped_column(SafeJson)
