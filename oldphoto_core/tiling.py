"""Run a convolutional network over a picture of any size: cut into tiles with a halo, run, crop.

Law: where the halo covers the network's reach, tiled = whole. The grid depends on the picture's size alone,
not on where its pixels lie, so that a scan on disk gives the same result as one in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.raster import MemoryRaster, Raster


@dataclass(frozen=True)
class Window:
    """One tile: the span that is read (outer) and the span that is kept (inner), in padded pixels."""

    top: int
    left: int
    bottom: int
    right: int
    inner_top: int
    inner_left: int
    inner_bottom: int
    inner_right: int


@dataclass(frozen=True)
class Grid:
    """The tiles of one picture.

    The picture is mirrored outwards by ``border`` pixels, and below and on the right up to a multiple of
    ``multiple``; ``tile``, ``halo`` and ``border`` are multiples of it too. Without a border the networks meet their
    own zero padding, as they do at the edges of the crops that they learnt from.
    """

    height: int
    width: int
    tile: int
    halo: int
    multiple: int
    border: int = 0

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width with the mirrored border."""
        return self._padded(self.height), self._padded(self.width)

    def windows(self) -> Iterator[Window]:
        """Yield the tiles that keep at least one pixel of the picture."""
        for window in windows(*self.padded, self.tile, self.halo):
            top, left, bottom, right = self.kept(window)
            if top < bottom and left < right:
                yield window

    def kept(self, window: Window) -> tuple[int, int, int, int]:
        """Return (top, left, bottom, right) of what ``window`` keeps, in the picture's pixels."""
        return (
            max(0, window.inner_top - self.border),
            max(0, window.inner_left - self.border),
            min(self.height, window.inner_bottom - self.border),
            min(self.width, window.inner_right - self.border),
        )

    def read(self, raster: Raster, window: Window) -> NDArray[Any]:
        """Return the window's outer span of ``raster``, mirrored where it leaves the picture."""
        rows = self._mirrored(window.top, window.bottom, self.height)
        columns = self._mirrored(window.left, window.right, self.width)
        top, left = int(rows.min()), int(columns.min())
        block = raster.read(top, left, int(rows.max()) + 1, int(columns.max()) + 1)
        above, inside_rows, below = self._outside(window.top, window.bottom, self.height)
        before, inside_columns, after = self._outside(window.left, window.right, self.width)
        if not (above or below or before or after):
            return block
        narrow = self._repeated(self.height) or self._repeated(self.width)
        if narrow or max(above, below) >= inside_rows or max(before, after) >= inside_columns:
            return block[np.ix_(rows - top, columns - left)]
        # The same pixels as by their positions, a hundred times faster.
        first = (max(0, window.top - self.border) - top, max(0, window.left - self.border) - left)
        inside = block[first[0] : first[0] + inside_rows, first[1] : first[1] + inside_columns]
        bytes_ = inside.view(np.uint8) if inside.dtype == np.bool_ else inside
        mirrored = cv2.copyMakeBorder(bytes_, above, below, before, after, cv2.BORDER_REFLECT_101)
        return mirrored.view(inside.dtype).reshape(len(rows), len(columns), *inside.shape[2:])

    def crop(self, window: Window, done: Tensor) -> Tensor:
        """Return what is kept of a window's result ``…×h×w``."""
        top, left, bottom, right = (edge + self.border for edge in self.kept(window))
        return done[..., top - window.top : bottom - window.top, left - window.left : right - window.left]

    def _padded(self, length: int) -> int:
        return length + 2 * self.border + (-length) % self.multiple

    def _outside(self, first: int, last: int, length: int) -> tuple[int, int, int]:
        """Return how many of the padded positions ``first … last`` lie before, in and behind a picture's side."""
        first, last = first - self.border, last - self.border
        return max(0, -first), min(last, length) - max(first, 0), max(0, last - length)

    def _repeated(self, length: int) -> bool:
        """Say whether a side is shorter than its border: it is repeated at the edge, having nothing to mirror."""
        return self._padded(length) - self.border - length >= length

    def _mirrored(self, first: int, last: int, length: int) -> NDArray[np.intp]:
        """Return the positions in a picture's side that the padded positions ``first … last`` show."""
        positions = np.arange(first - self.border, last - self.border)
        if self._repeated(length):
            return np.clip(positions, 0, length - 1)
        positions = np.abs(positions)
        return np.where(positions >= length, 2 * (length - 1) - positions, positions)


def windows(height: int, width: int, tile: int, halo: int) -> Iterator[Window]:
    """Yield tiles that cover ``height×width`` once by their inner spans."""
    for inner_top in range(0, height, tile):
        for inner_left in range(0, width, tile):
            inner_bottom, inner_right = min(inner_top + tile, height), min(inner_left + tile, width)
            yield Window(
                max(0, inner_top - halo),
                max(0, inner_left - halo),
                min(height, inner_bottom + halo),
                min(width, inner_right + halo),
                inner_top,
                inner_left,
                inner_bottom,
                inner_right,
            )


def run_windows(
    function: Callable[[Tensor], Tensor],
    tiles: Iterable[tuple[Window, Tensor]],
    *,
    batch: int = 1,
    kind: Callable[[Tensor], Hashable] | None = None,
) -> Iterator[tuple[Window, Tensor]]:
    """Apply ``function`` (``B×C×h×w`` to ``B×K×h×w``) to tiles ``C×h×w``; yield windows with ``K×h×w``.

    Neighbours of one shape, and of one ``kind`` where that is given, go through together, at most ``batch``
    of them: a GPU is idle most of the time with one small tile, a CPU is not.
    """

    def group(entry: tuple[Window, Tensor]) -> Hashable:
        tile = entry[1]
        return tuple(tile.shape), kind(tile) if kind is not None else None

    for _, members in groupby(tiles, key=group):
        while taken := list(islice(members, batch)):
            stacked = torch.stack([tile for _, tile in taken]).contiguous(memory_format=torch.channels_last)
            yield from zip((window for window, _ in taken), function(stacked), strict=True)


def run_tiled(
    function: Callable[[Tensor], Tensor],
    picture: Tensor,
    *,
    tile: int,
    halo: int,
    multiple: int,
    batch: int = 1,
) -> Tensor:
    """Apply ``function`` (``B×C×h×w`` to ``B×K×h×w``) to ``1×C×H×W`` tile by tile; return ``1×K×H×W``.

    ``tile`` and ``halo`` are multiples of ``multiple``; ``batch`` tiles of one shape go through together. The
    picture has no mirrored border (see :class:`Grid`).
    """
    height, width = picture.shape[-2:]
    grid = Grid(height, width, tile, halo, multiple)
    raster = MemoryRaster(picture[0].permute(1, 2, 0).numpy())
    tiles = ((window, channels_first(grid.read(raster, window))) for window in grid.windows())
    result: Tensor | None = None
    for window, done in run_windows(function, tiles, batch=batch):
        if result is None:
            result = torch.empty((1, done.shape[0], height, width), dtype=done.dtype)
        top, left, bottom, right = grid.kept(window)
        result[0, :, top:bottom, left:right] = grid.crop(window, done)
    assert result is not None
    return result


def channels_first(block: NDArray[Any]) -> Tensor:
    """Return ``h×w×C`` as a tensor ``C×h×w`` of the same memory where that is contiguous."""
    return torch.from_numpy(np.ascontiguousarray(block)).permute(2, 0, 1)
