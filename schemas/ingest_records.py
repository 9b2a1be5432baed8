"""Plain records of ingest: what a source's files are, and what the catalog knows of them already.

Units and forms are those of :mod:`schemas.records`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import UnstorableKeyError
from schemas.records import EventRecord

MAX_KEY_BYTES = 2048
"""Longest source key in UTF-8 (S3 allows 1,024; an index row of PostgreSQL holds 2,704)."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_key(key: str) -> None:
    """Raise :class:`UnstorableKeyError` unless both databases can hold ``key``."""
    if not key:
        raise UnstorableKeyError(key, "the key is empty")
    if "\x00" in key:
        raise UnstorableKeyError(key, "the key holds a NUL character")
    try:
        length = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        raise UnstorableKeyError(key, "the file's name is not valid UTF-8") from None
    if length > MAX_KEY_BYTES:
        raise UnstorableKeyError(key[:80] + "…", f"the key has {length} bytes, {MAX_KEY_BYTES} are allowed")


def _check_sha256(digest: str) -> None:
    if not _SHA256.fullmatch(digest):
        raise ValueError(f"not a SHA-256 in lower-case hexadecimal: {digest!r}")


@dataclass(frozen=True)
class AssetRecord:
    """One file that the source listed and ingest looked at.

    ``modified`` is an opaque change token (ISO time, ETag): same uri, size and token mean the same bytes.
    ``error`` says why the photo cannot be processed, ``error_class`` which error it was. With ``sha256`` the
    bytes themselves are bad (the work item is *quarantined*); with ``sha256=None`` they could not be read at
    all (the work item is *failed* and a later run tries again). Raises UnstorableKeyError, ValueError.
    """

    key: str
    uri: str
    size: int
    modified: str
    sha256: str | None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    bit_depth: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: str | None = None
    error_class: str | None = None
    events: tuple[EventRecord, ...] = ()

    def __post_init__(self) -> None:
        check_key(self.key)
        if self.sha256 is not None:
            _check_sha256(self.sha256)
        elif self.error is None:
            raise ValueError(f"{self.key!r}: a record without SHA-256 needs the error that prevented it")


@dataclass(frozen=True)
class KnownAsset:
    """A photo as the catalog last saw it. Give it back to ``record_assets`` when it is unchanged."""

    asset_id: int
    location_id: int
    content_id: int
    key: str
    uri: str
    size: int
    modified: str
    sha256: str

    def matches(self, uri: str, size: int, modified: str) -> bool:
        """Return whether a listed object is this one, unchanged, so that it need not be hashed again."""
        return (self.uri, self.size, self.modified) == (uri, size, modified)


@dataclass(frozen=True)
class IngestCounts:
    """What one ``record_assets`` call met; ``seen`` counts distinct keys of each batch.

    ``changed``: known keys with other bytes than before. ``unreadable``: records that carried an error.
    """

    seen: int = 0
    new: int = 0
    changed: int = 0
    unreadable: int = 0

    def __add__(self, other: IngestCounts) -> IngestCounts:
        return IngestCounts(
            self.seen + other.seen,
            self.new + other.new,
            self.changed + other.changed,
            self.unreadable + other.unreadable,
        )
