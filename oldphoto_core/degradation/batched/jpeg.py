"""JPEG's loss without its file: YCbCr 4:2:0, 8×8 cosine transform, quantised coefficients, and back.

What is left out (entropy coding) loses nothing. Tables and their scaling are those of the standard's annex K and
of libjpeg.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56), (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
_CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99), (47, 66, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99), (99, 99, 99, 99, 99, 99, 99, 99),
    (99, 99, 99, 99, 99, 99, 99, 99), (99, 99, 99, 99, 99, 99, 99, 99),
)  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def compressed(pixels: Tensor, quality: Tensor) -> Tensor:
    """Return ``N×3×H×W`` in [0, 1] as JPEG files of ``quality`` (``N``, 1–100) would give them back."""
    height, width = pixels.shape[-2:]
    padded = functional.pad(pixels, (0, -width % 16, 0, -height % 16), mode="replicate")
    levels = torch.round(padded * 255)
    ycc = _mixed(levels, _TO_YCC)
    luma = _quantised(ycc[:, :1] - 128, _scaled(_LUMA_TABLE, quality)) + 128
    chroma = _quantised(functional.avg_pool2d(ycc[:, 1:], 2), _scaled(_CHROMA_TABLE, quality))
    chroma = functional.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    decoded = torch.round(_mixed(torch.cat((luma, chroma), dim=1), _TO_RGB)).clamp(0, 255) / 255
    return decoded[..., :height, :width]


def _mixed(channels: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("kc,nchw->nkhw", channels.new_tensor(matrix), channels)


def _scaled(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Return ``N×1×1×8×1×8`` divisors: libjpeg's scaling of ``table`` for each quality."""
    quality = quality.clamp(1, 100)
    percent = torch.where(quality < 50, torch.floor(5000 / quality), 200 - 2 * quality)
    base = quality.new_tensor(table)
    scaled = torch.floor((base * percent.view(-1, 1, 1) + 50) / 100).clamp(1, 255)
    return scaled.view(-1, 1, 1, 8, 1, 8)


def _cosines(like: Tensor) -> Tensor:
    """Return the orthonormal 8×8 cosine transform."""
    place = torch.arange(8, device=like.device, dtype=like.dtype)
    waves = torch.cos((2 * place + 1) * place[:, None] * math.pi / 16) / 2
    waves[0] /= math.sqrt(2)
    return waves


def _quantised(channels: Tensor, divisors: Tensor) -> Tensor:
    """Round the coefficients of every 8×8 block of ``N×C×H×W`` (H, W multiples of 8) to their divisors."""
    count, depth, height, width = channels.shape
    waves = _cosines(channels)
    blocks = channels.reshape(count, depth, height // 8, 8, width // 8, 8)
    found = torch.einsum("ui,vj,ncyixj->ncyuxv", waves, waves, blocks)
    kept = torch.round(found / divisors) * divisors
    return torch.einsum("ui,vj,ncyuxv->ncyixj", waves, waves, kept).reshape(channels.shape)
