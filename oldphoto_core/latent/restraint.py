"""Withhold what the translation must not change: tones at large, and all that is no larger than its own error.

The mapping sees a few dozen pixels at a time. Whether a wall is in shade or faded, a sky sepia or yellowed, is not
to be seen there: what it makes of it differs from place to place, and comes out as blotches. So tones stay.

A photo, or a part of one, that needs nothing comes back as it went in.
What a translation changes is what it removes (noise, blur, fading) plus its own error. Where all of the change is
no larger than that error, doing nothing is better. With E the mean square of the change around a pixel and τ the
size of the error, ``E² / (E² + τ⁴)`` of the change is made: nearly all of one twice as large as τ, nearly none of
one half as large. A change that smooths has another τ, the size of textures that pass for grain: turf, stone and
skin look to the mapping like a grainy print of something smooth.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

WINDOW = 33
"""Side of the square, applied twice, that the change is averaged over: about a Gaussian of 13 pixels."""

_LEAST_KNOWN = 1e-3
"""Where less of the window is intact, in the middle of a hole, nothing is known of its surroundings."""

_NO_CHANGE = 1e-9
"""A mean square change that is none; keeps ratios finite."""


def restrained(picture: Tensor, restored: Tensor, damaged: Tensor, error: float, texture: float) -> Tensor:
    """Return ``picture + w · (restored − picture)`` with w as above, 1 inside the damage.

    How much of a change smooths is ``ρ = −⟨c, d⟩ / ⟨c, c⟩`` within [0, 1], with c the change and d what the picture
    has beyond its local mean: 1 where noise is taken away as it is, 0 where detail is added. Then
    ``τ² = error² + ρ · (texture² − error²)``.

    Args:
        picture, restored: ``B×3×h×w``.
        damaged: ``B×1×h×w``, 1 = damage; its pixels have no part in E and ρ.
        error: τ of changes that add, a root mean square in the units of the pictures.
        texture: τ of changes that smooth.
    """
    if error <= 0 and texture <= 0:
        return restored
    change, intact = restored - picture, 1 - damaged
    known = _averaged(intact).clamp(min=_LEAST_KNOWN)
    detail = picture - _averaged(picture * intact) / known
    energy = _averaged(change.square().mean(dim=1, keepdim=True) * intact) / known
    smoothed = -_averaged((change * detail).mean(dim=1, keepdim=True) * intact) / known
    share = (smoothed / energy.clamp(min=_NO_CHANGE)).clamp(0, 1)
    least = error**2 + share * (texture**2 - error**2)
    squared = energy.square()
    weight = (squared / (squared + least.square()).clamp(min=_NO_CHANGE**2)).maximum(damaged)
    return picture + weight * change


def steadied(picture: Tensor, restored: Tensor, damaged: Tensor, share: float) -> Tensor:
    """Return ``restored`` with only ``share`` of what it changes at large, in tones and colours.

    That is the change averaged as below over intact pixels; into the damage it is continued, so that a fill
    follows its surroundings.

    Args:
        picture, restored: ``B×3×h×w``.
        damaged: ``B×1×h×w``, 1 = damage.
        share: 1 changes nothing here, 0 keeps the picture's tones.
    """
    if share >= 1:
        return restored
    intact = 1 - damaged
    at_large = _averaged((restored - picture) * intact) / _averaged(intact).clamp(min=_LEAST_KNOWN)
    return restored - (1 - share) * at_large


def _averaged(values: Tensor) -> Tensor:
    """Average ``B×C×h×w`` over the window, one direction at a time; beyond the border nothing counts."""
    half = WINDOW // 2
    for _ in range(2):
        for size, padding in (((WINDOW, 1), (half, 0)), ((1, WINDOW), (0, half))):
            values = functional.avg_pool2d(values, size, stride=1, padding=padding)
    return values
