"""The desk's own copies of pictures: pyramids and thumbnails, made when first asked for, kept on disk.

The cache is named by SHA-256 and the way of showing pictures, so it is never out of date; past its size the
pictures looked at longest ago go (:mod:`review.pictures.room`). It may be deleted at any time. It never lies
among the masters.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import StorageError
from oldphoto_core.image_io import WAY_OF_SHOWING
from review.files import DeskFiles
from review.pictures.blocks import StoredPicture, open_picture
from review.pictures.pyramid import Pyramid, build, stored_view, upright_size
from review.pictures.room import CacheRoom, size_of
from review.pictures.tiles import Paint, encode, fitted

T = TypeVar("T")

_OPEN_PYRAMIDS = 64
_DECODERS = 2
"""So many pictures are decoded at a time: this, not the number of requests, bounds the memory."""
_OVERSAMPLING = 3
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
        return f"{self.sha256}-{self.orientation}{'m' if self.keep_largest else f'w{WAY_OF_SHOWING}'}"


@dataclass
class _Turn:
    """Who makes a picture, and how many threads want it made."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted_by: int = 0


class PictureShelf:
    """Gives out pyramids and thumbnails; safe to share between threads.

    Args:
        files: where pictures come from.
        folder: the cache.
        max_bytes: about how large the cache may grow.
    """

    def __init__(self, files: DeskFiles, folder: Path, max_bytes: int) -> None:
        self.files, self.folder, self.max_bytes = files, folder, max_bytes
        self._opened: OrderedDict[str, Pyramid] = OrderedDict()
        self._guard = threading.Lock()
        self._making: dict[str, _Turn] = {}
        self._room = CacheRoom(folder, max_bytes)
        self._decoders = threading.BoundedSemaphore(_DECODERS)

    def pyramid(self, wanted: PictureRequest) -> Pyramid:
        """Return a picture's pyramid; made on first use.

        Raises:
            StorageError, FixityError, PhotoError: the picture cannot be shown, and why.
        """
        folder = self.folder / "pyramids" / wanted.name
        with self._guard:
            if (pyramid := self._opened.get(wanted.name)) is not None:
                self._opened.move_to_end(wanted.name)
        if pyramid is not None:
            _touch(folder)
            return pyramid
        with self._making_room(folder), self._only_one(wanted.name), self._full_disk_told():
            pyramid = _once_more(lambda: self._ready(wanted, folder))
        with self._guard:
            self._opened[wanted.name] = pyramid
            while len(self._opened) > _OPEN_PYRAMIDS:
                self._opened.popitem(last=False)
        return pyramid

    def thumbnail(self, wanted: PictureRequest, side: int) -> bytes:
        """Return a small JPEG of a picture; made on first use. Raises as :meth:`pyramid` does."""
        path = self.folder / "thumbnails" / f"{wanted.name}-{side}.jpg"
        if (data := _kept(path)) is not None:
            return data
        with self._making_room(path), self._only_one(path.name), self._full_disk_told():
            if (data := _kept(path)) is None:
                small = _once_more(lambda: self._small(wanted, side))
                data = encode(fitted(small, side), Paint.PHOTO)
                _write(path, data)
                self._room.added(len(data))
        return data

    def _ready(self, wanted: PictureRequest, folder: Path) -> Pyramid:
        if not folder.is_dir():
            self._build(wanted, folder)
        pyramid = Pyramid(folder)
        _ = pyramid.levels
        os.utime(folder)
        return pyramid

    def _small(self, wanted: PictureRequest, side: int) -> NDArray[np.uint8]:
        folder = self.folder / "pyramids" / wanted.name
        if folder.is_dir():
            return np.asarray(Pyramid(folder).at_least(side))
        with self._decoders:
            with open_picture(self._fetch(wanted), key=wanted.key) as picture:
                small = _sampled(picture, wanted.orientation, side)
            self._still_the_same(wanted)
        return small

    def _build(self, wanted: PictureRequest, folder: Path) -> None:
        partial = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
        with self._decoders:
            path = self._fetch(wanted)
            partial.mkdir(parents=True)
            try:
                with open_picture(path, key=wanted.key) as picture:
                    build(picture, wanted.orientation, partial, keep_largest=wanted.keep_largest)
                self._still_the_same(wanted)
                self._room.added(size_of(partial))
                _settle(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)

    def _fetch(self, wanted: PictureRequest) -> Path:
        path = self.files.fetch(wanted.uri, wanted.sha256)
        if path.is_relative_to(self.folder):
            # Also where it lay there already: telling them apart is not worth the trouble.
            self._room.added(size_of(path))
        return path

    def _still_the_same(self, wanted: PictureRequest) -> None:
        """Verify a picture once more: it was read again after it was hashed, and may have been replaced between."""
        self.files.verify_again(wanted.uri, wanted.sha256)

    @contextmanager
    def _full_disk_told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise StorageError(
                f"{self.folder} has no room for the desk's own copies of pictures ({error.strerror}). See to that "
                "disk, or start the desk with another --cache."
            ) from error

    @contextmanager
    def _making_room(self, keep: Path) -> Iterator[None]:
        """Make room in the end, also where a picture was only downloaded and cannot be shown."""
        try:
            yield
        finally:
            gone = self._room.make(keep, self._in_use)
            with self._guard:
                for name in gone:
                    self._opened.pop(name, None)

    def _in_use(self) -> set[str]:
        """Return the digests of the pictures that threads are making or opening now."""
        with self._guard:
            return {name.partition("-")[0] for name in self._making}

    @contextmanager
    def _only_one(self, name: str) -> Iterator[None]:
        """Let one thread at a time make ``name``; the others wait and find it made."""
        with self._guard:
            turn = self._making.setdefault(name, _Turn())
            turn.wanted_by += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.wanted_by -= 1
                if not turn.wanted_by:
                    del self._making[name]


def _once_more(make: Callable[[], T]) -> T:
    """Make something; once more if another desk over the same cache deletes what it is made of meanwhile."""
    try:
        return make()
    except FileNotFoundError:
        return make()


def _settle(partial: Path, folder: Path) -> None:
    """Give a finished pyramid its name; another desk over the same cache may have been faster."""
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _touch(path: Path) -> None:
    """Note that something was looked at now."""
    with suppress(FileNotFoundError):
        os.utime(path)


def _kept(path: Path) -> bytes | None:
    """Return a file's bytes and note that they were looked at; None where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    _touch(path)
    return data


def _write(path: Path, data: bytes) -> None:
    """Write a file that nobody sees before it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _sampled(picture: StoredPicture, orientation: int, side: int) -> NDArray[np.uint8]:
    """Return every n-th pixel of a picture, upright, about three times as large as ``side``."""
    step = max(1, max(picture.width, picture.height) // (side * _OVERSAMPLING))
    rows, columns = -(-picture.height // step), -(-picture.width // step)
    width, height = upright_size(columns, rows, orientation)
    upright = np.zeros((height, width, 3) if picture.is_colour else (height, width), np.uint8)
    stored = stored_view(upright, orientation)
    for block in picture.blocks:
        piece = block.shown(step)
        row, column = -(-block.row // step), -(-block.column // step)
        stored[row : row + piece.shape[0], column : column + piece.shape[1]] = piece
    return upright
