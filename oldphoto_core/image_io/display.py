"""Pixels for a screen: 8 bits, sRGB."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from oldphoto_core.image_io.colour import by_bands, srgb_profile
from oldphoto_core.image_io.profile import fits
from oldphoto_core.image_io.stated_colours import stated_profile
from oldphoto_core.photo import PhotoHeader

WAY_OF_SHOWING = 2
"""Raised whenever some picture is shown otherwise than before: what is kept of it elsewhere has to be made anew."""
_NEAR = 1
"""Levels of 8 bits: a profile that moves no colour further is sRGB's own, whoever rounded its numbers."""
_RAMP = np.arange(65536, dtype=np.uint16)[None]
_COLOURS = (np.indices((18, 18, 18)).reshape(3, 1, -1).T * 15).astype(np.uint8)


class Display:
    """Turns stored samples into what a browser shows.

    Args:
        profile: the picture's ICC profile; one that is not for its samples or cannot be used is not applied.
        inverted: whether the largest sample means black.
    """

    def __init__(self, profile: bytes | None, *, inverted: bool = False) -> None:
        self.inverted = inverted
        self._tones = _grey_tones(profile) if profile and fits(profile, channels=1) else None
        self._transform = _transform(profile) if profile and fits(profile, channels=3) else None
        self._deep = profile if profile and self._transform is not None and _moves_colours(profile) else None

    @classmethod
    def of(cls, header: PhotoHeader, pixels: NDArray[Any]) -> Display:
        """Return the display of a decoded photo: by its profile, or by what a PNG states in other words.

        Args:
            header: the decoded photo's.
            pixels: all or some of the photo's: it counts only whether they are grey.
        """
        channels = 1 if pixels.ndim == 2 else 3
        return cls(header.icc_profile or stated_profile(header.png_chunks, channels=channels))

    @property
    def is_plain(self) -> bool:
        """Whether samples are shown as they are, but for rounding and a level."""
        return self._tones is None and self._deep is None

    def convert(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Return ``h×w`` or ``h×w×3`` ``uint8``; 16-bit samples are rounded, not stretched."""
        shown = np.empty(samples.shape, np.uint8)
        if shown.size:
            by_bands(self._converted, shown, samples)
        return shown

    def _converted(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        if self.inverted:
            samples = np.bitwise_not(samples)
        is_deep, is_grey = samples.dtype.itemsize == 2, samples.ndim == 2
        if is_grey and self._tones is not None:
            return (self._tones if is_deep else self._tones[::257])[samples]
        if is_deep and not is_grey and self._deep is not None:
            # Before rounding: rounded first, linear samples have 183 tones left, and hardly any in the shadows.
            return _rounded(_to_srgb(samples, self._deep, "rgb"))
        shown = _rounded(samples) if is_deep else np.ascontiguousarray(samples, dtype=np.uint8)
        if is_grey or self._transform is None:
            return shown
        converted = ImageCms.applyTransform(Image.fromarray(shown), self._transform)
        return np.asarray(converted) if converted is not None else shown


def _grey_tones(profile: bytes) -> NDArray[np.uint8] | None:
    """Return what is shown of each 16-bit grey; None where they are sRGB's own or the profile cannot be used."""
    try:
        tones = _rounded(_to_srgb(_RAMP, profile, "gray")[0, :, 1])
    except imagecodecs.CmsError:
        return None
    return None if _are_near(tones[::257], np.arange(256)) else tones


def _moves_colours(profile: bytes) -> bool:
    """Whether a profile can be applied to 16 bits, and shows any colour otherwise than sRGB does."""
    try:
        return not _are_near(_rounded(_to_srgb(_COLOURS.astype(np.uint16) * 257, profile, "rgb")), _COLOURS)
    except imagecodecs.CmsError:
        return False


def _to_srgb(samples: NDArray[Any], profile: bytes, space: str) -> NDArray[np.uint16]:
    """Return ``h×w×3`` sRGB of 16-bit samples. Raises CmsError where the profile cannot be used."""
    # Optimised, LittleCMS looks 16 bits up in a coarse table: dark tones are up to 27 levels (of 256) off.
    return np.asarray(
        imagecodecs.cms_transform(
            np.ascontiguousarray(samples, np.uint16),
            profile,
            srgb_profile(),
            colorspace=space,
            outcolorspace="rgb",
            flags=imagecodecs.CMS.FLAGS.NOOPTIMIZE,
        )
    )


def _rounded(samples: NDArray[Any]) -> NDArray[np.uint8]:
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _are_near(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return bool((np.abs(one.astype(np.int32) - other) <= _NEAR).all())


def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of 8 bits to sRGB, or None where there is none to make: samples are shown as they are."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
