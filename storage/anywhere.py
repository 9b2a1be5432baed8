"""Files by their whole address, as the catalog names them: absolute paths and ``s3://bucket/key``."""

from __future__ import annotations

import threading
from typing import BinaryIO

from storage.base import Store
from storage.folder import FolderStore
from storage.places import bucket_and_key, is_bucket, path_of
from storage.s3 import S3Store


class Anywhere:
    """Opens files of any folder and any bucket for reading; safe to share between threads."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}
        self._lock = threading.Lock()

    def open(self, uri: str) -> BinaryIO:
        """Open a file for reading. The caller closes it. Raises StorageError."""
        store, key = self._find(uri)
        return store.open(key)

    def exists(self, uri: str) -> bool:
        """Return whether there is a file. Raises StorageError where that cannot be told."""
        store, key = self._find(uri)
        return store.exists(key)

    def _find(self, uri: str) -> tuple[Store, str]:
        place, key = bucket_and_key(uri) if is_bucket(uri) else ("/", str(path_of(uri)).lstrip("/"))
        with self._lock:
            if place not in self._stores:
                self._stores[place] = FolderStore("/") if place == "/" else S3Store(place)
            return self._stores[place], key
