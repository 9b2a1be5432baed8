"""From what a file stores to grey or RGB: bit depths, inks, Lab, palettes and premultiplied alpha.

Every function is pure; those that cannot be exact return the sentence that says so.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from oldphoto_core.photo import Pixels

_P = TypeVar("_P", NDArray[np.uint8], NDArray[np.uint16])


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
    spread: Pixels = table.astype(target)[values.astype(np.intp, copy=False)]
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

    With a CMYK profile the conversion is colorimetric; without one it is ``(1 − C)(1 − K)``.
    """
    if profile is not None and profile[16:20] == b"CMYK":
        converted: _P = imagecodecs.cms_transform(
            np.ascontiguousarray(inks), profile, srgb_profile(), colorspace="cmyk", outcolorspace="rgb"
        )
        return converted, "CMYK inks were converted to sRGB through the embedded profile"
    full = int(np.iinfo(inks.dtype).max)
    light = full - inks.astype(np.uint32)
    rgb = (light[..., :3] * light[..., 3:] + full // 2) // full
    approximate: _P = rgb.astype(inks.dtype)
    return approximate, "CMYK inks without a CMYK profile were converted to RGB approximately"


def lab_to_rgb(lab: NDArray[np.uint8], *, signed: bool) -> NDArray[np.uint8]:
    """Convert 8-bit CIE L*a*b* (D50; a*, b* ``signed`` as TIFF's CIELAB or offset as ICCLAB) to sRGB."""
    stored = np.ascontiguousarray(lab)
    if not signed:
        stored = stored ^ np.array([0, 128, 128], np.uint8)
    height, width = stored.shape[:2]
    image = Image.frombytes("LAB", (width, height), stored.tobytes())
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:
        raise ValueError("the colour engine returned no picture")
    return np.array(converted)


def straight_alpha(colours: _P, alpha: _P) -> _P:
    """Undo premultiplication: ``colour · max / alpha``, rounded and clipped; 0 where alpha is 0."""
    full = int(np.iinfo(colours.dtype).max)
    weight = alpha.astype(np.uint32)
    if colours.ndim == 3:
        weight = weight[..., None]
    divisor = np.maximum(weight, 1)
    straight = (colours.astype(np.uint32) * full + divisor // 2) // divisor
    result: _P = np.where(weight == 0, 0, np.minimum(straight, full)).astype(colours.dtype)
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
