"""Convolutions with what follows them, as a CPU computes them fastest: the same functions in fewer passes.

A result that is added to and cut off while it is still in the registers is written once instead of three times; on
maps that no cache holds this takes as long as some of the convolutions do. oneDNN does so where torch's own compiler
asks for it, by operators that are called here without compiling anything. Where they are missing, and on a GPU,
every layer stays as it was.
"""

from __future__ import annotations

import itertools
from functools import cache

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from oldphoto_core import processor


def fuses(device: torch.device) -> bool:
    """Say whether oneDNN's fused convolutions are there and right, on a processor for which they were compared."""
    # Others than x86 compute convolutions by other libraries, which need not be faster so.
    return device.type == "cpu" and "avx2" in processor.features() and _are_right()


@cache
def _are_right() -> bool:
    """Try both operators: nothing promises that another version of torch has them, or with these arguments."""
    # Whoever draws random numbers after this draws what they would have drawn without it.
    with torch.random.fork_rng(devices=[]):
        conv = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False)
        features, addend = torch.rand(2, 1, 8, 9, 9) - 0.5
    plain = conv(features)
    try:
        alone, summed = ConvReLU(conv, torch.float32)(features), relu_of_sum(conv, features, addend.clone())
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.allclose(alone, plain.relu(), atol=1e-4) and torch.allclose(
        summed, (plain + addend).relu(), atol=1e-4
    )


def relu_of_sum(conv: nn.Conv2d, features: Tensor, addend: Tensor) -> Tensor:
    """Return ``relu(conv(features) + addend)``; ``addend``, shaped like it, may be overwritten.

    The sum is rounded once, after the ReLU; two layers would round it twice.
    """
    operator = torch.ops.mkldnn._convolution_pointwise_.binary
    result: Tensor = operator(
        addend, features, conv.weight, conv.bias, *_geometry(conv), "add", 1.0, "relu", [], ""
    )
    return result


class ConvReLU(nn.Module):
    """``relu(conv(·))`` on ``B×C×H×W`` in one pass, in the number format ``number`` whatever comes in."""

    def __init__(self, conv: nn.Conv2d, number: torch.dtype) -> None:
        super().__init__()
        self.conv = conv.to(number)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``B×C×H×W`` to ``B×K×h×w``, non-negative."""
        conv = self.conv
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            features.to(conv.weight.dtype), conv.weight, conv.bias, *_geometry(conv), "relu", [], ""
        )
        return result


class TransposedByPhases(nn.Conv2d):
    """A transposed 4×4 convolution of stride 2 to a few channels, as one convolution to four times as many.

    Each of the four places that an output pixel can have in a square of 2×2 sees 2×2 inputs with weights of its own.
    A processor computes as many channels as a register holds, wanted or not; four times as many use what is there.
    """

    def __init__(self, conv: nn.ConvTranspose2d) -> None:
        super().__init__(conv.in_channels, 4 * conv.out_channels, 2, padding=1, device=conv.weight.device)
        self.outputs = conv.out_channels
        kernel = conv.weight.detach().transpose(0, 1)
        for row, column in itertools.product(range(2), repeat=2):
            # Of a kernel laid over its inputs backwards, an even place meets the odd rows, an odd one the even rows.
            part = kernel[:, :, 1 - row :: 2, 1 - column :: 2].flip(2, 3)
            self.weight.data[self._phase(row, column)] = part
        bias = conv.weight.new_zeros(self.outputs) if conv.bias is None else conv.bias.detach()
        self.bias = nn.Parameter(bias.repeat(4))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``B×C×h×w`` to ``B×K×2h×2w``."""
        batch, _, height, width = features.shape
        phases = super().forward(features)
        result = phases.new_empty((batch, self.outputs, 2 * height, 2 * width))
        result = result.contiguous(memory_format=torch.channels_last)
        for row, column in itertools.product(range(2), repeat=2):
            part = phases[:, self._phase(row, column), row : row + height, column : column + width]
            result[:, :, row::2, column::2] = part
        return result

    def _phase(self, row: int, column: int) -> slice:
        first = (2 * row + column) * self.outputs
        return slice(first, first + self.outputs)


def halved(features: Tensor) -> Tensor:
    """Return the greatest of each 2×2 values of ``B×C×H×W``, both sides even.

    On a CPU as two comparisons of whole rows: its pooling looks up every value by itself, and notes where it lay.
    """
    if features.is_cuda or features.requires_grad:
        return functional.max_pool2d(features, 2)
    rows = torch.maximum(features[:, :, ::2], features[:, :, 1::2])
    return torch.maximum(rows[..., ::2], rows[..., 1::2])


def _geometry(conv: nn.Conv2d) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
    assert isinstance(conv.padding, tuple)
    assert conv.padding_mode == "zeros"
    return conv.padding, conv.stride, conv.dilation, conv.groups
