"""Contact sheets: what the synthesis does, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.pixels import to_bytes

Tile = NDArray[np.uint8]
_GAP = 4


def to_uint8(pixels: NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.bool_]) -> Tile:
    """Return ``H×W×3`` ``uint8`` of a float picture in [0, 1], a ``uint8`` picture, or a mask."""
    if pixels.dtype == np.bool_:
        out = np.where(pixels, np.uint8(255), np.uint8(0))
    elif pixels.dtype == np.uint8:
        out = np.asarray(pixels, dtype=np.uint8)
    else:
        out = to_bytes(np.asarray(pixels, dtype=np.float32))
    return np.repeat(out[..., None], 3, axis=2) if out.ndim == 2 else np.ascontiguousarray(out)


def fit_tile(pixels: Tile, side: int) -> Tile:
    """Fit ``pixels`` into a ``side×side`` tile on dark grey, never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    tile = np.full((side, side, 3), 40, dtype=np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def tile_rows(rows: Sequence[Sequence[Tile]], side: int, columns: int = 1) -> Tile:
    """Lay out ``rows`` of tiles as ``H×W×3`` ``uint8``; ``columns`` rows stand beside one another."""
    if not rows:
        return np.full((side, side, 3), 40, dtype=np.uint8)
    gap = np.full((side, _GAP, 3), 255, dtype=np.uint8)
    strips = []
    for row in rows:
        parts = [piece for tile in row for piece in (fit_tile(tile, side), gap)]
        strips.append(np.hstack(parts))
    width = max(strip.shape[1] for strip in strips)
    strips = [np.pad(s, ((0, _GAP), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips]
    while len(strips) % columns:
        strips.append(np.full_like(strips[0], 255))
    lines = [np.hstack(strips[i : i + columns]) for i in range(0, len(strips), columns)]
    return np.asarray(np.vstack(lines), dtype=np.uint8)


def contact_sheet(
    rows: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]],
    *,
    side: int = 256,
    columns: int = 2,
) -> Tile:
    """Show (clean, aged, mask) side by side, ``columns`` triples a line, as ``H×W×3`` ``uint8`` RGB."""
    return tile_rows([[to_uint8(part) for part in row] for row in rows], side, columns)
