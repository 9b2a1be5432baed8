"""Keeping the desk's cache within its size: past it, what was looked at longest ago goes.

Everything in the cache counts: pyramids, thumbnails, and copies of objects from buckets. Looking at all of it takes
a while, so it is done only once as much was added as may have filled it. Other desks may use the same cache.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path

FOLDERS = ("pyramids", "thumbnails", "objects")
_LEFT_FREE = 10
"""One part in so many is made free at a time, so that not every further picture looks at the whole cache."""
_ABANDONED_AFTER = 86400.0
"""Seconds after which what is still being written, by its name, was left by a desk that was killed."""


class CacheRoom:
    """The size of a cache; safe to share between threads.

    Names that begin with a dot are being written; the others begin with the SHA-256 of their picture.

    Args:
        folder: the cache.
        max_bytes: about how large it may grow.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self._added, self._free = 0, 0
        self._guard, self._clearing = threading.Lock(), threading.Lock()

    def added(self, size: int) -> None:
        """Note how many bytes were added."""
        with self._guard:
            self._added += size

    def make(self, keep: Path, in_use: Callable[[], Container[str]]) -> list[str]:
        """Delete what was looked at longest ago until the cache fits; return the names of what went.

        Args:
            keep: stays, even where it is larger than the whole cache may be.
            in_use: gives the digests of pictures that are being made or opened now; they stay too.
        """
        with self._clearing:
            with self._guard:
                if self._added <= self._free:
                    return []
                # Before looking: what is added meanwhile counts twice rather than not at all.
                self._added = 0
            entries = self._entries()
            total, gone = sum(size for _, size, _ in entries), []
            enough = self.max_bytes - self.max_bytes // _LEFT_FREE if total > self.max_bytes else total
            for looked_at, size, entry in entries:
                if total <= enough:
                    break
                if entry != keep and not _is_busy(entry, looked_at, in_use()):
                    _remove(entry)
                    gone.append(entry.name)
                    total -= size
            # Half of what is free: another desk may be filling it as well.
            self._free = (self.max_bytes - total) // 2
            return gone

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return when each entry was looked at, its size and itself; longest ago first."""
        found = [entry for name in FOLDERS for entry in (self.folder / name).glob("*")]
        return sorted((_looked_at(entry), size_of(entry), entry) for entry in found)


def size_of(entry: Path) -> int:
    """Return the bytes of a file or of the files in a folder; 0 for what is gone."""
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in (entry.iterdir() if entry.is_dir() else [entry]))
    return 0


def _looked_at(entry: Path) -> float:
    with suppress(FileNotFoundError):
        return entry.stat().st_mtime
    return 0.0


def _is_busy(entry: Path, looked_at: float, in_use: Container[str]) -> bool:
    if entry.name.startswith("."):
        return time.time() - looked_at < _ABANDONED_AFTER
    return entry.name.partition("-")[0] in in_use


def _remove(entry: Path) -> None:
    """Delete a file or folder; a folder loses its name first, so that nobody finds it half empty."""
    with suppress(FileNotFoundError):
        if not entry.is_dir():
            entry.unlink()
            return
        dying = entry.with_name(f".{secrets.token_hex(8)}.gone")
        entry.rename(dying)
        shutil.rmtree(dying, ignore_errors=True)
