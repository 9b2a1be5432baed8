"""The coarse-to-fine face generator (section 4 of the method; the text promises it and leaves it out).

It starts from the degraded face reduced to 8×8 and doubles up to the crop; at every scale a SPADE block hears
the degraded face reduced to that scale.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from oldphoto_core.models.spade import SpadeResBlock

START = 8
"""Side of the smallest map."""

PAPER_WIDTHS = (1024, 1024, 1024, 512, 256, 128, 64)
"""The reference's widths: 92 M parameters with a condition width of 128."""
COMPACT_WIDTHS = (160, 128, 128, 96, 96)
"""For the same job at a fortieth of the parameters, on cells of 4×4 pixels, with a condition width of 24."""

_GAIN = 0.1
"""Of the residual: Adam moves every weight alike, and a head of hundreds of inputs a channel would overshoot."""

Output = Literal["residual", "tanh"]


class FaceGenerator(nn.Module):
    """Refines an aligned face. Not tileable: it wants the whole crop.

    ``residual`` output is ``condition + 0.1 · head(·)`` with a head that starts at zero, so an untrained generator
    returns the degraded face and a young one something close to it. ``tanh`` is the reference's output, made
    from nothing but the features.

    Args:
        crop: side of the crop, 8 · 2ᵏ · ``cell``.
        widths: output channels of each block, coarse to fine; one block a scale (k + 1 of them), or one more,
            then the second scale has two as in the reference.
        condition_width: width of the nets that read γ and β off the degraded face.
        output: see above.
        cell: the network works on cells of ``cell × cell`` pixels, stacked as channels (pixel unshuffle), so its
            finest map has a side of ``crop / cell``. No pixel is lost, and wide maps of few cells cost a CPU
            far less than narrow maps of many pixels. 1 in the reference.
        modulated_shortcuts: see :class:`SpadeResBlock`; the reference has them, at a third of its cost.
        entries: at every scale a convolution also adds the degraded face to the features. The nets that read γ
            and β are narrow; without entries, what a cell holds in detail would not pass through them.

    Raises:
        ValueError: a crop that is no 8 · 2ᵏ, or a number of widths that does not fit it.
    """

    def __init__(
        self,
        crop: int,
        widths: tuple[int, ...],
        condition_width: int,
        *,
        output: Output = "residual",
        cell: int = 1,
        modulated_shortcuts: bool = True,
        entries: bool = False,
    ) -> None:
        super().__init__()
        self.crop = crop
        self.output = output
        self.cell = cell
        self.sides = block_sides(crop // cell, len(widths))
        stacked = 3 * cell**2
        self.start = nn.Conv2d(stacked, widths[0], 3, padding=1)
        inputs = (widths[0], *widths[:-1])
        self.blocks = nn.ModuleList(
            SpadeResBlock(
                before,
                after,
                condition=stacked,
                hidden=condition_width,
                modulated_shortcut=modulated_shortcuts,
            )
            for before, after in zip(inputs, widths, strict=True)
        )
        self.entries = nn.ModuleDict()
        if entries:
            # Where a scale has two blocks, the first one's width counts: there the features arrive.
            grown = dict(reversed(list(zip(self.sides[1:], inputs[1:], strict=True))))
            self.entries.update(
                {str(side): nn.Conv2d(stacked, width, 3, padding=1) for side, width in grown.items()}
            )
        self.head = nn.Conv2d(widths[-1], stacked, 3, padding=1)
        if output == "residual":
            nn.init.zeros_(self.head.weight)
            if self.head.bias is not None:
                nn.init.zeros_(self.head.bias)

    def forward(self, degraded: Tensor) -> Tensor:
        """Map the degraded face ``B×3×crop×crop`` in [-1, 1] to the refined one, same shape.

        With ``tanh`` the result is in [-1, 1]; with ``residual`` it may leave that range a little: it is not
        clipped, so that training has a gradient there.
        """
        if degraded.shape[-2:] != (self.crop, self.crop):
            raise ValueError(f"expected a {self.crop}×{self.crop} crop, got {tuple(degraded.shape[-2:])}")
        scales = pyramid(functional.pixel_unshuffle(degraded, self.cell), START)
        features = self.start(scales[START])
        for side, block in zip(self.sides, self.blocks, strict=True):
            if features.shape[-1] != side:
                features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
                if str(side) in self.entries:
                    features = features + self.entries[str(side)](scales[side])
            features = block(features, scales[side])
        drawn = functional.pixel_shuffle(self.head(functional.leaky_relu(features, 0.2)), self.cell)
        return degraded + _GAIN * drawn if self.output == "residual" else torch.tanh(drawn)


def block_sides(crop: int, blocks: int) -> tuple[int, ...]:
    """Return the side that each block works at: 8, 16, … crop; 16 twice where there is a block to spare."""
    sides = [START]
    while sides[-1] < crop:
        sides.append(sides[-1] * 2)
    if sides[-1] != crop:
        raise ValueError(f"a crop's side is 8 times a power of two (64, 128, 256, 512); {crop} is not")
    if blocks == len(sides) + 1 and len(sides) > 1:
        sides.insert(1, sides[1])
    if blocks != len(sides):
        raise ValueError(f"a crop of {crop} takes {len(sides)} or {len(sides) + 1} widths, got {blocks}")
    return tuple(sides)


def pyramid(image: Tensor, smallest: int) -> dict[int, Tensor]:
    """Return ``image`` (``B×C×S×S``) at S, S/2, … ``smallest``, by side; each pixel the mean of four."""
    scales = {image.shape[-1]: image}
    while image.shape[-1] > smallest:
        image = functional.avg_pool2d(image, 2)
        scales[image.shape[-1]] = image
    return scales
