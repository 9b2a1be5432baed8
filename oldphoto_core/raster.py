"""Pixels that are read and written by regions, in memory or in a scratch file.

Every step of a restoration works on rasters, so that a contact print and a glass plate of 400 megapixels go
through the same code and come out with the same pixels; only where the pixels lie differs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import StorageError
from oldphoto_core.threads import done_in_threads

BAND_PIXELS = 4 << 20
"""Passes over a whole raster take so many pixels at a time."""


class Raster(Protocol):
    """``H×W`` or ``H×W×C`` samples of one dtype, reached by regions (half-open, rows and columns)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(H, W)`` or ``(H, W, C)``."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The samples' type."""
        ...

    def read(self, top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
        """Return the region as an array that must not be written to: it may be the raster itself."""
        ...

    def write(self, top: int, left: int, block: NDArray[Any]) -> None:
        """Store ``block`` with its first pixel at (top, left)."""
        ...


class Workspace(Protocol):
    """Where the intermediate rasters of one photo lie."""

    def new(self, shape: tuple[int, ...], dtype: Any) -> Raster:
        """Return a raster of zeros."""
        ...


class MemoryRaster:
    """An array as a raster; nothing is copied."""

    def __init__(self, pixels: NDArray[Any]) -> None:
        self.pixels = pixels

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Raster`."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Raster`."""
        return self.pixels.dtype

    def read(self, top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
        """Return a view."""
        return self.pixels[top:bottom, left:right]

    def write(self, top: int, left: int, block: NDArray[Any]) -> None:
        """See `Raster`."""
        self.pixels[top : top + block.shape[0], left : left + block.shape[1]] = block


class FileRaster:
    """Samples in a nameless file of the system's folder for temporary files (``TMPDIR``).

    It disappears with the process however that ends.

    The file is mapped only while a region is copied: a lasting map would let the pages that were touched count
    as the process's memory.

    Args:
        shape, dtype: of the samples.

    Raises:
        StorageError: the disk has no room for it.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        place = tempfile.gettempdir()
        size = int(np.prod(shape)) * self._dtype.itemsize
        try:
            self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=place))  # noqa: SIM115 — closed by close()
            # Reserved now: a full disk met through a map would kill the process instead of raising.
            os.posix_fallocate(self._file.fileno(), 0, max(1, size))
        except OSError as error:
            raise StorageError(
                f"{size / 1e9:.1f} GB of scratch space are not to be had in {place} ({error.strerror}). "
                "Free some, or set TMPDIR to a folder on a larger disk."
            ) from error

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Raster`."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Raster`."""
        return self._dtype

    def read(self, top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
        """Return a copy."""
        return np.array(self._mapped("r")[top:bottom, left:right])

    def write(self, top: int, left: int, block: NDArray[Any]) -> None:
        """See `Raster`."""
        self._mapped("r+")[top : top + block.shape[0], left : left + block.shape[1]] = block

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def _mapped(self, mode: Any) -> NDArray[Any]:
        return np.memmap(self._file, self._dtype, mode, shape=self._shape)


class InMemory:
    """The workspace of a photo that fits into memory."""

    def new(self, shape: tuple[int, ...], dtype: Any) -> MemoryRaster:
        """See `Workspace`."""
        return MemoryRaster(np.zeros(shape, dtype))


class OnDisk:
    """The workspace of a photo that does not; use it as a context manager."""

    def __init__(self) -> None:
        self._made: list[FileRaster] = []

    def __enter__(self) -> OnDisk:
        return self

    def __exit__(self, *error: object) -> None:
        for raster in self._made:
            raster.close()

    def new(self, shape: tuple[int, ...], dtype: Any) -> FileRaster:
        """See `Workspace`."""
        raster = FileRaster(shape, dtype)
        self._made.append(raster)
        return raster


def bands(height: int, width: int, pixels: int = BAND_PIXELS) -> Iterator[tuple[int, int]]:
    """Yield (top, bottom) of bands of whole rows that hold about ``pixels`` each."""
    rows = max(1, pixels // max(1, width))
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def whole(raster: Raster) -> NDArray[Any]:
    """Return all of a raster as an array."""
    return raster.read(0, 0, raster.shape[0], raster.shape[1])


def copied(source: Raster, target: Raster) -> None:
    """Copy a raster band by band."""
    height, width = source.shape[:2]
    for top, bottom in bands(height, width):
        target.write(top, 0, source.read(top, 0, bottom, width))


def reduced(raster: Raster, side: int, workers: int = 1) -> tuple[NDArray[Any], int]:
    """Return the raster reduced by the least whole factor that brings its longer side to ``side`` or less.

    Each pixel is the mean of factor×factor pixels, rounded; rows and columns that fill no whole pixel at the
    lower and right edge are left out. ``workers`` bands are worked on at a time.

    Returns:
        The picture in the raster's dtype, and the factor. Where the factor is 1 it is the raster itself.
    """
    height, width = raster.shape[:2]
    factor = -(-max(height, width) // side)
    if factor == 1 or min(height, width) < factor:
        return whole(raster), 1
    rows, columns = height // factor, width // factor
    small = np.empty((rows, columns, *raster.shape[2:]), raster.dtype)

    def mean(span: tuple[int, int]) -> None:
        first, last = span
        block = raster.read(first * factor, 0, last * factor, columns * factor)
        small[first:last] = np.rint(_cell_sums(block, factor).astype(np.float32) / np.float32(factor**2))

    done_in_threads(mean, bands(rows, columns * factor * factor), workers)
    return small, factor


def _cell_sums(block: NDArray[Any], factor: int) -> NDArray[np.uint32]:
    """Return the sums of factor×factor cells; whole numbers, row by row, take a tenth of a mean's time."""
    rows = block[::factor].astype(np.uint32)
    for shift in range(1, factor):
        rows += block[shift::factor]
    cells = rows.reshape(rows.shape[0], -1, factor, *rows.shape[2:])
    sums: NDArray[np.uint32] = cells[:, :, 0].copy()
    for shift in range(1, factor):
        sums += cells[:, :, shift]
    return sums
