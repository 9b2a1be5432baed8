"""Withhold what the translation must not change: tones at large, and all that is no larger than its own error.

The mapping sees a few dozen pixels at a time. Whether a wall is in shade or faded, a sky sepia or yellowed, is not
to be seen there: what it makes of it differs from place to place, and comes out as blotches. So tones stay.

A photo, or a part of one, that needs nothing comes back as it went in.
What a translation changes is what it removes (noise, blur, fading) plus its own error. Where all of the change is
no larger than that error, doing nothing is better. With E the mean square of the change around a pixel and τ the
size of the error, ``E³ / (E³ + τ⁶)`` of the change is made: nearly all of one twice as large as τ, nearly none of
one half as large. A change that smooths has another τ, the size of textures that pass for grain: turf, stone and
skin look to the mapping like a grainy print of something smooth.

Sides of pictures are multiples of 4: what lies around a pixel is averaged over cells of 4×4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.models.box import window_means, window_sums

_CELL = 4
_WINDOW = 9
"""Side of the square of cells, applied twice, that is averaged over: about a Gaussian of 14 pixels."""

_LEAST_KNOWN = 1e-3
"""Where less of the window is intact, in the middle of a hole, nothing is known of its surroundings."""

_FLAT = (2 * 20 / 255) ** 2
"""Variance of a picture in [-1, 1] around a pixel: below it, contrast is not to be told from noise."""

_NEARBY = 15
_NO_TENDENCY, _SMOOTHS = 0.5, 0.7
_NO_CHANGE = 1e-9
"""A mean square change that is none; keeps ratios finite."""


def restrained(picture: Tensor, restored: Tensor, damaged: Tensor, error: float, texture: float) -> Tensor:
    """Return ``picture + w · (restored − picture)`` with w as above, 1 inside the damage.

    A change smooths where it draws pixels towards the mean of their nearest 15×15: ρ is 0 where it does so to half
    of the values around (it has no such tendency, or sharpens), 1 from seven tenths on. Counted is how many, not how
    far: one edge that is sharpened outweighs a whole carpet. Then ``τ² = error² + ρ · (texture² − error²)``.

    Args:
        picture, restored: ``B×3×h×w``.
        damaged: ``B×1×h×w``, 1 = damage; its pixels have no part in E and ρ.
        error: τ of changes that add, a root mean square in the units of the pictures.
        texture: τ of changes that smooth.
    """
    if error <= 0 and texture <= 0:
        return restored
    change, around = restored - picture, _Surroundings(damaged)
    towards = (change * (picture - window_means(picture, _NEARBY)) < 0).to(change.dtype)
    energy, share = (
        around.mean(around.cells(values.mean(dim=1, keepdim=True))) for values in (change.square(), towards)
    )
    smooths = ((share - _NO_TENDENCY) / (_SMOOTHS - _NO_TENDENCY)).clamp(0, 1)
    least = error**2 + smooths * (texture**2 - error**2)
    # As a ratio: the sixth power of a change of one level is next to nothing.
    ratio = least / energy.clamp(min=_NO_CHANGE)
    weight = _enlarged(1 / (1 + ratio**3)).maximum(damaged)
    return picture + weight * change


def steadied(picture: Tensor, restored: Tensor, damaged: Tensor, share: float) -> Tensor:
    """Return ``restored`` with only ``share`` of what it changes at large, in tones, colours and contrast.

    Around each pixel, channel by channel, the change is explained as ``a · picture + b``, a ≥ 0, over intact pixels
    (the guided filter of He, Sun & Tang, "Guided Image Filtering", ECCV 2010): what that explains is at large. A
    mean alone (a = 0) would leave a halo along every edge whose contrast was raised. Noise that is removed has a < 0
    and is left out. Into the damage the same is continued, so that a fill follows its surroundings.

    Args:
        picture, restored: ``B×3×h×w``, values in [-1, 1].
        damaged: ``B×1×h×w``, 1 = damage.
        share: 1 changes nothing here, 0 keeps the picture's tones.
    """
    if share >= 1:
        return restored
    around = _Surroundings(damaged)
    tones, change = around.cells(picture), around.cells(restored - picture)
    mean, mean_change = around.mean(tones), around.mean(change)
    variance = (around.mean(tones.square()) - mean.square()).clamp(min=0)
    together = around.mean(tones * change) - mean * mean_change
    slope = (together / (variance + _FLAT)).clamp(min=0)
    offset = mean_change - slope * mean
    # In the damage the picture says nothing of what was there; the fill stands for it.
    known = torch.where(damaged > 0, restored, picture)
    at_large = _enlarged(around.mean(slope)) * known + _enlarged(around.mean(offset))
    return restored - (1 - share) * at_large


class _Surroundings:
    """Averages over the intact pixels around each cell."""

    def __init__(self, damaged: Tensor) -> None:
        self._intact = 1 - damaged
        self._weight = functional.avg_pool2d(self._intact, _CELL)
        self._known = _averaged(self._weight).clamp(min=_LEAST_KNOWN)

    def cells(self, values: Tensor) -> Tensor:
        """Return the mean of ``B×C×h×w`` values over each cell's intact pixels, 0 where there are none."""
        return functional.avg_pool2d(values * self._intact, _CELL) / self._weight.clamp(min=_LEAST_KNOWN)

    def mean(self, cells: Tensor) -> Tensor:
        """Return the mean over the window around each cell, each cell counting by its intact pixels."""
        return _averaged(cells * self._weight) / self._known


def _averaged(values: Tensor) -> Tensor:
    """Return the sums of ``B×C×h×w`` over the window, over the window once more, as shares of a whole window."""
    return window_sums(window_sums(values, _WINDOW), _WINDOW) / _WINDOW**4


def _enlarged(cells: Tensor) -> Tensor:
    return functional.interpolate(cells, scale_factor=float(_CELL), mode="bilinear")
