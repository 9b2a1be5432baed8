"""The refined face goes back into the photo.

Not the crop itself is pasted but the *change* the generator made, carried back to the photo's own pixels:
``photo + w ⊙ W⁻¹(enhanced − crop)``. So resampling never softens the photo, grain finer than the crop stays,
a generator that changes nothing changes nothing, and 16 bits stay 16 bits. Outside the blend region not one
pixel is written.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.faces.align import Alignment, FloatImage, Region, apply_similarity
from oldphoto_core.photo import Pixels
from oldphoto_core.pixels import LUMINANCE, full_scale

_LUMA = np.array(LUMINANCE, dtype=np.float32)
_ONE_TONE = 0.012
"""Colours of one tone depart from it by less than this root mean square, of the full range."""


@dataclass(frozen=True)
class BlendSettings:
    """Fractions of the crop's side, and so of the face: nothing here is a fixed number of pixels.

    ``erosion`` of the crop at every side is left out, then the weight rises from 0 to 1 over ``feather``.
    ``largest_gain`` bounds how much contrast the colour match may give or take; ``tone_sigma`` is the blur that
    parts tone from detail.
    """

    erosion: float = 0.06
    feather: float = 0.18
    largest_gain: float = 1.25
    tone_sigma: float = 0.03


def blend_weights(alignment: Alignment, region: Region, settings: BlendSettings) -> FloatImage:
    """Return how much of the change each pixel of the photo's ``region`` takes: ``H×W`` float32 in [0, 1].

    Computed from the pixel's place in the crop rather than resampled, so it is exactly 0 outside the eroded
    crop: ``w = s(u) s(v)``, s the smoothstep of the distance to the nearer crop edge.
    """
    columns = np.arange(region.left, region.right, dtype=np.float64)
    rows = np.arange(region.top, region.bottom, dtype=np.float64)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    place = (apply_similarity(alignment.matrix, grid) + 0.5) / alignment.crop
    inward = (0.5 - np.abs(place - 0.5) - settings.erosion) / max(settings.feather, 1e-6)
    ramp = np.clip(inward, 0.0, 1.0)
    smooth = ramp * ramp * (3.0 - 2.0 * ramp)
    weights: FloatImage = smooth.prod(axis=1).reshape(len(rows), len(columns)).astype(np.float32)
    return weights


def crop_weights(crop: int, settings: BlendSettings) -> FloatImage:
    """Return the blend weights in the crop's own pixels, ``crop×crop``."""
    identity = Alignment(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), crop)
    return blend_weights(identity, Region(0, 0, crop, crop), settings)


def match_statistics(enhanced: FloatImage, crop: FloatImage, settings: BlendSettings) -> FloatImage:
    """Return ``enhanced`` with ``crop``'s weighted mean and deviation of tone in every channel.

    The refined face takes the tone of the picture around it: ``(x − μ_e) g + μ_c``, ``g = σ_c / σ_e`` held
    within ``largest_gain``. Tone is what is left after blurring by ``tone_sigma``: grain that the generator took
    off, or detail that it gave back, must not change the contrast of the whole face. Both are ``H×W`` or
    ``H×W×3`` in [0, 1]; the result is not clipped.
    """
    weights = crop_weights(crop.shape[0], settings)
    sigma = settings.tone_sigma * crop.shape[0]
    tone_crop, tone_enhanced = (
        cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32, copy=False) for image in (crop, enhanced)
    )
    mean_crop, deviation_crop = _weighted(tone_crop, weights)
    mean_enhanced, deviation_enhanced = _weighted(tone_enhanced, weights)
    gain = np.clip(
        (deviation_crop + 1e-4) / (deviation_enhanced + 1e-4),
        1.0 / settings.largest_gain,
        settings.largest_gain,
    )
    matched: FloatImage = ((enhanced - mean_enhanced) * gain + mean_crop).astype(np.float32)
    return matched


def add_change(pixels: Pixels, change: FloatImage, alignment: Alignment, settings: BlendSettings) -> None:
    """Add ``change`` (crop-sized, in units of the full range) to ``pixels`` at the face, in place.

    ``change`` is ``crop×crop`` (the same for every channel: grey stays grey) or ``crop×crop×3``. No pixel outside
    the blend region is written.
    """
    height, width = pixels.shape[:2]
    region = alignment.region(height, width)
    if region.empty:
        return
    weights = blend_weights(alignment, region, settings)
    carried = alignment.from_crop(change, region)
    if pixels.ndim == 3:
        weights = weights[..., None]
        carried = carried if carried.ndim == 3 else carried[..., None]
    top = np.float32(full_scale(pixels))
    part = region.of(pixels)
    # Rounding the step, not the sum, keeps three equal channels equal.
    step = np.rint(weights * carried * top)
    part[...] = np.clip(part.astype(np.float32) + step, 0.0, top).astype(pixels.dtype)


def change_of(enhanced: FloatImage, crop: FloatImage, *, luminance_only: bool) -> FloatImage:
    """Return ``enhanced − crop``; of its luminance alone (``H×W``) where ``luminance_only``."""
    change: FloatImage = (enhanced - crop).astype(np.float32)
    if luminance_only and change.ndim == 3:
        change = (change @ _LUMA).astype(np.float32)
    return change


def is_monochrome(pixels: Pixels) -> bool:
    """Whether the photo has one tone only: grey, sepia, cyanotype.

    Its colour differences (R − Y, B − Y) are then a function of luminance; a quadratic is fitted on a reduced
    copy and its root mean square error, in units of the full range, compared with a bound.
    """
    if pixels.ndim == 2:
        return True
    scale = 128 / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * min(1, scale))), max(1, round(pixels.shape[0] * min(1, scale))))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float64).reshape(-1, 3)
    small /= full_scale(pixels)
    luma = small @ _LUMA.astype(np.float64)
    differences = np.stack([small[:, 0] - luma, small[:, 2] - luma], axis=1)
    basis = np.stack([np.ones_like(luma), luma, luma**2], axis=1)
    fitted = basis @ np.linalg.lstsq(basis, differences, rcond=None)[0]
    return bool(np.sqrt(np.mean((differences - fitted) ** 2)) < _ONE_TONE)


def _weighted(image: FloatImage, weights: FloatImage) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    channels = image.reshape(image.shape[0] * image.shape[1], -1).astype(np.float64)
    share = (weights / weights.sum()).astype(np.float64).reshape(-1, 1)
    mean = (channels * share).sum(axis=0)
    deviation = np.sqrt((((channels - mean) ** 2) * share).sum(axis=0))
    return mean, deviation
