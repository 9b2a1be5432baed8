"""The desk's own copies of pictures: pyramids and thumbnails, made when first asked for, kept on disk.

The cache is named by SHA-256, so it is never out of date; past its size the pictures looked at longest ago
go. It may be deleted at any time. It never lies among the masters.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from review.pictures.blocks import StoredPicture, open_picture
from review.pictures.pyramid import Pyramid, build, stored_view, upright_size
from review.pictures.tiles import Paint, encode, fitted
from review.storage import Storage

_OPEN_PYRAMIDS = 64
_DECODERS = 2
"""So many pictures are decoded at a time: this, not the number of requests, bounds the memory."""
_OVERSAMPLING = 3


@dataclass(frozen=True)
class PictureRequest:
    """A picture of the catalog. ``orientation`` is that of the master, which its derivatives share."""

    key: str
    uri: str
    sha256: str
    orientation: int = 1
    keep_largest: bool = False

    @property
    def name(self) -> str:
        """What the cache calls it."""
        return f"{self.sha256}-{self.orientation}{'m' if self.keep_largest else ''}"


class PictureShelf:
    """Gives out pyramids and thumbnails; safe to share between threads.

    Args:
        storage: where pictures come from.
        folder: the cache.
        max_bytes: about how large the pyramids may grow together.
    """

    def __init__(self, storage: Storage, folder: Path, max_bytes: int) -> None:
        self.storage, self.folder, self.max_bytes = storage, folder, max_bytes
        self._opened: OrderedDict[str, Pyramid] = OrderedDict()
        self._guard = threading.Lock()
        self._building: dict[str, threading.Lock] = {}
        self._decoders = threading.BoundedSemaphore(_DECODERS)

    def pyramid(self, wanted: PictureRequest) -> Pyramid:
        """Return a picture's pyramid; made on first use.

        Raises:
            StorageError, FixityError, PhotoError: the picture cannot be shown, and why.
        """
        with self._guard:
            if (pyramid := self._opened.get(wanted.name)) is not None:
                self._opened.move_to_end(wanted.name)
                return pyramid
        with self._only_one(wanted.name):
            folder = self.folder / "pyramids" / wanted.name
            if not folder.is_dir():
                self._build(wanted, folder)
            os.utime(folder)
            pyramid = Pyramid(folder)
            _ = pyramid.levels
        with self._guard:
            self._opened[wanted.name] = pyramid
            while len(self._opened) > _OPEN_PYRAMIDS:
                self._opened.popitem(last=False)
        return pyramid

    def thumbnail(self, wanted: PictureRequest, side: int) -> bytes:
        """Return a small JPEG of a picture; made on first use. Raises as :meth:`pyramid` does."""
        path = self.folder / "thumbnails" / f"{wanted.name}-{side}.jpg"
        with suppress(FileNotFoundError):
            return path.read_bytes()
        with self._only_one(path.name):
            if not path.exists():
                data = encode(fitted(self._small(wanted, side), side), Paint.PHOTO)
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
                partial.write_bytes(data)
                partial.replace(path)
                return data
        return path.read_bytes()

    def _small(self, wanted: PictureRequest, side: int) -> NDArray[np.uint8]:
        folder = self.folder / "pyramids" / wanted.name
        if folder.is_dir():
            return np.asarray(Pyramid(folder).at_least(side))
        with self._decoders, open_picture(self._fetch(wanted), key=wanted.key) as picture:
            return _sampled(picture, wanted.orientation, side)

    def _build(self, wanted: PictureRequest, folder: Path) -> None:
        partial = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
        with self._decoders:
            path = self._fetch(wanted)
            partial.mkdir(parents=True)
            try:
                with open_picture(path, key=wanted.key) as picture:
                    build(picture, wanted.orientation, partial, keep_largest=wanted.keep_largest)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        self._make_room(keep=folder)

    def _fetch(self, wanted: PictureRequest) -> Path:
        return self.storage.fetch(wanted.uri, wanted.sha256)

    def _make_room(self, keep: Path) -> None:
        """Delete what was looked at longest ago until the cache fits."""
        entries = [*(self.folder / "pyramids").glob("*"), *(self.folder / "objects").glob("*")]
        sized = sorted(((_age_mark(entry), _size(entry), entry) for entry in entries), key=lambda one: one[0])
        total = sum(size for _, size, _ in sized)
        for _, size, entry in sized:
            if total <= self.max_bytes:
                return
            if entry != keep and not entry.name.startswith("."):
                _remove(entry)
                total -= size
                with self._guard:
                    self._opened.pop(entry.name, None)

    @contextmanager
    def _only_one(self, name: str) -> Iterator[None]:
        """Let one thread at a time make ``name``; the others wait and find it made."""
        with self._guard:
            lock = self._building.setdefault(name, threading.Lock())
        with lock:
            yield
        with self._guard:
            self._building.pop(name, None)


def _sampled(picture: StoredPicture, orientation: int, side: int) -> NDArray[np.uint8]:
    """Return every n-th pixel of a picture, upright, about three times as large as ``side``."""
    step = max(1, max(picture.width, picture.height) // (side * _OVERSAMPLING))
    rows, columns = -(-picture.height // step), -(-picture.width // step)
    width, height = upright_size(columns, rows, orientation)
    upright = np.zeros((height, width, 3) if picture.is_colour else (height, width), np.uint8)
    stored = stored_view(upright, orientation)
    for block in picture.blocks:
        piece = block.pixels[-block.row % step :: step, -block.column % step :: step]
        row, column = -(-block.row // step), -(-block.column // step)
        stored[row : row + piece.shape[0], column : column + piece.shape[1]] = piece
    return upright


def _age_mark(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(entry: Path) -> int:
    files = entry.iterdir() if entry.is_dir() else [entry]
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in files)
    return 0


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
