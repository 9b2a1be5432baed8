"""Files by their whole address, as the catalog names them: absolute paths and ``s3://bucket/key``."""

from __future__ import annotations

import threading
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from actors.storage.base import Store
from actors.storage.folder import FolderStore
from actors.storage.s3 import S3Store


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
        if uri.startswith("s3://"):
            # Not urlsplit: keys may contain '?' and '#'.
            place, _, key = uri.removeprefix("s3://").partition("/")
        else:
            path = unquote(urlsplit(uri).path) if uri.startswith("file://") else uri
            place, key = "/", path.lstrip("/")
        with self._lock:
            if place not in self._stores:
                self._stores[place] = FolderStore("/") if place == "/" else S3Store(place)
            return self._stores[place], key
