"""The archive's files as the desk may touch them: those that the catalog names, and new masks beside them.

Only files inside the known roots are opened, whatever a catalog row or a link says, and only while their
bytes have the recorded SHA-256: what a curator sees is what the decision will be bound to. Objects in a
bucket are copied to the cache first.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from oldphoto_core.errors import StorageError
from oldphoto_core.fixity import sha256_stream, verify
from storage import Created, Store, open_store
from storage.copies import copy_verified
from storage.places import absolute_place, is_bucket


class DeskFiles:
    """Files inside ``roots``; safe to share between threads.

    Args:
        roots: folders or ``s3://bucket/prefix`` addresses; nothing outside of them is ever opened.
        folder: the cache, for copies of objects from buckets.
    """

    def __init__(self, roots: Iterable[str], folder: Path) -> None:
        self.roots = tuple(dict.fromkeys(map(absolute_place, roots)))
        self.folder = folder
        # One for each root: those of buckets keep their connections.
        self._store = cache(open_store)

    def fetch(self, uri: str, sha256: str) -> Path:
        """Return a local path to a file's bytes, checked against their digest.

        Raises:
            StorageError: the file lies outside the roots, is gone or cannot be read.
            FixityError: the bytes are not the recorded ones.
        """
        # First, although a copy may lie there: another desk over the same cache may have other roots.
        store, key = self._find(uri)
        if is_bucket(uri):
            return self._copy(store, key, sha256)
        with store.located(key) as path:
            self.verify_again(uri, sha256)
            return path

    def verify_again(self, uri: str, sha256: str) -> None:
        """Do nothing where a file still has its recorded bytes; of an object's copy they were verified for good.

        Raises as `fetch` does.
        """
        if is_bucket(uri):
            return
        store, key = self._find(uri)
        with store.open(key) as stream:
            verify(uri, "SHA-256", sha256, sha256_stream(stream)[0])

    def create_beside(self, uri: str, name: str, data: bytes, media_type: str) -> Created:
        """Write a new file into the folder of ``uri``; an existing file is never replaced.

        Raises:
            AlreadyExistsError: the name is taken by other bytes.
            StorageError: the place cannot be written to.
        """
        if "/" in name:
            raise StorageError(f"{name!r} is not a plain file name")
        store, key = self._find(uri)
        return store.create(key[: key.rfind("/") + 1] + name, data, media_type)

    def _find(self, uri: str) -> tuple[Store, str]:
        """Return the store of the innermost root that a file lies in, and its key there."""
        try:
            place = absolute_place(uri)
        except ValueError:
            raise StorageError(f"{uri!r} is not a path") from None
        around = [root for root in self.roots if place.startswith(_below(root))]
        if not around or ".." in place.split("/"):
            raise StorageError(
                f"{uri} lies outside the folders and buckets that this desk may read. Start it with --root PLACE "
                "to allow one."
            )
        root = max(around, key=len)
        return self._store(root), place.removeprefix(_below(root))

    def _copy(self, store: Store, key: str, sha256: str) -> Path:
        """Return the copy of an object in the cache; made on first use."""
        path = self.folder / "objects" / sha256
        # The dot tells whoever makes room in the cache that this is being written.
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                os.utime(path)
                return path
            with store.open(key) as stream:
                copy_verified(stream, unfinished, store.uri_of(key), sha256)
            unfinished.replace(path)
        except OSError as error:
            raise StorageError(
                f"{store.uri_of(key)} cannot be copied to {self.folder}: {error.strerror}. See to that disk, or "
                "start the desk with another --cache."
            ) from error
        finally:
            with suppress(OSError):
                unfinished.unlink()
        return path


def _below(root: str) -> str:
    return f"{root.rstrip('/')}/"
