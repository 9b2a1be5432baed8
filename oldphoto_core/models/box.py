"""Sums and means over square windows, of any size at nearly one price.

Sums of 2, 4, 8 … neighbours are made of each other; a window is put together from them: six additions for 15 values,
where pooling adds all fifteen. One direction after the other; beyond the border there is nothing.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor


def window_sums(values: Tensor, window: int) -> Tensor:
    """Return the sum over the ``window``-sided square (odd) around each value of ``B×C×H×W``."""
    return _sums_along(_sums_along(values, window, 2), window, 3)


def window_means(values: Tensor, window: int) -> Tensor:
    """Return the mean over the ``window``-sided square (odd) around each value of ``B×C×H×W``, within the border."""
    height, width = values.shape[-2:]
    counts = _counts(height, window, values)[:, None] * _counts(width, window, values)
    return window_sums(values, window) / counts


def _sums_along(values: Tensor, window: int, axis: int) -> Tensor:
    half, length = window // 2, values.shape[axis]
    run = functional.pad(values, (0, 0, half, half) if axis == 2 else (half, half, 0, 0))
    total, covered, power = None, 0, 1
    while power <= window:
        if window & power:
            part = run.narrow(axis, covered, length)
            total, covered = part if total is None else total + part, covered + power
        if 2 * power <= window:
            # From sums of so many neighbours to sums of twice as many.
            left = run.shape[axis] - power
            run = run.narrow(axis, 0, left) + run.narrow(axis, power, left)
        power *= 2
    assert total is not None
    return total


def _counts(length: int, window: int, like: Tensor) -> Tensor:
    """Return how many of the values along a side lie in the window around each."""
    half, places = window // 2, torch.arange(length, device=like.device)
    counts = (places + half).clamp(max=length - 1) - (places - half).clamp(min=0) + 1
    return counts.to(like.dtype)
