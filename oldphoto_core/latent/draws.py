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
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.models.autoencoder import LATENT_STRIDE
from oldphoto_core.pixels import to_unit
from oldphoto_core.raster import Raster
from oldphoto_core.tiling import channels_first

if TYPE_CHECKING:
    from oldphoto_core.latent.translator import LatentTranslator

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
    found = []
    for top, left in corners(height, width, side):
        block = pixels.read(top, left, top + side, left + side)
        unit = channels_first(to_unit(block)) * 2 - 1
        damaged = np.ascontiguousarray(mask.read(top, left, top + side, left + side))
        square = torch.cat((unit, torch.from_numpy(damaged).float()[None]))
        found.append(_deviation(translator, square, _seed(block)))
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


def _deviation(translator: LatentTranslator, square: Tensor, seed: int) -> float:
    views = torch.stack([square.flip(axes) for axes in _VIEWS])
    drawn = translator.drawn(views, torch.Generator().manual_seed(seed))
    turned = torch.stack([picture.flip(axes) for picture, axes in zip(drawn, _VIEWS, strict=True)])
    tones = functional.avg_pool2d(turned, _MEAN_OVER, stride=1)
    cut = _MARGIN - _MEAN_OVER // 2
    return float(tones[..., cut:-cut, cut:-cut].std(dim=0).mean())


def _seed(block: np.ndarray[tuple[int, ...], np.dtype[np.uint8 | np.uint16]]) -> int:
    digest = hashlib.sha256(block.tobytes()).digest()
    return int.from_bytes(digest[:7])
