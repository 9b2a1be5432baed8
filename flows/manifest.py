"""A supplied list of digests that the source must agree with (``sha256sum`` or BagIt format)."""

from __future__ import annotations

import threading
from pathlib import Path

from oldphoto_core.errors import OldPhotoError, UsageError
from oldphoto_core.fixity import parse_manifest
from storage import is_hidden

_BAG_PAYLOAD = "data/"


class Manifest:
    """Expected SHA-256 by source key; remembers which entries were asked for.

    A BagIt manifest names paths from the bag's root; when the source is the bag's ``data`` folder, its keys
    lack that first part, so ``data/x`` is found under ``x`` too.

    Args:
        entries: path → digest, lower-case.
        name: file name, for messages.
    """

    def __init__(self, entries: dict[str, str], name: str) -> None:
        self.name = name
        self._entries = {_tidy(path): digest for path, digest in entries.items()}
        self._unseen = set(self._entries)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest.

        Raises:
            UsageError: no such file, not a manifest, or of another algorithm than SHA-256.
        """
        try:
            entries = parse_manifest(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, OldPhotoError) as error:
            raise UsageError(f"{path} cannot be used as a SHA-256 manifest: {error}") from error
        if not entries:
            raise UsageError(f"{path} names no files. Make it with: sha256sum * > {path.name}")
        return cls(entries, path.name)

    def expected(self, key: str) -> str | None:
        """Return the digest that the file under ``key`` must have; None when it is not named."""
        for path in (key, _BAG_PAYLOAD + key):
            if path in self._entries:
                with self._lock:
                    self._unseen.discard(path)
                return self._entries[path]
        return None

    def set_aside(self, path: str) -> None:
        """Do not call missing what lies at ``path`` (below it, where it ends with ``/``): nobody looks at it."""
        for own in (path, _BAG_PAYLOAD + path):
            below = {one for one in self._unseen if one.startswith(own)} if path.endswith("/") else {own}
            with self._lock:
                self._unseen -= below

    def unseen(self) -> list[str]:
        """Return the paths that nobody has asked for: named, but not in the source.

        Hidden files are not among them, because a listing leaves them out.
        """
        return sorted(path for path in self._unseen if not is_hidden(path))


def _tidy(path: str) -> str:
    return path.removeprefix("./")
