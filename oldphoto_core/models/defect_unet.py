"""The defect detector (section 3.3): a U-Net from luminance to the probability of damage at each pixel."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from oldphoto_core.models.layers import Norm, conv3, normalisation


class DefectUNet(nn.Module):
    """Luminance ``B×1×H×W`` in [-1, 1] to logits ``B×1×H×W`` (sigmoid > ½ = damage).

    H and W are multiples of :attr:`stride`. Tolerates tiles with a halo of one bottleneck reach.

    Args:
        widths: channels per level, full resolution first.
        norm: normalisation inside.
    """

    def __init__(self, *, widths: tuple[int, ...], norm: Norm) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(widths))
        self.enter = _double(1, widths[0], norm)
        self.down = nn.ModuleList(_double(above, below, norm) for above, below in pairs)
        self.up = nn.ModuleList(_double(above + below, above, norm) for above, below in reversed(pairs))
        self.head = nn.Conv2d(widths[0], 1, 1)
        self.stride = 2 ** (len(widths) - 1)
        # Damage is rare: start from its prior, so that training does not spend itself on learning it.
        nn.init.constant_(self.head.bias, -3.0)  # type: ignore[arg-type]

    def forward(self, luminance: Tensor) -> Tensor:
        """Return logits, ``B×1×H×W``."""
        features = self.enter(luminance)
        skips: list[Tensor] = []
        for block in self.down:
            skips.append(features)
            features = block(functional.max_pool2d(features, 2))
        for block in self.up:
            skip = skips.pop()
            grown = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = block(torch.cat((skip, grown), dim=1))
        return self.head(features)


def _double(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        conv3(inputs, outputs),
        normalisation(norm, outputs),
        nn.ReLU(inplace=True),
        conv3(outputs, outputs),
        normalisation(norm, outputs),
        nn.ReLU(inplace=True),
    )
