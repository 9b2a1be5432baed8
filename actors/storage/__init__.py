"""Where photos come from and derivatives go: folders and S3 buckets behind one small interface."""

from actors.storage.anywhere import Anywhere
from actors.storage.base import Created, LeftOut, Store, StoredObject, at_destination, is_hidden
from actors.storage.folder import FolderStore
from actors.storage.open import open_store, overlap
from actors.storage.s3 import S3Store

__all__ = [
    "Anywhere",
    "Created",
    "FolderStore",
    "LeftOut",
    "S3Store",
    "Store",
    "StoredObject",
    "at_destination",
    "is_hidden",
    "open_store",
    "overlap",
]
