"""Which tiles go through a GPU together.

A tile with damage keeps the outline that it has on a CPU: attention sees what the tile and its halo hold, so another
outline would be another fill. Intact tiles may be of any size (tiled = whole), and large ones have less halo: up
to 4×4 neighbours become one.

Shapes are few, whatever the sizes of large scans: for each new one every convolution has to be planned. So
intact windows at a picture's edges are widened, inwards, to what others measure, and batches hold a power of two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from oldphoto_core.raster import Raster
from oldphoto_core.tiling import Grid, Window

MOST_JOINED = 4
"""So many intact tiles a side become one; a power of two."""


class Batch(NamedTuple):
    """Windows of one shape that are all damaged or all intact."""

    windows: list[Window]
    damaged: bool


class _Tile(NamedTuple):
    row: int
    column: int
    window: Window
    damaged: bool


def batches(grid: Grid, mask: Raster, chosen: list[Window], pixels: int) -> list[Batch]:
    """Return the chosen windows in batches of about ``pixels`` pixels, intact neighbours joined.

    Args:
        grid: that the windows are of.
        mask: ``H×W`` bool, True = damage.
        chosen: what is to be translated.
        pixels: of a batch; it may have fewer, and one window more.
    """
    blocks: dict[tuple[int, int], list[_Tile]] = defaultdict(list)
    for window in chosen:
        row, column = window.inner_top // grid.tile, window.inner_left // grid.tile
        tile = _Tile(row, column, window, bool(grid.read(mask, window).any()))
        blocks[row // MOST_JOINED, column // MOST_JOINED].append(tile)
    alike: dict[tuple[bool, int, int], list[Window]] = defaultdict(list)
    for block in blocks.values():
        for joined, damaged in _joined(block, MOST_JOINED):
            window = joined if damaged else _widened(joined, grid, mask)
            alike[damaged, window.bottom - window.top, window.right - window.left].append(window)
    made = []
    for (damaged, height, width), windows in alike.items():
        most = max(1, pixels // (height * width))
        while windows:
            size = 1 << (min(most, len(windows)).bit_length() - 1)
            made.append(Batch(windows[:size], damaged))
            windows = windows[size:]
    return made


def _widened(window: Window, grid: Grid, mask: Raster) -> Window:
    """Return an intact window that sees more of the picture, so that its shape is one that is frequent.

    It stays as it is where it would see damage.
    """
    top, bottom = _stretched(window.top, window.bottom, grid.padded[0], grid)
    left, right = _stretched(window.left, window.right, grid.padded[1], grid)
    wider = replace(window, top=top, left=left, bottom=bottom, right=right)
    return window if wider == window or grid.read(mask, wider).any() else wider


def _stretched(first: int, last: int, length: int, grid: Grid) -> tuple[int, int]:
    """Return a span that holds ``first … last``, as long as some tiles with their halo if the side allows it."""
    sides = (count * grid.tile + 2 * grid.halo for count in range(1, MOST_JOINED + 1))
    wanted = next((side for side in sides if side >= last - first), last - first)
    if wanted > length:
        return first, last
    start = min(first, length - wanted)
    return start, start + wanted


def _joined(tiles: list[_Tile], side: int) -> Iterator[tuple[Window, bool]]:
    """Yield the tiles of a block of ``side×side``: as one where that is allowed, else by its quarters."""
    if len(tiles) == 1:
        yield tiles[0].window, tiles[0].damaged
        return
    union = _union([tile.window for tile in tiles])
    full = _kept(union) == sum(_kept(tile.window) for tile in tiles)
    if full and not any(tile.damaged for tile in tiles):
        yield union, False
        return
    half = side // 2
    quarters: dict[tuple[int, int], list[_Tile]] = defaultdict(list)
    for tile in tiles:
        quarters[tile.row // half, tile.column // half].append(tile)
    for quarter in quarters.values():
        yield from _joined(quarter, half)


def _union(windows: list[Window]) -> Window:
    return Window(
        min(window.top for window in windows),
        min(window.left for window in windows),
        max(window.bottom for window in windows),
        max(window.right for window in windows),
        min(window.inner_top for window in windows),
        min(window.inner_left for window in windows),
        max(window.inner_bottom for window in windows),
        max(window.inner_right for window in windows),
    )


def _kept(window: Window) -> int:
    return (window.inner_bottom - window.inner_top) * (window.inner_right - window.inner_left)
