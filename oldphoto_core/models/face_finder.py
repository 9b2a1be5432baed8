"""The face detector: a small convolutional network that sees faces of one size, in a pyramid of the photo.

At each cell of 8×8 pixels it says whether a face's middle lies there, how large that face is, and where its five
landmarks are. It knows faces of 16 to 36 pixels; larger ones are found in reduced copies of the photo, so that a few
thousand faces teach it all sizes (the image pyramid of Rowley, Baluja and Kanade 1998; cells with offsets as in
YuNet, Wu et al. 2023).
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

STRIDE = 8
"""Pixels a side of a cell."""
UNIT = 24.0
"""Offsets are in units of so many pixels, sides in units of their logarithm: a typical face is about 1 and 0."""
SMALLEST, LARGEST = 16.0, 36.0
"""Sides in pixels of the faces that it is to find; their ratio is above the 2 of the pyramid."""
CHANNELS = 14
"""Of the answer: logit; middle right and down; log side; five landmarks (right, down)."""


class FaceFinder(nn.Module):
    """Luminance ``B×1×H×W`` in [-1, 1] to answers ``B×14×H/8×W/8`` (see :data:`CHANNELS`).

    H and W are multiples of :attr:`stride`. Channel 0 is the logit that a face's middle lies in the cell, or within a
    fifth of its side; the others count only where there is one, from the middle of the cell, in :data:`UNIT`.

    Args:
        widths: channels at 1/4, 1/8, 1/16 and 1/32 of the size.
        blocks: residual blocks there.
    """

    stride = 32

    def __init__(self, *, widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        quarter, eighth, sixteenth, least = widths
        # Squares of 4×4 pixels become channels: convolutions of few channels at full size would cost the most.
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(4), _step(16, quarter, 1), *(_Block(quarter) for _ in range(blocks[0]))
        )
        self.eighth = _level(quarter, eighth, blocks[1])
        self.sixteenth = _level(eighth, sixteenth, blocks[2])
        self.least = _level(sixteenth, least, blocks[3])
        self.from_least = nn.Conv2d(least, sixteenth, 1)
        self.from_sixteenth = nn.Conv2d(sixteenth, eighth, 1)
        self.joined = _Block(eighth)
        self.head = nn.Conv2d(eighth, CHANNELS, 1)
        # Faces are rare: start from that.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.head.bias[:1], -4.0)  # type: ignore[index]

    def forward(self, luminance: Tensor) -> Tensor:
        """Return the answers, ``B×14×H/8×W/8``."""
        eighth = self.eighth(self.enter(luminance))
        sixteenth = self.sixteenth(eighth)
        least = self.least(sixteenth)
        sixteenth = sixteenth + _enlarged(self.from_least(least))
        joined = self.joined(eighth + _enlarged(self.from_sixteenth(sixteenth)))
        answers: Tensor = self.head(joined)
        return answers


class _Block(nn.Module):
    """``relu(x + conv(relu(conv(x))))`` on ``B×C×H×W``, each convolution normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``B×C×H×W`` to ``B×C×H×W``."""
        change = functional.relu(self.first_norm(self.first(features)))
        return functional.relu(features + self.second_norm(self.second(change)))


def _step(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _level(inputs: int, outputs: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(_step(inputs, outputs, 2), *(_Block(outputs) for _ in range(blocks)))


def _enlarged(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def cell_middles(height: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """Return the middles of ``height×width`` cells in pixel edges, ``2×height×width``: (right, down)."""
    down, right = torch.meshgrid(
        (torch.arange(height, device=device) + 0.5) * STRIDE,
        (torch.arange(width, device=device) + 0.5) * STRIDE,
        indexing="ij",
    )
    return torch.stack((right, down))
