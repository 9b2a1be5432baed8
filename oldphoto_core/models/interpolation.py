"""Interpolate masked pixels from their surroundings, before anything is encoded.

A latent stands for 4×4 pixels; one damaged pixel spoils it. Filled first, the latent keeps what its intact pixels
know, and the damage itself never reaches the mapping. It is a pyramid of normalised averages (push–pull, Gortler
et al. 1996): no better than a good guess, which the mapping's global branch then replaces or keeps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.models.box import window_sums

WINDOWS = (3, 3, 5, 5, 5, 5, 5, 5, 5, 5)
"""Side of the averaging square at each level of the pyramid; each level halves the resolution.

So many that in a tile every pixel has something to go by, be it the far rim of a hole as wide as the tile.
"""
_COARSER = 1e-3
"""Importance of a level against the one below: coarse averages count where finer ones know nothing."""


def interpolated(pictures: Tensor, mask: Tensor) -> Tensor:
    """Return ``pictures`` with every masked pixel replaced by an average of the nearest intact ones.

    Args:
        pictures: ``B×C×H×W``.
        mask: ``B×1×H×W`` bool, True = to be filled. Where nothing is intact within about a thousand pixels the
            result is 0.
    """
    intact = (~mask).to(pictures.dtype)
    level = torch.cat((pictures * intact, intact), dim=1)
    levels = []
    for window in WINDOWS:
        levels.append(window_sums(level, window))
        level = functional.avg_pool2d(level, 2, ceil_mode=True)
    total = levels.pop()
    for finer in reversed(levels):
        height, width = finer.shape[-2:]
        coarser = functional.interpolate(total, scale_factor=2.0, mode="bilinear")[..., :height, :width]
        total = finer + _COARSER * coarser
    # Below this weight there is only rounding.
    known = total[:, -1:]
    filled = total[:, :-1] / known.clamp(min=1e-30)
    return torch.where(mask, filled.to(pictures.dtype), pictures)
