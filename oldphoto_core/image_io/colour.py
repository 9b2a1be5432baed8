"""From what a file stores to grey or RGB: bit depths, inks, Lab, palettes and premultiplied alpha.

Every function is pure; those that cannot be exact return the sentence that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from oldphoto_core.image_io.profile import is_of_inks
from oldphoto_core.photo import Pixels
from oldphoto_core.raster import bands

_P = TypeVar("_P", NDArray[np.uint8], NDArray[np.uint16])
_BAND_SAMPLES = 1 << 20
"""What is computed in wider numbers than the samples' own is computed for about so many of them at a time."""


def spread_bits(values: NDArray[Any], bits: int) -> Pixels:
    """Spread ``bits``-bit samples over the whole range of 8 bits (up to 8) or 16 bits (9 to 16).

    ``0`` stays 0 and the largest value becomes 255 or 65,535; no two values fall together.

    Raises:
        IndexError: a sample is larger than ``bits`` allows (the file contradicts itself).
    """
    target: Any = np.uint8 if bits <= 8 else np.uint16
    if bits in (8, 16):
        return values.astype(target, copy=False)
    largest, full = 2**bits - 1, int(np.iinfo(target).max)
    table = (np.arange(largest + 1, dtype=np.uint64) * full + largest // 2) // largest
    table = table.astype(target)
    spread: Pixels = np.empty(values.shape, target)
    by_bands(lambda part: table[part.astype(np.intp, copy=False)], spread, values)
    return spread


def spread_levels(values: NDArray[Any], largest: int) -> NDArray[np.uint16]:
    """Spread samples of 0 to ``largest`` over the whole range of 16 bits, rounded."""
    spread = np.empty(values.shape, np.uint16)
    by_bands(lambda part: (part.astype(np.uint32) * 65535 + largest // 2) // largest, spread, values)
    return spread


def spread_shifted(image: Image.Image, depths: tuple[int, ...]) -> Image.Image:
    """Spread a JPEG 2000's samples of 1 to 7 bits over 8, exactly as :func:`spread_bits` does.

    Pillow only shifts them, so that white is not white; and a palette's numbers too, so that colours are lost.

    Args:
        image: as Pillow decoded it.
        depths: bits of each channel; of a palette's numbers the first.
    """
    tables: list[int] = []
    for at, band in enumerate(image.getbands()):
        bits = min(8, depths[min(at, len(depths) - 1)])
        top = (2**bits - 1) << (8 - bits)
        if band == "P":
            tables += [value >> (8 - bits) for value in range(256)]
        else:
            tables += [min(255, (value * 255 + top // 2) // top) for value in range(256)]
    return image.point(tables)


def cmyk_to_rgb(inks: _P, profile: bytes | None) -> tuple[_P, str]:
    """Convert ``H×W×4`` inks (0 = no ink) to sRGB of the same dtype; return it with a warning to show.

    With a CMYK profile the conversion is colorimetric; without one that can be used it is ``(1 − C)(1 − K)``.
    """
    lacking = "without a CMYK profile"
    if profile is not None and is_of_inks(profile):
        try:
            converted: _P = imagecodecs.cms_transform(
                np.ascontiguousarray(inks), profile, srgb_profile(), colorspace="cmyk", outcolorspace="rgb"
            )
        except imagecodecs.CmsError:
            # A profile that says nothing of these inks does not damage them.
            lacking = "whose CMYK profile cannot be used"
        else:
            return converted, "CMYK inks were converted to sRGB through the embedded profile"
    full = int(np.iinfo(inks.dtype).max)

    def lit(part: NDArray[Any]) -> NDArray[Any]:
        light = full - part.astype(np.uint32)
        return (light[..., :3] * light[..., 3:] + full // 2) // full

    approximate: _P = np.empty((*inks.shape[:2], 3), inks.dtype)
    by_bands(lit, approximate, inks)
    return approximate, f"CMYK inks {lacking} were converted to RGB approximately"


def lab_to_rgb(lab: NDArray[np.uint8], *, signed: bool) -> NDArray[np.uint8]:
    """Convert 8-bit CIE L*a*b* (D50; a*, b* ``signed`` as TIFF's CIELAB or offset as ICCLAB) to sRGB."""
    engine = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    offset = np.array([0, 0, 0] if signed else [0, 128, 128], np.uint8)

    def converted(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = part.shape[:2]
        return np.array(engine.apply(Image.frombytes("LAB", (width, height), (part ^ offset).tobytes())))

    rgb: NDArray[np.uint8] = np.empty((*lab.shape[:2], 3), np.uint8)
    by_bands(converted, rgb, lab)
    return rgb


def straight_alpha(colours: _P, alpha: _P) -> _P:
    """Undo premultiplication: ``colour · max / alpha``, rounded and clipped; 0 where alpha is 0."""
    full = int(np.iinfo(colours.dtype).max)

    def divided(part: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
        weight = weights.astype(np.uint32)
        if part.ndim == 3:
            weight = weight[..., None]
        divisor = np.maximum(weight, 1)
        straight = (part.astype(np.uint32) * full + divisor // 2) // divisor
        return np.where(weight == 0, 0, np.minimum(straight, full))

    result: _P = np.empty_like(colours)
    by_bands(divided, result, colours, alpha)
    return result


def look_up(indices: NDArray[Any], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Replace ``H×W`` indices by the colours of an ``N×3`` palette; a palette of greys gives ``H×W``.

    Raises:
        IndexError: an index is past the palette's end.
    """
    if (palette == palette[:, :1]).all():
        palette = palette[:, 0]
    return palette[indices.astype(np.intp, copy=False)]


@cache
def srgb_profile() -> bytes:
    """Return an sRGB ICC profile whose bytes do not depend on the day."""
    profile = bytearray(imagecodecs.cms_profile("srgb"))
    # Bytes 24–35 are the creation time, which would make equal derivatives differ.
    profile[24:36] = bytes.fromhex("07ce00020009000600310000")
    return bytes(profile)


def by_bands(convert: Callable[..., NDArray[Any]], result: NDArray[Any], *whole: NDArray[Any]) -> None:
    """Fill ``result`` with what ``convert`` makes of each array, some rows at a time.

    The wide numbers of a whole picture would take several times the picture's memory.
    """
    rows = len(result)
    for top, bottom in bands(rows, result.size // max(1, rows), _BAND_SAMPLES):
        result[top:bottom] = convert(*(one[top:bottom] for one in whole))
