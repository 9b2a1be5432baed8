"""Stored pixels (uint8, uint16; grey, RGB) and the same as shares of the full scale.

What the networks see of them is in `oldphoto_core.tensors`: this module must not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import UsageError
from oldphoto_core.photo import Mask, Pixels
from oldphoto_core.raster import Raster, bands

LUMINANCE = (0.299, 0.587, 0.114)


def check_pixels(pixels: Pixels) -> None:
    """Raise :class:`UsageError` unless ``pixels`` is ``H×W`` or ``H×W×3``, ``uint8`` or ``uint16``, not empty."""
    if not isinstance(pixels, np.ndarray):
        raise UsageError(
            f"Pixels must be an array, H×W or H×W×3, uint8 or uint16; this is {type(pixels).__qualname__}. "
            "`oldphoto_core.image_io.decode` makes one of a file's bytes, numpy.asarray of a picture or a list."
        )
    check_samples(pixels)


def check_samples(pixels: Pixels | Raster) -> None:
    """Raise :class:`UsageError` unless shape and dtype are those of a photo; see :func:`check_pixels`."""
    shaped = len(pixels.shape) == 2 or (len(pixels.shape) == 3 and pixels.shape[2] == 3)
    if not shaped or pixels.dtype not in (np.uint8, np.uint16) or 0 in pixels.shape:
        raise UsageError(
            f"Pixels must be H×W or H×W×3, uint8 or uint16, and not empty; these are "
            f"{'×'.join(map(str, pixels.shape))} {pixels.dtype}. Convert them first."
        )


def check_mask(mask: Mask | Raster, size: tuple[int, ...]) -> None:
    """Raise :class:`UsageError` unless ``mask`` is ``H×W`` of ``size``, and bool or of whole numbers.

    Shares are refused: every pixel of a probability above 0 would count as damage.
    """
    dtype = getattr(mask, "dtype", None)
    if not isinstance(dtype, np.dtype) or dtype.kind not in "bui":
        found = type(mask).__qualname__ if dtype is None else f"{type(mask).__qualname__} of {dtype}"
        raise UsageError(f"The mask is {found}. Give an H×W array of bool, True = repair.")
    if mask.shape != size:
        raise UsageError(f"The mask is {mask.shape}, the photo {size}. Give one of the photo's size.")


def full_scale(pixels: Pixels) -> int:
    """Return 255 or 65535."""
    return int(np.iinfo(pixels.dtype).max)


def is_grey(pixels: Pixels) -> bool:
    """Say whether the photo has no colour: one channel, or three equal ones."""
    if pixels.ndim == 2:
        return True
    return bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())


@dataclass(frozen=True)
class PixelKind:
    """What a photo's pixels are, decided once for all of it.

    ``dtype`` is ``uint8`` or ``uint16``; ``channels`` 1 or 3; ``grey`` says that there is no colour in them.
    """

    dtype: np.dtype[Any]
    channels: int
    grey: bool

    @classmethod
    def of(cls, raster: Raster) -> PixelKind:
        """Look at a raster, up to its first coloured pixel."""
        height, width = raster.shape[:2]
        if len(raster.shape) == 2:
            return cls(raster.dtype, 1, True)
        grey = all(is_grey(raster.read(top, 0, bottom, width)) for top, bottom in bands(height, width))
        return cls(raster.dtype, 3, grey)

    def stored(self, unit: NDArray[np.float32]) -> Pixels:
        """Return ``unit`` (``h×w×3`` in [0, 1], clipped) as stored pixels; without colour, its luminance."""
        if self.grey:
            grey = unit @ np.array(LUMINANCE, np.float32)
            unit = grey if self.channels == 1 else np.repeat(grey[..., None], 3, axis=2)
        levels = np.rint(np.clip(unit, 0, 1) * np.iinfo(self.dtype).max)
        return levels.astype(np.uint8) if self.dtype == np.uint8 else levels.astype(np.uint16)


def to_unit(pixels: Pixels) -> NDArray[np.float32]:
    """Return ``H×W×3`` ``float32`` in [0, 1]."""
    unit = pixels.astype(np.float32) / np.float32(full_scale(pixels))
    return np.repeat(unit[..., None], 3, axis=2) if unit.ndim == 2 else unit


def to_bytes(unit: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return shares of the full scale, clipped to [0, 1], as ``uint8`` of the same shape."""
    return np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
