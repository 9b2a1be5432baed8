"""Pixels for a screen: 8 bits, sRGB."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_SPACE = slice(16, 20)


class Display:
    """Turns stored samples into what a browser shows.

    Args:
        profile: the picture's ICC profile; only RGB profiles are applied, greys are shown as they are.
        inverted: whether the largest sample means black.
    """

    def __init__(self, profile: bytes | None, *, inverted: bool = False) -> None:
        self.inverted = inverted
        self._transform = _transform(profile)

    def convert(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Return ``h×w`` or ``h×w×3`` ``uint8``; 16-bit samples are rounded, not stretched."""
        if samples.dtype.itemsize == 2:
            samples = (samples.astype(np.uint32) + 128) // 257
        shown = np.ascontiguousarray(samples, dtype=np.uint8)
        if self.inverted:
            shown = np.bitwise_not(shown)
        if self._transform is None or shown.ndim == 2:
            return shown
        converted = ImageCms.applyTransform(Image.fromarray(shown), self._transform)
        return np.asarray(converted) if converted is not None else shown


def _transform(profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB, or None where there is none to make: then samples are shown as they are."""
    if profile is None or profile[_SPACE] != b"RGB ":
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
