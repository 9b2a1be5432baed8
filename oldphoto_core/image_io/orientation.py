"""The eight EXIF orientations as exact array operations: nothing is resampled."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.raster import Raster

_Array = TypeVar("_Array", bound=NDArray[Any])


def to_upright(pixels: _Array, orientation: int) -> _Array:
    """Turn a stored picture the way it is meant to be looked at.

    Args:
        pixels: ``H×W`` or ``H×W×C`` of any dtype, as stored.
        orientation: EXIF value 1–8.

    Returns:
        A contiguous array of the same dtype; orientations 5–8 exchange height and width.

    Raises:
        ValueError: the orientation is not 1–8.
    """
    transpose, flip_rows, flip_columns = turns(orientation)
    turned: Any = pixels.swapaxes(0, 1) if transpose else pixels
    return cast(_Array, _contiguous(turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]))


def from_upright(pixels: _Array, orientation: int) -> _Array:
    """Undo :func:`to_upright`: ``from_upright(to_upright(p, o), o)`` is ``p`` for every orientation."""
    transpose, flip_rows, flip_columns = turns(orientation)
    turned: Any = pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return cast(_Array, _contiguous(turned.swapaxes(0, 1) if transpose else turned))


class AsStored:
    """An upright raster, read and written in the orientation that its file has.

    Args:
        upright: the raster as it is meant to be looked at.
        orientation: EXIF value 1–8.
    """

    def __init__(self, upright: Raster, orientation: int) -> None:
        self._upright, self._orientation = upright, orientation
        self._transposed, self._flips_rows, self._flips_columns = turns(orientation)

    @property
    def shape(self) -> tuple[int, ...]:
        """The stored shape."""
        height, width, *channels = self._upright.shape
        return (width, height, *channels) if self._transposed else (height, width, *channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The samples' type."""
        return self._upright.dtype

    def read(self, top: int, left: int, bottom: int, right: int) -> NDArray[Any]:
        """Return a region in stored coordinates."""
        return from_upright(self._upright.read(*self._turned(top, left, bottom, right)), self._orientation)

    def write(self, top: int, left: int, block: NDArray[Any]) -> None:
        """Store a block in stored coordinates."""
        place = self._turned(top, left, top + block.shape[0], left + block.shape[1])
        self._upright.write(place[0], place[1], to_upright(block, self._orientation))

    def _turned(self, top: int, left: int, bottom: int, right: int) -> tuple[int, int, int, int]:
        """Return a stored region's place in the upright picture."""
        if self._transposed:
            top, left, bottom, right = left, top, right, bottom
        height, width = self._upright.shape[:2]
        if self._flips_rows:
            top, bottom = height - bottom, height - top
        if self._flips_columns:
            left, right = width - right, width - left
        return top, left, bottom, right


def turns(orientation: int) -> tuple[bool, bool, bool]:
    """Return (transpose first, then reverse rows, then reverse columns) for an EXIF orientation.

    Raises:
        ValueError: no orientation that EXIF knows (1 to 8).
    """
    steps = {
        1: (False, False, False),
        2: (False, False, True),
        3: (False, True, True),
        4: (False, True, False),
        5: (True, False, False),
        6: (True, False, True),
        7: (True, True, True),
        8: (True, True, False),
    }
    if orientation not in steps:
        raise ValueError(f"orientation is {orientation!r}; EXIF knows 1 to 8")
    return steps[orientation]


def _contiguous(pixels: Any) -> Any:
    """Copy only where needed; torch refuses the negative strides that flipping leaves behind."""
    return np.ascontiguousarray(pixels)
