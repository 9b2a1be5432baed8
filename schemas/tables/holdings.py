"""What the archive holds: photos by key (asset), bytes by digest (content), and where they were seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, Id, Sha256, Words
from schemas.types import BigId, BinaryText, SafeJson, UtcDateTime


class Collection(Base):
    """A named set of photos whose keys do not repeat; ``photos`` is how many it has ever had."""

    __tablename__ = "collection"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(BinaryText, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    photos: Mapped[int] = mapped_column(server_default="0")


class Asset(Base):
    """A photo of a collection, whatever bytes it has at the moment.

    ``key`` is the source key; ``stem`` names its derivatives and belongs to it alone (schemas.naming).
    """

    __tablename__ = "asset"
    __table_args__ = (UniqueConstraint("collection_id", "key"), UniqueConstraint("collection_id", "stem"))

    id: Mapped[Id]
    collection_id: Mapped[int] = mapped_column(BigId, ForeignKey("collection.id"))
    key: Mapped[str] = mapped_column(BinaryText)
    stem: Mapped[str] = mapped_column(BinaryText)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Content(Base):
    """Bytes, known by their digest, and what their header says (nothing where it could not be read)."""

    __tablename__ = "content"

    id: Mapped[Id]
    sha256: Mapped[Sha256] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    format: Mapped[Words | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    bit_depth: Mapped[int | None]
    header: Mapped[dict[str, Any]] = mapped_column("metadata", SafeJson)
    warnings: Mapped[list[str]] = mapped_column(SafeJson)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Location(Base):
    """Where a photo was seen: the content that lay there last, and the source's change token for it.

    ``error``: why the photo could not be taken in when it was seen last. Where not even its bytes could be
    read, ``content_id`` stays what was read there before. ``last_seen_run_id`` is None where only a sidecar tells of
    the place.
    """

    __tablename__ = "location"
    __table_args__ = (
        UniqueConstraint("asset_id", "uri"),
        Index(None, "content_id"),
    )

    id: Mapped[Id]
    asset_id: Mapped[int] = mapped_column(BigId, ForeignKey("asset.id"))
    content_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("content.id"))
    uri: Mapped[str] = mapped_column(BinaryText)
    size: Mapped[int] = mapped_column(BigInteger)
    modified: Mapped[Words]
    error: Mapped[Words | None]
    error_class: Mapped[Words | None]
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_run_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("run.id"))
