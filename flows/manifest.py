"""A supplied list of digests that the source must agree with (``sha256sum`` or BagIt format)."""

from __future__ import annotations

import threading
from pathlib import Path

from oldphoto_core.errors import OldPhotoError, UsageError
from oldphoto_core.fixity import bag_path_read, parse_manifest
from storage import is_hidden

_BAG_PAYLOAD = "data/"


class Manifest:
    """Expected SHA-256 by source key; remembers which entries were asked for.

    A BagIt manifest names paths from the bag's root; when the source is the bag's ``data`` folder, its keys
    lack that first part, so ``data/x`` is found under ``x`` too. It also writes ``50%.tif`` as
    ``data/50%25.tif``: a file is found under what is written there, and else under what that is read as.

    Args:
        entries: path → digest, lower-case.
        name: file name, for messages.
    """

    def __init__(self, entries: dict[str, str], name: str) -> None:
        self.name = name
        self._entries = {_tidy(path): digest for path, digest in entries.items()}
        self._unseen = set(self._entries)
        in_bag = {bag_path_read(path): path for path in self._entries if path.startswith(_BAG_PAYLOAD)}
        # A file's path → the entry for it; one that is written as the file is called counts first.
        self._entry = in_bag | {path: path for path in self._entries}
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
        entry = self._entry.get(key) or self._entry.get(_BAG_PAYLOAD + key)
        if entry is None:
            return None
        with self._lock:
            self._unseen.discard(entry)
        return self._entries[entry]

    def set_aside(self, path: str) -> None:
        """Do not call missing what lies at ``path`` (below it, where it ends with ``/``): nobody looks at it."""
        for own in (path, _BAG_PAYLOAD + path):
            if path.endswith("/"):
                gone = {entry for below, entry in self._entry.items() if below.startswith(own)}
            else:
                gone = {self._entry.get(own, own)}
            with self._lock:
                self._unseen -= gone

    def unseen(self) -> list[str]:
        """Return the paths that nobody has asked for: named, but not in the source.

        Hidden files are not among them, because a listing leaves them out.
        """
        return sorted(path for path in self._unseen if not is_hidden(path))


def _tidy(path: str) -> str:
    return path.removeprefix("./")
