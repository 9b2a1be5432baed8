"""At which scales a scan is looked at, besides its own.

The network learnt on pictures whose shorter side has a few hundred pixels. On a scan ten times as large a crack is
ten times as wide and a long faint line leaves every window; a *coarse look* at the whole scan, reduced, finds
both. On a small picture marks are a pixel or two; an *enlarged look* sees them better.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.photo import Pixels, Probability
from oldphoto_core.pixels import LUMINANCE, full_scale
from oldphoto_core.raster import BAND_PIXELS, Raster, bands

_LUMINANCE_PIXELS = 1 << 18
COARSE_SIDE = 600
"""The coarse look brings the shorter side to between this and twice this."""
ENLARGED_BELOW = 900
"""Scans whose shorter side is below this are looked at enlarged as well …"""
ENLARGEMENT = 1.5
"""… by this factor."""


@dataclass(frozen=True)
class Looks:
    """``reduction``: integer factor of the coarse look; ``enlargement``: factor of the enlarged one; 1 is none."""

    reduction: int
    enlargement: float

    @classmethod
    def of(cls, height: int, width: int) -> Looks:
        """Return the looks of a scan of this size."""
        short = min(height, width)
        return cls(max(1, short // COARSE_SIDE), ENLARGEMENT if short < ENLARGED_BELOW else 1.0)


def luminance(pixels: Pixels) -> NDArray[np.float32]:
    """Return the luminance of ``H×W`` or ``H×W×3`` pixels as ``H×W`` in [-1, 1]."""
    height, width = pixels.shape[:2]
    grey = np.empty((height, width), np.float32)
    # By bands: three channels of a whole block in float32 would be the largest thing in memory.
    for top, bottom in bands(height, width, _LUMINANCE_PIXELS):
        scaled = pixels[top:bottom].astype(np.float32) * np.float32(2.0 / full_scale(pixels)) - np.float32(1)
        grey[top:bottom] = scaled if scaled.ndim == 2 else scaled @ np.array(LUMINANCE, np.float32)
    return grey


def reduced(pixels: Raster, factor: int) -> NDArray[np.float32]:
    """Return the luminance of a scan reduced by an integer factor, ``⌈H/factor⌉×⌈W/factor⌉`` in [-1, 1].

    Each pixel is the mean of the ``factor``-sided square it stands for; squares on the far borders are filled up
    with their last row and column. Only a band of the scan is held at a time.
    """
    height, width = pixels.shape[:2]
    rows = max(1, BAND_PIXELS // (width * factor)) * factor
    parts = []
    for top in range(0, height, rows):
        band = luminance(pixels.read(top, 0, min(top + rows, height), width))
        padded = np.pad(band, ((0, -band.shape[0] % factor), (0, -width % factor)), mode="edge")
        size = (padded.shape[1] // factor, padded.shape[0] // factor)
        parts.append(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))
    return np.concatenate(parts).astype(np.float32, copy=False)


def enlarged_region(
    coarse: Probability, factor: int, top: int, left: int, bottom: int, right: int
) -> Probability:
    """Return a region of ``coarse`` enlarged by ``factor``, interpolated linearly; the region's edges do not show.

    Coordinates are those of the full-size scan.
    """
    first_row, first_column = max(0, top // factor - 1), max(0, left // factor - 1)
    part = coarse[first_row : -(-bottom // factor) + 1, first_column : -(-right // factor) + 1]
    size = (part.shape[1] * factor, part.shape[0] * factor)
    full = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR), np.float32)
    y, x = top - first_row * factor, left - first_column * factor
    return full[y : y + bottom - top, x : x + right - left]
