"""The grey copies of a photo that faces are looked for in.

This file decides how a scan of any size and depth becomes a small 8-bit grey picture. The photo itself is only read.
What is a face is decided elsewhere.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.photo import Pixels
from oldphoto_core.pixels import full_scale

GreyImage = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""(x, y, width, height) in pixels; edges, not pixel centres."""

# The darkest and brightest share of the picture that the stretch lets saturate.
_TAIL = 0.5


class GreyView:
    """A photo as the face detector sees it.

    ``image`` is the whole photo, uint8, its longer side at most ``working_side``; ``scale`` is working pixels
    per photo pixel (≤ 1: a small photo is never enlarged). The tone is stretched to the full range, so that
    a faded 16-bit scan still has its 256 levels in the face; this touches the copy only.
    """

    def __init__(self, pixels: Pixels, working_side: int) -> None:
        height, width = pixels.shape[:2]
        self.scale = min(1.0, working_side / max(height, width))
        small: Pixels = pixels
        if self.scale < 1.0:
            size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
            small = _as_pixels(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        self.image = stretched(luminance(small), full_scale(pixels))


def stretched(grey: NDArray[Any], full: float = 255.0) -> GreyImage:
    """Return luminance ``H×W`` of values up to ``full`` as bytes, its tones stretched to the full range.

    A faded 16-bit scan so has its 256 levels in the face.
    """
    low, high = np.percentile(grey, (_TAIL, 100.0 - _TAIL))
    gain = 255.0 / max(float(high - low), 1e-3 * full)
    answer: GreyImage = np.clip((grey - np.float32(low)) * np.float32(gain), 0.0, 255.0).astype(np.uint8)
    return answer


def luminance(pixels: Pixels) -> NDArray[np.float32]:
    """Return Rec. 601 luminance, ``H×W`` float32, in the units of the input (0…255 or 0…65535)."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32)


def _as_pixels(array: NDArray[np.generic]) -> Pixels:
    """Narrow OpenCV's array type: it returns the depth it was given."""
    return array.astype(np.uint16) if array.dtype == np.uint16 else array.astype(np.uint8)
