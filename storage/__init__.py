"""Where photos come from and derivatives go: folders and S3 buckets behind one small interface."""

from storage.anywhere import Anywhere
from storage.base import Created, LeftOut, Store, StoredObject, at_destination, is_hidden
from storage.folder import FolderStore
from storage.open import open_store
from storage.s3 import S3Store

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
]
