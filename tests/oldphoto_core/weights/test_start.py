"""A training may start from weights of a smaller network of the same kind, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.build import build_mapping
from oldphoto_core.models.latent_mapping import LatentMapping
from oldphoto_core.weights.store import save_weights, start_from


def _mapping(half_scale: tuple[int, int]) -> LatentMapping:
    return LatentMapping(
        latent=12,
        widths=(16,),
        attention=8,
        local_blocks=1,
        global_blocks=1,
        fusion_blocks=1,
        residual=True,
        norm="none",
        half_scale=half_scale,
    )


def _saved(network: torch.nn.Module, folder: Path) -> Path:
    path = folder / "mapping.safetensors"
    save_weights(network, path, {"name": "mapping", "version": "0", "licence": "none"})
    return path


@torch.no_grad()
def test_added_blocks_start_new_and_change_nothing(tmp_path: Path) -> None:
    small, large = _mapping((0, 0)), _mapping((8, 1))
    for parameter in small.parameters():
        parameter.copy_(torch.randn_like(parameter).mul(0.1).half())
    lacking = start_from(large, _saved(small, tmp_path))
    assert lacking
    assert all(name.startswith("half_scale.") for name in lacking)
    latents, mask = torch.randn(1, 12, 8, 8), torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 3:5] = True
    torch.testing.assert_close(large.eval()(latents, mask), small.eval()(latents, mask))


def test_weights_that_have_no_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not fit"):
        start_from(_mapping((0, 0)), _saved(_mapping((8, 1)), tmp_path))
    with pytest.raises(WeightsError, match="does not fit"):
        start_from(build_mapping("compact"), _saved(_mapping((0, 0)), tmp_path))
