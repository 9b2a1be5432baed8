"""Make the conserved tier out of an original, what the networks made of it, and the mask."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.latent.grain import continued_grain
from oldphoto_core.photo import Mask, Pixels
from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.raster import MemoryRaster, Raster

_SCALES = ((4.0, 1.0), (12.0, 1e-2), (48.0, 1e-4))
"""Standard deviations in pixels, each with the weight of its answer."""
_ALIGNED = 12
"""The widest blur works on a picture reduced by so much: blocks begin at multiples of it."""
REACH = 4 * 48 + 2 * _ALIGNED
"""How far in pixels from the mask the restored photo matters to a fill."""
_BLOCK = 64 * _ALIGNED


def conserved(original: Pixels, restored: Pixels, mask: Mask, contrast: float = 1.0) -> Pixels:
    """Return the original with only the masked pixels filled, in the tone and grain of their surroundings.

    The fill is the restored photo, shifted by how much that departs from the original around the mask, with the
    grain that the translation took from the surroundings.
    Law: outside the mask the pixels are bit-identical to the original.

    Args:
        original, restored: the photo as stored, and translated.
        mask: the dilated mask.
        contrast: of the original, as a share of the translated photo's.
    """
    result = np.empty_like(original)
    conserve_into(
        MemoryRaster(original), MemoryRaster(restored), MemoryRaster(mask), MemoryRaster(result), contrast
    )
    return result


def conserve_into(
    original: Raster, restored: Raster, mask: Raster, result: Raster, contrast: float = 1.0
) -> None:
    """Do what :func:`conserved` does block by block; the blocks do not show in the result."""
    height, width = original.shape[:2]
    kind = PixelKind.of(original)
    for top, left in _corners(height, width):
        bottom, right = min(top + _BLOCK, height), min(left + _BLOCK, width)
        before = original.read(top, left, bottom, right)
        damaged = mask.read(top, left, bottom, right)
        if not damaged.any():
            result.write(top, left, before)
            continue
        outer = (
            max(0, top - REACH),
            max(0, left - REACH),
            min(height, bottom + REACH),
            min(width, right + REACH),
        )
        after = np.float32(contrast) * to_unit(restored.read(*outer))
        difference, around = to_unit(original.read(*outer)) - after, mask.read(*outer)
        shift = tone_shift(difference, around) + continued_grain(difference, around)
        inner = np.s_[top - outer[0] : bottom - outer[0], left - outer[1] : right - outer[1]]
        filled = np.array(before)
        filled[damaged] = kind.stored((after + shift)[inner])[damaged]
        result.write(top, left, filled)


def tone_shift(difference: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Continue ``difference`` (``H×W×3``) smoothly from the intact surroundings into the mask.

    Normalised convolution: blur the intact part and divide by the blurred weight, at three widening
    scales, so that a wide hole takes its tone from further away than a scratch.
    """
    intact = (~mask).astype(np.float32)
    total: NDArray[np.float32] = np.zeros_like(difference)
    weight = np.zeros_like(intact)
    for sigma, importance in _SCALES:
        total += np.float32(importance) * _blurred(difference * intact[..., None], sigma)
        weight += importance * _blurred(intact, sigma)
    shift: NDArray[np.float32] = (total / np.maximum(weight, 1e-12)[..., None]).astype(np.float32)
    return shift


def _corners(height: int, width: int) -> Iterator[tuple[int, int]]:
    for top in range(0, height, _BLOCK):
        for left in range(0, width, _BLOCK):
            yield top, left


def _blurred(array: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur; wide ones on a reduced picture, where they cost little and look the same."""
    height, width = array.shape[:2]
    factor = max(1, int(sigma // 4))
    if factor == 1 or min(height, width) < 4 * factor:
        return np.asarray(cv2.GaussianBlur(array, (0, 0), sigma), np.float32)
    # Filled up to whole cells, so that cells lie at the same places whatever part of the photo this is.
    below, beside = -height % factor, -width % factor
    filled = cv2.copyMakeBorder(array, 0, below, 0, beside, cv2.BORDER_REPLICATE)
    size = (filled.shape[1] // factor, filled.shape[0] // factor)
    small = cv2.resize(filled, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    grown = cv2.resize(blurred, (filled.shape[1], filled.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown[:height, :width], np.float32)
