"""Where something lies: a local folder (a path or ``file://``), or ``s3://bucket/prefix``.

Places are compared as addresses; nothing needs to exist.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from oldphoto_core.errors import UsageError

_BUCKETS = "s3://"


def is_bucket(place: str) -> bool:
    """Return whether a place is an S3 address."""
    return place.startswith(_BUCKETS)


def bucket_and_key(address: str) -> tuple[str, str]:
    """Return the bucket of an S3 address and what is behind it, either of which may be empty."""
    # Not urlsplit: keys may contain '?' and '#'.
    bucket, _, key = address.removeprefix(_BUCKETS).partition("/")
    return bucket, key


def path_of(place: str) -> Path:
    """Return the path of a local place (a path or ``file://``) as it is written; only ``~`` is resolved.

    Raises:
        UsageError: the place is empty. A variable that is not set is more likely than the present folder.
    """
    if not place.strip():
        raise UsageError(
            "A place without a name was given. Name a folder (. is this one) or s3://bucket/prefix."
        )
    # Not Path.expanduser, which raises where no user is called so; that is a name like any other.
    return Path(os.path.expanduser(unquote(urlsplit(place).path) if place.startswith("file://") else place))


def folder_here(place: str) -> Path:
    """Return the path of a folder on this machine. Raises as :func:`path_of`, and UsageError for a bucket."""
    if is_bucket(place):
        raise UsageError(
            f"{place} is no folder on this machine, and exports go to such a one only. Name a folder, and copy it to "
            "the bucket afterwards."
        )
    return path_of(place)


def local_path(place: str) -> Path:
    """Return the absolute path of a local place, links followed. Raises as :func:`path_of`; ValueError for a NUL."""
    # Not Path.resolve, which raises on links that lead in a circle.
    return Path(os.path.realpath(path_of(place)))


def absolute_place(place: str) -> str:
    """Return a place that means the same from any working directory."""
    return place.rstrip("/") if is_bucket(place) else str(local_path(place))


def relative_place(root: str, place: str) -> str | None:
    """Return ``place`` relative to ``root`` with ``/`` between parts; None when it lies elsewhere."""
    if is_bucket(root) != is_bucket(place):
        return None
    if is_bucket(root):
        base, other = _bucket_place(root), _bucket_place(place)
        return other[len(base) :].strip("/") if f"{other}/".startswith(f"{base}/") else None
    base_path, other_path = local_path(root), local_path(place)
    if not other_path.is_relative_to(base_path):
        return None
    relative = other_path.relative_to(base_path).as_posix()
    return "" if relative == "." else relative


def _bucket_place(place: str) -> str:
    """Return an S3 address as the store reads it: slashes around the prefix do not matter."""
    bucket, prefix = bucket_and_key(place)
    return f"{_BUCKETS}{bucket}/{prefix.strip('/')}".rstrip("/")
