"""What happened to what: PREMIS events, the agents that caused them, and the audit chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, Id, Sha256
from schemas.types import BigId, BinaryText, SafeJson, UtcDateTime


class Agent(Base):
    """Who or what acts: a program with its version, a person, an organisation."""

    __tablename__ = "agent"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(BinaryText, unique=True)
    type: Mapped[str] = mapped_column(String)


class Event(Base):
    """One PREMIS event; it links to whatever it concerned."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "asset_id", "id"),)

    id: Mapped[Id]
    type: Mapped[str] = mapped_column(String)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(String)
    detail: Mapped[dict[str, Any]] = mapped_column(SafeJson)
    agent_id: Mapped[int] = mapped_column(BigId, ForeignKey("agent.id"))
    asset_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("asset.id"))
    content_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("content.id"))
    work_item_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("work_item.id"))
    run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("run.id"))


class Audit(Base):
    """One entry of the audit chain; never changed, never deleted (the database refuses both).

    ``document`` is canonical JSON of what happened; ``sha256`` is of the entry before and these characters
    (:mod:`schemas.audit`). ``at``, ``actor`` and ``action`` repeat parts of it for queries.
    """

    __tablename__ = "audit"

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(BinaryText)
    action: Mapped[str] = mapped_column(String)
    document: Mapped[str] = mapped_column(Text)
    previous_sha256: Mapped[Sha256] = mapped_column(unique=True)
    sha256: Mapped[Sha256]
