"""Maps, a mask and weights that tell layers apart."""

from __future__ import annotations

import torch
from torch import nn


def random_map(channels: int, height: int, width: int, *, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, channels, height, width).contiguous(memory_format=torch.channels_last)


def speck(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., height // 2 : height // 2 + 3, width // 3 : width // 3 + 5] = 1
    return mask


def lively(network: nn.Module) -> nn.Module:
    """Give weights that start at zero, and statistics that start at nothing, values that can be told apart."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
        elif isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.7 / (module.weight[0].numel() ** 0.5))
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network.eval()
