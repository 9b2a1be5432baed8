"""What is computed around the places where it is wanted is what is computed everywhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from oldphoto_core.models.around import CELL, computed_around
from oldphoto_core.models.build import build_mapping
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.models.layers import residual_stack


@torch.no_grad()
@pytest.mark.parametrize("size", [(40, 70), (48, 64), (33, 24), (10, 90)])
def test_what_is_computed_around_a_place_is_what_is_computed_everywhere(size: tuple[int, int]) -> None:
    blocks, reach, seen = _lively(residual_stack(2, 8)), 4, []
    height, width = size
    values = _map(8, height, width, batch=2)
    wanted = torch.zeros(2, 1, height, width, dtype=torch.bool)
    wanted[0, 0, 0, -1] = wanted[1, 0, -1, 0] = wanted[1, 0, height // 2, 0] = True

    def function(values: torch.Tensor) -> torch.Tensor:
        seen.append(values.numel())
        return blocks(values)

    found, expected = computed_around(wanted, function, values, reach), blocks(values)
    at = wanted.expand_as(expected)
    torch.testing.assert_close(found[at], expected[at], atol=1e-5, rtol=1e-4)
    assert (seen[0] < values.numel()) is (min(size) >= CELL + 2 * reach and height * width > 2000)


@torch.no_grad()
@pytest.mark.parametrize("nonlocal_branch", [True, False])
def test_a_mapping_computes_its_global_branch_around_the_damage_only(nonlocal_branch: bool) -> None:
    mapping = _lively(build_mapping("compact", nonlocal_branch=nonlocal_branch))
    latents, mask = _map(48, 40, 48), latent_mask(_speck(160, 192))
    costs = []
    mapping.global_.register_forward_hook(lambda _, given, made: costs.append(given[0].numel()))
    sparse = mapping.eval()(latents, mask)
    whole = mapping.train()(latents, mask)
    torch.testing.assert_close(sparse, whole, atol=1e-5, rtol=1e-4)
    assert costs[0] < 0.6 * costs[1]


def _map(channels: int, height: int, width: int, *, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, channels, height, width).contiguous(memory_format=torch.channels_last)


def _speck(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., height // 2 : height // 2 + 3, width // 3 : width // 3 + 5] = 1
    return mask


def _lively(network: nn.Module) -> nn.Module:
    """Give weights that start at zero values of their own."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.7 / (module.weight[0].numel() ** 0.5))
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network.eval()
