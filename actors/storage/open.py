"""Turn what the user typed, a folder or ``s3://bucket/prefix``, into a store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from actors.storage.base import Store
from actors.storage.folder import FolderStore
from actors.storage.s3 import S3Store
from oldphoto_core.errors import UsageError


def open_store(uri: str | Path, *, create: bool = False) -> Store:
    """Open a folder (path or ``file://``) or an S3 prefix (``s3://bucket/prefix``).

    Args:
        uri: where. A leading ``~`` is the home folder.
        create: make the folder when it is missing (a destination). Buckets are never made.

    Raises:
        UsageError: an unknown scheme, or a folder that is missing or is no folder.
    """
    text = str(uri)
    if text.startswith("s3://"):
        return _open_s3(text)
    if text.startswith("file://"):
        return FolderStore(Path(unquote(urlsplit(text).path)), create=create)
    if "://" in text:
        raise UsageError(f"{text} is neither a folder nor s3://bucket/prefix. Give one of these two.")
    return FolderStore(Path(text).expanduser(), create=create)


def overlap(one: str | Path, other: str | Path) -> bool:
    """Return whether one place lies inside the other, so that derivatives would be listed as masters.

    Both are compared as addresses; nothing needs to exist.
    """
    first, second = _parts(one), _parts(other)
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]


def _open_s3(uri: str) -> S3Store:
    # Not urlsplit: keys may contain '?' and '#'.
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{uri} names no bucket. Write s3://bucket/prefix.")
    return S3Store(bucket, prefix)


def _parts(uri: str | Path) -> tuple[str, ...]:
    text = str(uri)
    if text.startswith("s3://"):
        return ("s3:", *(part for part in text.removeprefix("s3://").split("/") if part))
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    return Path(text).expanduser().resolve().parts
