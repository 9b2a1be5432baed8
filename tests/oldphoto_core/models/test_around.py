"""What is computed around the places where it is wanted is what is computed everywhere."""

from __future__ import annotations

import pytest
import torch

from oldphoto_core.models.around import CELL, computed_around
from oldphoto_core.models.build import build_mapping
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.models.layers import residual_stack
from tests.oldphoto_core.models.material import lively, random_map, speck


@torch.no_grad()
@pytest.mark.parametrize("size", [(40, 70), (48, 64), (33, 24), (10, 90)])
def test_what_is_computed_around_a_place_is_what_is_computed_everywhere(size: tuple[int, int]) -> None:
    blocks, reach, seen = lively(residual_stack(2, 8)), 4, []
    height, width = size
    values = random_map(8, height, width, batch=2)
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
    mapping = lively(build_mapping("compact", nonlocal_branch=nonlocal_branch))
    latents, mask = random_map(48, 40, 48), latent_mask(speck(160, 192))
    costs = []
    mapping.global_.register_forward_hook(lambda _, given, made: costs.append(given[0].numel()))
    sparse = mapping.eval()(latents, mask)
    whole = mapping.train()(latents, mask)
    torch.testing.assert_close(sparse, whole, atol=1e-5, rtol=1e-4)
    assert costs[0] < 0.6 * costs[1]
