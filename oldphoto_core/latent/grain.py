"""Continue a photo's grain into the fill: a smooth patch on a grainy print is seen at once.

The translation removes grain; what it removed from the intact surroundings is the grain to give back. It is not
modelled but transplanted, each filled pixel from the nearest intact place in a fixed list of offsets, so that
size, colour and strength of the grain are the photo's own.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.photo import Mask

FINE_SIGMA = 2.0
"""Standard deviation in pixels of the blur that parts grain from tone."""
_STRENGTH_SIGMA = 6.0
_MOST = 3.0
"""Grain beyond so many times its usual size nearby is an edge that the translation moved, not grain."""
_DISTANCES = (12, 24, 48, 96)
_DIRECTIONS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
REACH = max(_DISTANCES) + int(4 * (FINE_SIGMA + _STRENGTH_SIGMA))
"""How far in pixels the result at a position can depend on the picture."""


def continued_grain(difference: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Return the grain to add inside the mask, ``H×W×3`` (zero outside it, and where nothing intact is near).

    Args:
        difference: original minus restored, ``H×W×3``, of full scale 1.
        mask: ``H×W``, True = filled.
    """
    grain = _fine(difference, mask)
    result = np.zeros_like(difference)
    open_ = mask.copy()
    for distance in _DISTANCES:
        for down, right in _DIRECTIONS:
            if not open_.any():
                return result
            target, source = _overlap(mask.shape, down * distance, right * distance)
            taken = open_[target] & ~mask[source]
            result[target][taken] = grain[source][taken]
            open_[target] &= ~taken
    return result


def _fine(difference: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Return the fine part of the difference outside the mask, its outliers clipped."""
    intact = (~mask).astype(np.float32)[..., None]
    fine = (difference - _mean_around(difference, intact, FINE_SIGMA)) * intact
    most = _MOST * _mean_around(np.abs(fine), intact, _STRENGTH_SIGMA)
    return np.asarray(np.clip(fine, -most, most), np.float32)


def _mean_around(
    values: NDArray[np.float32], weight: NDArray[np.float32], sigma: float
) -> NDArray[np.float32]:
    total = np.asarray(cv2.GaussianBlur(values * weight, (0, 0), sigma), np.float32)
    known = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma), np.float32).reshape(weight.shape)
    return np.asarray(total / np.maximum(known, 1e-6), np.float32)


def _overlap(
    shape: tuple[int, ...], down: int, right: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the spans of targets and of the sources that lie ``down`` and ``right`` of them."""
    height, width = shape
    target = (
        slice(max(0, -down), min(height, height - down)),
        slice(max(0, -right), min(width, width - right)),
    )
    source = (
        slice(max(0, down), min(height, height + down)),
        slice(max(0, right), min(width, width + right)),
    )
    if down >= height or -down >= height or right >= width or -right >= width:
        return (slice(0, 0), slice(0, 0)), (slice(0, 0), slice(0, 0))
    return target, source
