"""Building blocks shared by the networks: residual blocks, normalisation that folds, wavelet initialisation.

No layer here uses image-wide statistics at inference, so a network made of them gives the same
pixels for a tile as for the whole picture (away from the tile's border).
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from oldphoto_core.models.fused import ConvReLU

Norm = Literal["batch", "none"]


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """Return the normalisation layer: batch norm (running statistics at inference, foldable) or nothing."""
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()


def conv3(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a 3×3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class ResBlock(nn.Module):
    """``x + conv(relu(conv(x)))`` on ``B×C×H×W``, with an optional normalisation after each convolution.

    Without normalisation the last convolution starts at zero, so that the block starts as the identity
    and a deep stack trains from the first step.
    """

    def __init__(self, channels: int, norm: Norm = "none") -> None:
        super().__init__()
        self.first: nn.Module = conv3(channels, channels)
        self.first_norm = normalisation(norm, channels)
        self.second = conv3(channels, channels)
        self.second_norm = normalisation(norm, channels)
        self.activation: nn.Module = nn.ReLU(inplace=True)
        self.rounded = False
        if norm == "none":
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Map ``B×C×H×W`` to ``B×C×H×W``."""
        if not self.rounded:
            change = self._change(features)
            # A sum of its own would be one more map to find memory for.
            return change.add_(features) if change.dtype == features.dtype else features + change
        # No cache of converted weights: one made while a CUDA graph is recorded belongs to the recording.
        with torch.autocast(features.device.type, dtype=torch.bfloat16, cache_enabled=False):
            change = self._change(features)
        return features + change

    def _change(self, features: Tensor) -> Tensor:
        return self.second_norm(self.second(self.activation(self.first_norm(self.first(features)))))


def residual_stack(count: int, channels: int, norm: Norm = "none") -> nn.Sequential:
    """Return ``count`` residual blocks in a row."""
    return nn.Sequential(*(ResBlock(channels, norm) for _ in range(count)))


class HalfScale(nn.Module):
    """Residual blocks at half the scale, added to what comes in: ``x + up(blocks(down(x)))`` on ``B×C×H×W``.

    A block there sees twice as far for a quarter of the price a channel. ``up`` starts at zero, so that the whole
    starts as the identity. An odd side is filled up with its last row or column.
    """

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, width, 2, stride=2)
        self.blocks = residual_stack(blocks, width)
        self.up = nn.ConvTranspose2d(width, channels, 2, stride=2)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Map ``B×C×H×W`` to ``B×C×H×W``."""
        height, width = features.shape[-2:]
        even = features
        if height % 2 or width % 2:
            even = functional.pad(features, (0, width % 2, 0, height % 2), mode="replicate")
        return features + self.up(self.blocks(self.down(even)))[..., :height, :width]


def round_residuals(network: nn.Module) -> None:
    """Compute what residual blocks add in bfloat16, in place; what they add it to keeps its precision.

    A codec that hands a photo on bit by bit must not round it; its small corrections may be.
    """
    for module in network.modules():
        if isinstance(module, ResBlock):
            module.rounded = True


def fuse_relu(network: nn.Module, number: torch.dtype) -> nn.Module:
    """Let every convolution compute the ReLU that follows it as well, in place, and return the network.

    Law: in evaluation mode it computes the same function. Norms must have been folded, and `round_residuals` called
    before. ``number`` is the format that the other such convolutions compute in.
    """
    for module in list(network.modules()):
        if isinstance(module, ResBlock) and isinstance(module.first, nn.Conv2d):
            assert isinstance(module.first_norm, nn.Identity)
            module.first = ConvReLU(module.first, torch.bfloat16 if module.rounded else number)
            module.activation = nn.Identity()
        elif isinstance(module, nn.Sequential):
            names = [name for name, layer in module._modules.items() if not isinstance(layer, nn.Identity)]
            for name, following in itertools.pairwise(names):
                conv, activation = module._modules[name], module._modules[following]
                if isinstance(conv, nn.Conv2d) and isinstance(activation, nn.ReLU):
                    module._modules[name] = ConvReLU(conv, number)
                    module._modules[following] = nn.Identity()
    return network


def haar_kernels() -> Tensor:
    """Return the four orthonormal 2×2 Haar kernels (mean, horizontal, vertical, diagonal) as ``4×2×2``."""
    rows = [[[1, 1], [1, 1]], [[1, -1], [1, -1]], [[1, 1], [-1, -1]], [[1, -1], [-1, 1]]]
    return torch.tensor(rows, dtype=torch.float32) / 2


@torch.no_grad()
def start_as_haar_analysis(conv: nn.Conv2d, channels: int) -> None:
    """Let the first ``4·channels`` outputs of a 4×4/2 convolution start as Haar sub-bands of its inputs.

    An orthonormal transform keeps every bit of the picture: an encoder that starts so, with residual
    blocks that start as the identity, is a lossless codec before its first training step.
    The other outputs start silent, so that two autoencoders with one start keep their latents alike: a random
    start would fill them with noise that each codec then carries off in its own direction. ``channels``
    inputs are transformed; the rest start unused.
    """
    weight = conv.weight
    weight.zero_()
    for channel in range(channels):
        weight[4 * channel : 4 * channel + 4, channel, 1:3, 1:3] = haar_kernels()
    if conv.bias is not None:
        conv.bias.zero_()


@torch.no_grad()
def start_as_haar_synthesis(conv: nn.ConvTranspose2d, channels: int) -> None:
    """Let a transposed 4×4/2 convolution start as the inverse of :func:`start_as_haar_analysis`."""
    weight = conv.weight
    weight[:, :channels] = 0
    for channel in range(channels):
        weight[4 * channel : 4 * channel + 4, channel, 1:3, 1:3] = haar_kernels()
    if conv.bias is not None:
        conv.bias.zero_()


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold every batch norm into the convolution before it, in place, and return the network.

    Law: in evaluation mode the folded network computes the same function. A norm is folded when it
    follows a convolution directly among its parent's children, which is how this package writes them.
    """
    network.eval()
    for module in network.modules():
        names = list(module._modules)
        for name, following in itertools.pairwise(names):
            conv, norm = module._modules[name], module._modules[following]
            if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                transposed = isinstance(conv, nn.ConvTranspose2d)
                module._modules[name] = fuse_conv_bn_eval(conv, norm, transpose=transposed)
                module._modules[following] = nn.Identity()
    return network
