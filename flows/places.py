"""Where something lies: a local folder (a path or ``file://``), or ``s3://bucket/prefix``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def is_bucket(place: str) -> bool:
    """Return whether a place is an S3 address."""
    return place.startswith("s3://")


def local_path(place: str) -> Path:
    """Return the absolute path of a local place (a path or ``file://``)."""
    if place.startswith("file://"):
        place = unquote(urlsplit(place).path)
    return Path(place).expanduser().resolve()


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
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")
