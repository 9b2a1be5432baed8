"""The defect detector (section 3.3): a U-Net from luminance to the probability of damage at each pixel."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from oldphoto_core.models.fused import halved, relu_of_sum
from oldphoto_core.models.layers import Norm, conv3, fold_batch_norm, fuse_relu, normalisation


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
        self.up = nn.ModuleList(_Up(*_double(above + below, above, norm)) for above, below in reversed(pairs))
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
            features = block(halved(features))
        for block in self.up:
            features = block(skips.pop(), features)
        return self.head(features)


class _Up(nn.Sequential):
    """The layers of one level going up; the first sees the skip and, enlarged, what comes from below."""

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:  # type: ignore[override]
        """Map ``B×C×2h×2w`` and ``B×D×h×w`` to ``B×C×2h×2w``."""
        first, *others = self
        if isinstance(first, ConvOfEnlarged):
            features = first(skip, below)
        else:
            enlarged = functional.interpolate(below, scale_factor=2.0, mode="nearest")
            features = first(torch.cat((skip, enlarged), dim=1))
        for layer in others:
            features = layer(features)
        return features


class ConvOfEnlarged(nn.Module):
    """A 3×3 convolution of a skip and of an enlarged map, without enlarging it: exact, at 4/9 of the operations.

    Each value of a map that is enlarged to twice its size (nearest) meets the kernel four times. What it adds to the
    result is a transposed 4×4 convolution of stride 2, whose kernel is the 3×3 one added up over the four.

    Args:
        conv: of ``skip_channels`` and then those of the enlarged map.
        skip_channels: of its inputs.
    """

    def __init__(self, conv: nn.Conv2d, skip_channels: int) -> None:
        super().__init__()
        outputs, below = conv.out_channels, conv.in_channels - skip_channels
        self.of_skip = nn.Conv2d(skip_channels, outputs, 3, padding=1, bias=conv.bias is not None)
        self.of_below = nn.ConvTranspose2d(below, outputs, 4, stride=2, padding=1, bias=False)
        kernel = conv.weight.detach()
        self.of_skip.weight.data = kernel[:, :skip_channels].clone()
        if conv.bias is not None:
            self.of_skip.bias = nn.Parameter(conv.bias.detach().clone())
        turned = kernel[:, skip_channels:].flip(2, 3).transpose(0, 1)
        self.of_below.weight.data.zero_()
        for row, column in itertools.product(range(2), repeat=2):
            self.of_below.weight.data[:, :, row : row + 3, column : column + 3] += turned
        self.with_relu = False
        self.requires_grad_(False)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:
        """Return the convolution of ``skip`` (``B×C×2h×2w``) and ``below`` (``B×D×h×w``), ``B×K×2h×2w``.

        Cut off below 0 where :func:`with_relu_fused` says so.
        """
        enlarged: Tensor = self.of_below(below)
        if self.with_relu:
            return relu_of_sum(self.of_skip, skip, enlarged)
        result: Tensor = self.of_skip(skip).add_(enlarged)
        return result


def folded(network: DefectUNet) -> DefectUNet:
    """Fold norms and enlargements into the convolutions beside them, in place, and return the network.

    Law: in evaluation mode it computes the same function. It can no longer be trained.
    """
    fold_batch_norm(network)
    for block in network.up:
        assert isinstance(block, _Up)
        first = block[0]
        if isinstance(first, nn.Conv2d):
            # A level has as many channels on its way up as its skip has.
            block[0] = ConvOfEnlarged(first, skip_channels=first.out_channels)
    return network


def with_relu_fused(network: DefectUNet) -> DefectUNet:
    """Let the convolutions of a folded network compute the ReLUs after them, in place, and return it.

    Law: it computes the same function, but for a rounding less where a skip joins.
    """
    for block in network.up:
        assert isinstance(block, _Up)
        assert isinstance(block[0], ConvOfEnlarged)
        block[0].with_relu = True
        block[_RELU] = nn.Identity()
    fuse_relu(network, network.head.weight.dtype)
    return network


_RELU = 2
"""Where the first ReLU lies among the layers of a level."""


def _double(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        conv3(inputs, outputs),
        normalisation(norm, outputs),
        nn.ReLU(inplace=True),
        conv3(outputs, outputs),
        normalisation(norm, outputs),
        nn.ReLU(inplace=True),
    )
