"""What a store is: objects under keys, listed, streamed, and created but never overwritten.

Keys are relative, with ``/`` between parts, in any Unicode. This module decides which keys are allowed and
what a create-only write promises; the folder and S3 modules say how it is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from oldphoto_core.errors import AlreadyExistsError, DestinationError, StorageError, UnwritableKeyError

_log = logging.getLogger(__name__)

LeftOut = Callable[[str, str], None]
"""Hears of something that a listing leaves out: its path below the store (a folder's ends with ``/``), and why."""


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing. ``modified`` is aware, in UTC; ``etag`` is None where the store has none."""

    key: str
    size: int
    modified: datetime
    etag: str | None = None


@dataclass(frozen=True)
class Created:
    """A finished write. ``existed`` means that the very same bytes were there already."""

    uri: str
    sha256: str
    size: int
    existed: bool


@runtime_checkable
class Store(Protocol):
    """A folder or a bucket's prefix. Every method raises `StorageError` with a remedy when it is refused."""

    @property
    def uri(self) -> str:
        """Where the store is: an absolute path, or ``s3://bucket/prefix``."""
        ...

    def list(self, left_out: LeftOut | None = None) -> Iterator[StoredObject]:
        """Yield every object in the order of its key, one at a time; hidden ones are left out.

        Args:
            left_out: hears of everything else that is not yielded. Without it such things are only logged, and
                a folder that cannot be listed is an error wherever it lies.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading only. The caller closes it; to be read further may be refused as well."""
        ...

    def read(self, key: str, max_bytes: int | None = None) -> bytes:
        """Return an object's bytes, at most the first ``max_bytes`` of them."""
        ...

    def located(self, key: str) -> AbstractContextManager[Path]:
        """Give an object as a file of this machine, for as long as the context lasts; only to be read."""
        ...

    def create(self, key: str, data: bytes | BinaryIO, media_type: str) -> Created:
        """Write a new object, whole or not at all: bytes, or what a seekable file holds.

        The same bytes already being there is fine (``existed=True``), so a write may be repeated.

        Raises:
            AlreadyExistsError: other bytes lie under ``key``; they are left as they are.
            StorageError: the key is not allowed, or the store refuses.
        """
        ...

    def problem_with(self, key: str) -> str | None:
        """Return why nothing can be created under so long a name as ``key``; None where it can."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether an object lies under ``key``; what cannot be told is raised, not taken for absence."""
        ...

    def uri_of(self, key: str) -> str:
        """Return the address of ``key``: an absolute path, or ``s3://bucket/prefix/key``."""
        ...

    def sweep_partials(self) -> int:
        """Remove what killed writers left unfinished; return how many files that were."""
        ...


@contextmanager
def at_destination() -> Iterator[None]:
    """Surround what is asked of the destination of a run.

    Raises:
        DestinationError: instead of a StorageError that any other photo would have met as well.
    """
    try:
        yield
    except (AlreadyExistsError, UnwritableKeyError):
        raise
    except StorageError as error:
        raise DestinationError(str(error)) from error


def check_key(key: str) -> str:
    """Return ``key`` if it stays inside the store.

    Raises:
        UnwritableKeyError: it is empty, absolute, not valid Unicode, or has empty or hidden parts (``..`` among them)
            or a NUL character.
    """
    is_text = key == key.encode(errors="replace").decode() and "\0" not in key
    if not is_text or "" in key.split("/") or is_hidden(key):
        raise UnwritableKeyError(
            f"{key!r} is not a key that can be written: it must be relative and valid text, and no part of "
            "it may be empty or begin with a dot. Rename the file in the source."
        )
    return key


def tell(left_out: LeftOut | None, path: str, reason: str) -> None:
    """Tell whoever listens that ``path`` is left out; the log, when nobody does."""
    if left_out is None:
        _log.warning("%s is left out: %s", path, reason)
    else:
        left_out(path, reason)


def is_hidden(key: str) -> bool:
    """Return whether any part of ``key`` starts with a dot (system files, temporary files)."""
    return any(part.startswith(".") for part in key.split("/"))
