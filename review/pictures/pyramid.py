"""A picture at full, half, quarter … size, upright, as files that are mapped and never loaded.

Level 0 is the full size; each further level halves both sides, rounding up, until the picture fits one tile.
Photographs are averaged; masks and probabilities keep the largest value, so that a thin scratch does not
vanish when the whole picture is seen.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.lib.format import open_memmap, write_array_header_1_0
from numpy.typing import NDArray

from oldphoto_core.image_io import turns
from review.pictures.blocks import StoredPicture

SMALLEST = 254
"""The last level's longer side is at most this."""
_BAND_ROWS = 512


@dataclass(frozen=True)
class Pyramid:
    """An existing pyramid; arrays are ``H×W`` or ``H×W×3`` ``uint8``, mapped read-only."""

    folder: Path

    @cached_property
    def levels(self) -> tuple[NDArray[np.uint8], ...]:
        """The levels, largest first. Raises FileNotFoundError where the pyramid was deleted meanwhile."""
        files = sorted(self.folder.glob("*.npy"), key=lambda path: int(path.stem))
        if not files:
            raise FileNotFoundError(self.folder)
        return tuple(np.load(path, mmap_mode="r") for path in files)

    @property
    def width(self) -> int:
        """Width of the full size, upright."""
        return int(self.levels[0].shape[1])

    @property
    def height(self) -> int:
        """Height of the full size, upright."""
        return int(self.levels[0].shape[0])

    def at_least(self, side: int) -> NDArray[np.uint8]:
        """Return the smallest level whose longer side is at least ``side``, or the full size."""
        for level in reversed(self.levels):
            if max(level.shape[:2]) >= side:
                return level
        return self.levels[0]


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return (width, height) of a stored picture when it is looked at."""
    return (height, width) if turns(orientation)[0] else (width, height)


def stored_view(upright: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of an upright array in stored orientation: writing into it turns what is written."""
    exchange, rows, columns = turns(orientation)
    view = upright[:: -1 if rows else 1, :: -1 if columns else 1]
    return view.swapaxes(0, 1) if exchange else view


def build(picture: StoredPicture, orientation: int, folder: Path, *, keep_largest: bool) -> None:
    """Write the levels of a picture into an empty folder, a band of rows at a time.

    Args:
        picture: what to read; its pieces are consumed.
        orientation: EXIF value 1–8 of the stored pixels.
        folder: must exist.
        keep_largest: keep the largest value instead of the mean (masks, probabilities).

    Raises:
        OSError: the disk is full, or does not take them for another reason.
        PhotoError: a piece of the picture cannot be decoded.
    """
    width, height = upright_size(picture.width, picture.height, orientation)
    shape = (height, width, 3) if picture.is_colour else (height, width)
    level = _created(folder / "0.npy", shape)
    stored = stored_view(level, orientation)
    for block in picture.blocks:
        rows, columns = block.samples.shape[:2]
        stored[block.row : block.row + rows, block.column : block.column + columns] = block.shown()
    number = 0
    while max(level.shape[:2]) > SMALLEST:
        number += 1
        level = _halve(level, folder / f"{number}.npy", keep_largest=keep_largest)


def _created(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a new level, mapped. Raises OSError."""
    with path.open("xb") as file:
        write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        # Reserved now: a full disk met through a map would kill the desk instead of raising.
        os.posix_fallocate(file.fileno(), file.tell(), math.prod(shape))
    level: NDArray[np.uint8] = open_memmap(path, mode="r+")
    return level


def _halve(level: NDArray[np.uint8], path: Path, *, keep_largest: bool) -> NDArray[np.uint8]:
    height, width = level.shape[:2]
    shape = ((height + 1) // 2, (width + 1) // 2, *level.shape[2:])
    half = _created(path, shape)
    for row in range(0, height, _BAND_ROWS):
        band = level[row : row + _BAND_ROWS]
        half[row // 2 : row // 2 + (band.shape[0] + 1) // 2] = _halved(band, keep_largest=keep_largest)
    return half


def _halved(band: NDArray[np.uint8], *, keep_largest: bool) -> NDArray[np.uint8]:
    """Return the band at half size; an odd last row or column counts twice."""
    odd = [(0, side % 2) for side in band.shape[:2]] + [(0, 0)] * (band.ndim - 2)
    even = np.pad(band, odd, mode="edge") if any(after for _, after in odd) else np.asarray(band)
    if keep_largest:
        pairs = np.maximum(even[0::2], even[1::2])
        return np.maximum(pairs[:, 0::2], pairs[:, 1::2])
    size = (even.shape[1] // 2, even.shape[0] // 2)
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.uint8)
