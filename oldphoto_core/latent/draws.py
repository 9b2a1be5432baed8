"""How steady a restoration is: what comes out when the latent is drawn again and again instead of its mean.

The encoder gives a Gaussian for every latent (eq 2), of which a restoration takes the mean. Here a few small
squares of the photo are restored from draws, each draw of the square mirrored another way: content is the same,
so a sure restoration is the same too. The standard deviation over the draws, turned back, is the measure. It is
taken of 5×5 means: single pixels carry the noise of every draw, tones and shapes do not.

Few squares are enough, because it is a mean over the photo, and they keep the cost at a few per cent of the
restoration's. Everything random comes from the squares' own pixels: the same photo gives the same number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.autoencoder import LATENT_STRIDE
from oldphoto_core.pixels import to_unit
from oldphoto_core.raster import Raster
from oldphoto_core.tiling import channels_first

SQUARE = 64
"""Side of a square in pixels."""
MOST_SQUARES = 16
_PIXELS_A_SQUARE = 1 << 17
_MARGIN = 12
"""What lies this near to a square's border feels the zeros beyond it, and is left out."""
_MEAN_OVER = 5
_VIEWS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""The mirror images: axes to flip."""


def sample_deviation(translator: LatentTranslator, pixels: Raster, mask: Raster) -> float | None:
    """Return the mean standard deviation over four draws, as a share of the full range; None if too narrow.

    Args:
        translator: the networks.
        pixels: the photo as stored.
        mask: the dilated mask, ``H×W`` bool.
    """
    height, width = mask.shape
    side = min(SQUARE, *(length - length % LATENT_STRIDE for length in (height, width)))
    if side <= 2 * _MARGIN:
        return None
    squares: dict[bool, list[_Square]] = {False: [], True: []}
    for top, left in corners(height, width, side):
        square = _Square.read(pixels, mask, top, left, side)
        squares[bool(square.stacked[3].any())].append(square)
    # A batch is damaged or it is not; all of a kind go through the networks together.
    found = [one for kind in squares.values() if kind for one in _deviations(translator, kind)]
    return float(np.mean(found))


def corners(height: int, width: int, side: int) -> Iterator[tuple[int, int]]:
    """Yield the upper left corners of squares spread evenly over the photo: more on a larger one, up to a limit."""
    wanted = min(MOST_SQUARES, max(1, height * width // _PIXELS_A_SQUARE))
    rows = min(wanted, max(1, round(sqrt(wanted * height / width))))
    columns = ceil(wanted / rows) if rows * ceil(wanted / rows) <= MOST_SQUARES else wanted // rows
    for row in range(rows):
        for column in range(columns):
            yield (
                int((height - side) * (row + 0.5) / rows),
                int((width - side) * (column + 0.5) / columns),
            )


class _Square(NamedTuple):
    """``4×h×w``: pixels in [-1, 1] and the mask; and the seed of its draws."""

    stacked: Tensor
    seed: int

    @classmethod
    def read(cls, pixels: Raster, mask: Raster, top: int, left: int, side: int) -> _Square:
        place = (top, left, top + side, left + side)
        block = pixels.read(*place)
        damaged = torch.from_numpy(np.ascontiguousarray(mask.read(*place))).float()
        unit = channels_first(to_unit(block)) * 2 - 1
        digest = hashlib.sha256(block.tobytes()).digest()
        return cls(torch.cat((unit, damaged[None])), int.from_bytes(digest[:7]))


def _deviations(translator: LatentTranslator, squares: list[_Square]) -> list[float]:
    """Return the mean standard deviation over the draws of each square."""
    views = torch.stack([square.stacked.flip(axes) for square in squares for axes in _VIEWS])
    drawn = translator.drawn(views, [torch.Generator().manual_seed(square.seed) for square in squares])
    cut = _MARGIN - _MEAN_OVER // 2
    tones = functional.avg_pool2d(drawn, _MEAN_OVER, stride=1)[..., cut:-cut, cut:-cut]
    turned = torch.stack([tones[n :: len(_VIEWS)].flip(axes) for n, axes in enumerate(_VIEWS)])
    deviations: list[float] = turned.std(dim=0).mean(dim=(1, 2, 3)).tolist()
    return deviations
