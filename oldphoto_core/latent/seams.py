"""Fade the tiles into each other where a wide hole lies across their border.

Attention takes its keys, and the interpolation its surroundings, from one tile. So two tiles fill their parts of one
hole from different memories, and their border showed in it. What lies there is translated once more, in windows
``v`` about the border of two tiles beside each other, ``h`` of two above each other and ``c`` of the corner of four,
and fades into the tiles' own result ``a`` on either side::

    w(d) = max(0, 1 − |d| / FADE)         d: distance from the border in pixels
    a ← a + w(x) (v − a)                  beside each other
    a ← a + w(y) (h + w(x) (c − h) − a)   above each other

Elsewhere tiled = whole, and a thin scratch is filled from what lies beside it, on either side of a border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.raster import Raster
from oldphoto_core.tiling import Grid, Window

FADE = 64
"""So far from a border, in pixels, its window counts; where tiles are less than twice as long, half a tile."""
WIDE = 32
"""Where a hole holds a square of so many pixels across a border, it is wide."""

Unit = NDArray[np.float32]
Fill = Callable[[Iterable[Window]], Iterator[Unit]]
"""Makes what each window keeps, in order: ``h×w×3`` in [0, 1], not clipped."""


class _About(NamedTuple):
    """A window about one border or two: the row and the column of the padded picture that begin behind them."""

    window: Window
    row: int | None
    column: int | None


def fade_seams(grid: Grid, pixels: Raster, mask: Raster, restored: Raster, fill: Fill) -> None:
    """Fade the tiles of ``restored`` into each other in wide holes.

    Args:
        grid: of the tiles.
        pixels: the photo as stored: whether it is grey is read from it, because ``restored`` may have gaps.
        mask: the dilated mask, ``H×W`` bool.
        restored: the restored tier; what lies within `FADE` of a wide hole has been written.
        fill: what made it, given windows of ``grid``.
    """
    kind: PixelKind | None = None
    for about in _borders(grid):
        if not _is_wide(grid, mask, about):
            continue
        corners = [corner for corner in _ends(grid, about) if _is_wide(grid, mask, corner)]
        made = fill([about.window, *(corner.window for corner in corners)])
        shown = next(made)
        for corner, at_corner in zip(corners, made, strict=True):
            _fade(grid, shown, about, at_corner, corner)
        top, left, bottom, right = grid.kept(about.window)
        before = to_unit(restored.read(top, left, bottom, right))
        kind = kind or PixelKind.of(pixels)
        restored.write(top, left, kind.stored(before + _weight(grid, about) * (shown - before)))


def _borders(grid: Grid) -> Iterator[_About]:
    """Yield the windows about the borders of two tiles: first beside each other, then above each other."""
    height, width = grid.padded
    rows, columns = range(0, height, grid.tile), range(0, width, grid.tile)
    yield from (_about(grid, row, column, upright=True) for row in rows for column in columns[1:])
    yield from (_about(grid, row, column, level=True) for row in rows[1:] for column in columns)


def _ends(grid: Grid, about: _About) -> Iterator[_About]:
    """Yield the windows about the corners at the ends of a border of two tiles above each other."""
    if about.row is not None:
        for column in (about.window.inner_left, about.window.inner_right):
            if 0 < column < grid.padded[1]:
                yield _about(grid, about.row, column, upright=True, level=True)


def _about(grid: Grid, row: int, column: int, *, upright: bool = False, level: bool = False) -> _About:
    """Return a window at a corner of tiles: about the upright border there, about the level one, or both."""
    height, width = grid.padded
    (top, bottom), (inner_top, inner_bottom) = _span(grid, row, height, about=level)
    (left, right), (inner_left, inner_right) = _span(grid, column, width, about=upright)
    window = Window(top, left, bottom, right, inner_top, inner_left, inner_bottom, inner_right)
    return _About(window, row if level else None, column if upright else None)


def _span(grid: Grid, first: int, length: int, *, about: bool) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return what a window sees and keeps along one side: half a tile before and behind ``first``, or that tile."""
    before, after = (grid.tile // 2, grid.tile // 2) if about else (0, grid.tile)
    seen = max(0, first - before - grid.halo), min(length, first + after + grid.halo)
    kept = (_reach(grid), _reach(grid)) if about else (0, grid.tile)
    return seen, (max(0, first - kept[0]), min(length, first + kept[1]))


def _reach(grid: Grid) -> int:
    return min(FADE, grid.tile // 2)


def _is_wide(grid: Grid, mask: Raster, about: _About) -> bool:
    """Return whether a square of masked pixels lies across the border; at a corner, across the upright one."""
    top, left, bottom, right = grid.kept(about.window)
    top, left, bottom, right = top - WIDE, left - WIDE, bottom + WIDE, right + WIDE
    # Such that no square of this size fits in on one side of the border.
    if about.column is not None:
        left, right = about.column - grid.border - WIDE + 1, about.column - grid.border + WIDE - 1
    elif about.row is not None:
        top, bottom = about.row - grid.border - WIDE + 1, about.row - grid.border + WIDE - 1
    block = mask.read(max(0, top), max(0, left), min(grid.height, bottom), min(grid.width, right))
    if min(block.shape) < WIDE or not block.any():
        return False
    sums = cv2.integral(block.view(np.uint8))
    squares = sums[WIDE:, WIDE:] - sums[:-WIDE, WIDE:] - sums[WIDE:, :-WIDE] + sums[:-WIDE, :-WIDE]
    return bool((squares == WIDE * WIDE).any())


def _weight(grid: Grid, about: _About) -> Unit:
    """Return ``w`` for what a window keeps, ``h×1×1`` or ``1×w×1``; at a corner that of the upright border."""
    top, left, bottom, right = grid.kept(about.window)
    if about.column is not None:
        distance = np.arange(left, right) + 0.5 - (about.column - grid.border)
        shape = (1, -1, 1)
    else:
        assert about.row is not None
        distance = np.arange(top, bottom) + 0.5 - (about.row - grid.border)
        shape = (-1, 1, 1)
    return np.maximum(0, 1 - np.abs(distance) / _reach(grid)).astype(np.float32).reshape(shape)


def _fade(grid: Grid, shown: Unit, about: _About, at_corner: Unit, corner: _About) -> None:
    """Fade what the window at an end of a level border made into what the one about that border made."""
    _, begin, _, end = grid.kept(about.window)
    _, left, _, right = grid.kept(corner.window)
    first, last = max(begin, left), min(end, right)
    weight = _weight(grid, corner)[:, first - left : last - left]
    part = shown[:, first - begin : last - begin]
    part += weight * (at_corner[:, first - left : last - left] - part)
