"""Make the tiers out of an original, its translation and the mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.photo import Mask, Pixels
from oldphoto_core.pixels import from_unit


def conserved(
    original: Pixels, unit: NDArray[np.float32], translated: NDArray[np.float32], mask: Mask
) -> Pixels:
    """Return the original with only the masked pixels filled, in the tone of their surroundings.

    The fill is the translation, shifted by how much the translation departs from the original around the
    mask. Law: outside the mask the pixels are bit-identical to the original.

    Args:
        original: the photo as stored.
        unit, translated: ``H×W×3`` in [0, 1], the photo and its translation.
        mask: the dilated mask.
    """
    result = original.copy()
    if not mask.any():
        return result
    fill = from_unit(translated + tone_shift(unit - translated, mask), original)
    result[mask] = fill[mask]
    return result


def tone_shift(difference: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Continue ``difference`` (``H×W×3``) smoothly from the intact surroundings into the mask.

    Normalised convolution: blur the intact part and divide by the blurred weight, at three widening
    scales, so that a wide hole takes its tone from further away than a scratch.
    """
    intact = (~mask).astype(np.float32)
    total: NDArray[np.float32] = np.zeros_like(difference)
    weight = np.zeros_like(intact)
    for sigma, importance in ((4.0, 1.0), (12.0, 1e-2), (48.0, 1e-4)):
        total += np.float32(importance) * _blurred(difference * intact[..., None], sigma)
        weight += importance * _blurred(intact, sigma)
    shift: NDArray[np.float32] = (total / np.maximum(weight, 1e-12)[..., None]).astype(np.float32)
    return shift


def _blurred(array: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur; wide ones on a reduced picture, where they cost little and look the same."""
    height, width = array.shape[:2]
    factor = max(1, int(sigma // 4))
    if factor == 1 or min(height, width) < 4 * factor:
        return cv2.GaussianBlur(array, (0, 0), sigma)  # type: ignore[return-value]
    small = cv2.resize(array, (-(-width // factor), -(-height // factor)), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
