"""Turn what the user typed, a folder or ``s3://bucket/prefix``, into a store."""

from __future__ import annotations

from oldphoto_core.errors import UsageError
from storage.base import Store
from storage.folder import FolderStore
from storage.places import bucket_and_key, is_bucket, path_of
from storage.s3 import S3Store


def open_store(place: str, *, create: bool = False) -> Store:
    """Open a folder (path or ``file://``) or an S3 prefix (``s3://bucket/prefix``).

    Args:
        place: where. A leading ``~`` is the home folder.
        create: make the folder when it is missing (a destination). Buckets are never made.

    Raises:
        UsageError: an unknown scheme, or a folder that is missing or is no folder.
    """
    if is_bucket(place):
        bucket, prefix = bucket_and_key(place)
        if not bucket:
            raise UsageError(f"{place} names no bucket. Write s3://bucket/prefix.")
        return S3Store(bucket, prefix)
    if "://" in place and not place.startswith("file://"):
        raise UsageError(f"{place} is neither a folder nor s3://bucket/prefix. Give one of these two.")
    return FolderStore(path_of(place), create=create)
