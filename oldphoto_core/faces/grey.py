"""The grey copies of a photo that faces are looked for in.

This file decides how a scan of any size and depth becomes a small 8-bit grey picture, and how a part of it is
enlarged or reduced to a fixed size. The photo itself is only read. What is a face is decided in ``detect``
and ``evidence``.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class CloseUp:
    """A square part of the photo, resampled to a fixed size.

    ``image`` is ``S×S`` uint8; ``x0, y0`` is the photo position (pixel edges) of its upper left corner;
    ``scale`` is close-up pixels per photo pixel.
    """

    image: GreyImage
    x0: float
    y0: float
    scale: float

    def to_photo(self, x: float, y: float) -> tuple[float, float]:
        """Return the photo's pixel-centre coordinates of an edge coordinate of the close-up."""
        return (x / self.scale + self.x0 - 0.5, y / self.scale + self.y0 - 0.5)


class GreyView:
    """A photo as the face detector sees it.

    ``image`` is the whole photo, uint8, its longer side at most ``working_side``; ``scale`` is working pixels
    per photo pixel (≤ 1: a small photo is never enlarged). The tone is stretched to the full range, so that
    a faded 16-bit scan still has its 256 levels in the face; this touches the copy only.
    """

    def __init__(self, pixels: Pixels, working_side: int) -> None:
        self.pixels = pixels
        height, width = pixels.shape[:2]
        self.scale = min(1.0, working_side / max(height, width))
        small: Pixels = pixels
        if self.scale < 1.0:
            size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
            small = _as_pixels(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        grey = luminance(small)
        low, high = np.percentile(grey, (_TAIL, 100.0 - _TAIL))
        self._low = float(low)
        self._gain = 255.0 / max(float(high - low), 1e-3 * full_scale(pixels))
        self.image = self._stretch(grey)

    def close_up(self, box: Box, *, margin: float, side: int) -> CloseUp:
        """Return the square around ``box`` with ``margin`` × its width on every side, at ``side × side``.

        What lies outside the photo repeats its border.
        """
        x, y, width, height = box
        reach = max(width, height) * (0.5 + margin)
        centre_x, centre_y = x + width / 2, y + height / 2
        left, top = round(centre_x - reach), round(centre_y - reach)
        extent = max(2, round(2 * reach))
        part = self._stretch(luminance(_padded(self.pixels, left, top, extent)))
        filtering = cv2.INTER_AREA if extent > side else cv2.INTER_CUBIC
        image = cv2.resize(part, (side, side), interpolation=filtering).astype(np.uint8)
        return CloseUp(image, float(left), float(top), side / extent)

    def _stretch(self, grey: NDArray[np.float32]) -> GreyImage:
        stretched: GreyImage = np.clip((grey - self._low) * self._gain, 0.0, 255.0).astype(np.uint8)
        return stretched


def luminance(pixels: Pixels) -> NDArray[np.float32]:
    """Return Rec. 601 luminance, ``H×W`` float32, in the units of the input (0…255 or 0…65535)."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32)


def _padded(pixels: Pixels, left: int, top: int, extent: int) -> Pixels:
    height, width = pixels.shape[:2]
    x0, y0 = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    x1, y1 = max(min(left + extent, width), x0 + 1), max(min(top + extent, height), y0 + 1)
    part = pixels[y0:y1, x0:x1]
    pad_left, pad_top = max(0, x0 - left), max(0, y0 - top)
    pad_right, pad_bottom = extent - pad_left - (x1 - x0), extent - pad_top - (y1 - y0)
    if pad_left or pad_top or pad_right > 0 or pad_bottom > 0:
        part = _as_pixels(
            cv2.copyMakeBorder(
                part, pad_top, max(0, pad_bottom), pad_left, max(0, pad_right), cv2.BORDER_REPLICATE
            )
        )
    return part


def _as_pixels(array: NDArray[np.generic]) -> Pixels:
    """Narrow OpenCV's array type: it returns the depth it was given."""
    return array.astype(np.uint16) if array.dtype == np.uint16 else array.astype(np.uint8)
