"""Withhold small changes: a photo, or a part of one, that needs nothing comes back as it went in.

What a translation changes is what it removes (noise, blur, fading) plus its own error. Where all of the change is
no larger than that error, doing nothing is better. The weight is Wiener's: with E the mean square of the change
around a pixel and τ the size of the translation's own error, ``E / (E + τ²)`` of the change is made.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

WINDOW = 33
"""Side of the square, applied twice, that the change is averaged over: about a Gaussian of 13 pixels."""


def restrained(picture: Tensor, restored: Tensor, damaged: Tensor, error: float) -> Tensor:
    """Return ``picture + w · (restored − picture)`` with w as above, 1 inside the damage.

    Args:
        picture, restored: ``B×3×h×w``.
        damaged: ``B×1×h×w``, 1 = damage; its pixels have no part in E.
        error: τ, a root mean square in the units of the pictures; 0 withholds nothing.
    """
    if error <= 0:
        return restored
    change = restored - picture
    intact = 1 - damaged
    energy = _averaged(change.square().mean(dim=1, keepdim=True) * intact)
    energy = energy / _averaged(intact).clamp(min=1e-6)
    weight = (energy / (energy + error**2)).maximum(damaged)
    return picture + weight * change


def _averaged(values: Tensor) -> Tensor:
    """Average ``B×1×h×w`` over the window, one direction at a time; beyond the border nothing counts."""
    half = WINDOW // 2
    for _ in range(2):
        for size, padding in (((WINDOW, 1), (half, 0)), ((1, WINDOW), (0, half))):
            values = functional.avg_pool2d(values, size, stride=1, padding=padding)
    return values
