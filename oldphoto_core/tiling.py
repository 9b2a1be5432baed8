"""Run a convolutional network over a picture of any size: pad, cut into tiles with a halo, run, crop.

Law: where the halo covers the network's reach, tiled = whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """One tile: the span that is read (outer) and the span that is kept (inner), in padded pixels."""

    top: int
    left: int
    bottom: int
    right: int
    inner_top: int
    inner_left: int
    inner_bottom: int
    inner_right: int


def windows(height: int, width: int, tile: int, halo: int) -> Iterator[Window]:
    """Yield tiles that cover ``height×width`` once by their inner spans."""
    for inner_top in range(0, height, tile):
        for inner_left in range(0, width, tile):
            inner_bottom, inner_right = min(inner_top + tile, height), min(inner_left + tile, width)
            yield Window(
                max(0, inner_top - halo),
                max(0, inner_left - halo),
                min(height, inner_bottom + halo),
                min(width, inner_right + halo),
                inner_top,
                inner_left,
                inner_bottom,
                inner_right,
            )


def run_tiled(
    function: Callable[[Tensor], Tensor], picture: Tensor, *, tile: int, halo: int, multiple: int
) -> Tensor:
    """Apply ``function`` (``1×C×h×w`` to ``1×K×h×w``) to ``1×C×H×W`` tile by tile.

    The picture is mirrored outwards by ``multiple`` pixels and up to a multiple of ``multiple`` first, so that
    no network meets a zero border; tile and halo must be multiples of it. The result is ``1×K×H×W``.
    """
    height, width = picture.shape[-2:]
    padded = pad_mirrored(picture, multiple)
    result: Tensor | None = None
    for window in windows(padded.shape[-2], padded.shape[-1], tile, halo):
        outer = padded[..., window.top : window.bottom, window.left : window.right]
        done = function(outer.contiguous(memory_format=torch.channels_last))
        if result is None:
            result = torch.empty((1, done.shape[1], *padded.shape[-2:]), dtype=done.dtype)
        top, left = window.inner_top - window.top, window.inner_left - window.left
        inner = done[
            ...,
            top : top + window.inner_bottom - window.inner_top,
            left : left + window.inner_right - window.inner_left,
        ]
        result[..., window.inner_top : window.inner_bottom, window.inner_left : window.inner_right] = (
            inner.to(result.device)
        )
    assert result is not None
    return result[..., multiple : multiple + height, multiple : multiple + width]


def pad_mirrored(picture: Tensor, multiple: int) -> Tensor:
    """Mirror ``1×C×H×W`` outwards by ``multiple`` on top and left, and at least that on bottom and right.

    Pictures smaller than the border are repeated at the edge instead: they have nothing to mirror.
    """
    height, width = picture.shape[-2:]
    bottom = multiple + (-height) % multiple
    right = multiple + (-width) % multiple
    mode = "reflect" if bottom < height and right < width else "replicate"
    return functional.pad(picture, (multiple, right, multiple, bottom), mode=mode)
