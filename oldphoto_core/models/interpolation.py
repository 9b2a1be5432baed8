"""Interpolate masked pixels from their surroundings, before anything is encoded.

A latent stands for 4×4 pixels; one damaged pixel spoils it. Filled first, the latent keeps what its intact pixels
know, and the damage itself never reaches the mapping. The fill is a membrane over the hole: each masked value is the
mean of the nine around and at it, which is Laplace's equation with the intact ones as its boundary. It is no better
than a good guess, which the mapping's global branch then replaces or keeps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

SWEEPS = (2, 4, 8)
"""How often the means are taken at each level, pixels first; the last one goes for all coarser levels.

A coarser level hands its solution on, so that few are needed where each is dear.
"""
_NOTHING = 1e-12


def interpolated(pictures: Tensor, mask: Tensor) -> Tensor:
    """Return ``pictures`` with every masked pixel replaced by what its intact surroundings say.

    It is solved from coarse to fine: at each level, of half the resolution of the one below, a cell that holds an
    intact pixel is the mean of those that it holds, and the others are the membrane.

    Args:
        pictures: ``B×C×H×W``.
        mask: ``B×1×H×W`` bool, True = to be filled. Where nothing at all is intact the result is 0.
    """
    intact = (~mask).to(pictures.dtype)
    # Not in the networks' layout: sums over shifted copies want whole rows.
    levels = [torch.cat((pictures * intact, intact), dim=1).contiguous()]
    while max(levels[-1].shape[-2:]) > 1:
        levels.append(functional.avg_pool2d(levels[-1], 2, ceil_mode=True))
    solution = _known(levels.pop())
    for number in reversed(range(len(levels))):
        height, width = levels[number].shape[-2:]
        handed_on = functional.interpolate(solution, scale_factor=2.0, mode="bilinear")[..., :height, :width]
        solution = _relaxed(handed_on, levels[number], SWEEPS[min(number, len(SWEEPS) - 1)])
    return torch.where(mask, solution.to(pictures.dtype), pictures)


def _known(level: Tensor) -> Tensor:
    """Return the mean of what is intact in each cell; 0 where nothing is."""
    return level[:, :-1] / level[:, -1:].clamp(min=_NOTHING)


def _relaxed(guess: Tensor, level: Tensor, sweeps: int) -> Tensor:
    """Return the cells of which something is known, and means of nine for the others, ``guess`` at first."""
    fixed, known = level[:, -1:] > 0, _known(level)
    solution = torch.where(fixed, known, guess)
    for _ in range(sweeps):
        around = functional.pad(solution, (1, 1, 1, 1), mode="replicate")
        rows = around[..., :-2, :] + around[..., 1:-1, :] + around[..., 2:, :]
        means = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9
        solution = torch.where(fixed, known, means)
    return solution
