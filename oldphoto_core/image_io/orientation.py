"""The eight EXIF orientations as exact array operations: nothing is resampled."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

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
    transpose, flip_rows, flip_columns = _steps(orientation)
    turned: Any = pixels.swapaxes(0, 1) if transpose else pixels
    return cast(_Array, _contiguous(turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]))


def from_upright(pixels: _Array, orientation: int) -> _Array:
    """Undo :func:`to_upright`: ``from_upright(to_upright(p, o), o)`` is ``p`` for every orientation."""
    transpose, flip_rows, flip_columns = _steps(orientation)
    turned: Any = pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return cast(_Array, _contiguous(turned.swapaxes(0, 1) if transpose else turned))


def _steps(orientation: int) -> tuple[bool, bool, bool]:
    """Return (transpose first, then reverse rows, then reverse columns)."""
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
