"""Shapes, sizes, cost and laws of the assembled networks."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from oldphoto_core.errors import UsageError
from oldphoto_core.models.build import build, build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.defect_unet import folded
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.models.layers import HalfScale, fold_batch_norm
from oldphoto_core.settings import Config


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _picture(side: int = 64) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def _scratch(side: int) -> torch.Tensor:
    """A mask of about 3 % of the picture."""
    mask = torch.zeros(1, 1, side, side)
    mask[..., side // 3 : side // 3 + max(1, side * 3 // 100)] = 1
    return mask


def test_paper_is_table_1() -> None:
    vae, mapping = build_autoencoder("paper"), build_mapping("paper")
    convs = [m for m in mapping.rise if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [128, 256, 512]
    assert [c.out_channels for c in mapping.fall if isinstance(c, nn.Conv2d)] == [256, 128, 64]
    assert (len(mapping.local), len(mapping.global_), len(mapping.fusion)) == (2, 2, 6)
    assert [len(vae.encoder.blocks), len(vae.generator.blocks)] == [4, 4]
    assert _parameters(vae) == 878_979
    assert _parameters(mapping) == 50_842_688
    with torch.no_grad():
        latents = vae.eval().encoder(_picture(256))
        assert latents.shape == (1, 64, 64, 64)
        assert vae.generator(latents).shape == (1, 3, 256, 256)


def test_compact_keeps_the_structure_and_its_size() -> None:
    mapping = build_mapping("compact")
    assert mapping.nonlocal_block is not None
    assert len(mapping.local) > 0
    assert len(mapping.global_) > 0
    assert len(mapping.fusion) > 0
    assert _parameters(build_autoencoder("compact")) == 257_955
    assert _parameters(mapping) == 2_936_896
    assert _parameters(build_detector("compact")) == 922_721


@cache
def _tflop_per_megapixel(config: Config) -> float:
    side = 128
    picture, mask = _picture(side), latent_mask(_scratch(side))
    vae, mapping, detector = (
        build_autoencoder(config).eval(),
        build_mapping(config).eval(),
        build_detector(config).eval(),
    )
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        detector(picture[:, :1])
        latents = vae.encoder(picture)
        vae.generator(mapping(latents, mask))
        vae.generator(latents)  # codec-loss cancelling decodes twice
    return counter.get_total_flops() / 1e12 / (side * side / 1e6)


def test_compact_costs_at_most_0_4_tflop_a_megapixel() -> None:
    assert _tflop_per_megapixel("compact") <= 0.4


def test_compact_is_at_least_ten_times_cheaper_than_paper() -> None:
    assert _tflop_per_megapixel("paper") >= 10 * _tflop_per_megapixel("compact")


@torch.no_grad()
def test_compact_autoencoder_starts_lossless() -> None:
    vae, picture = build_autoencoder("compact").eval(), _picture()
    torch.testing.assert_close(vae(picture)[0], picture, atol=1e-5, rtol=0)


@torch.no_grad()
def test_empty_mask_skips_the_global_branch() -> None:
    mapping = build_mapping("compact").eval()
    latents = torch.randn(1, 48, 16, 16)
    reached: list[int] = []
    assert mapping.nonlocal_block is not None
    mapping.nonlocal_block.register_forward_hook(lambda *_: reached.append(1))
    torch.testing.assert_close(
        mapping(latents, torch.zeros(1, 1, 16, 16, dtype=torch.bool)), mapping(latents, None)
    )
    assert reached == []


def _stirred(network: nn.Module) -> nn.Module:
    """Give zero-started layers weights, so that a law about them says something."""
    torch.manual_seed(7)
    for parameter in network.parameters():
        if parameter.ndim > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network.eval()


@torch.no_grad()
@pytest.mark.parametrize("size", [(8, 12), (7, 9), (1, 5)])
def test_blocks_at_half_scale_start_as_the_identity_and_keep_every_size(size: tuple[int, int]) -> None:
    block, features = HalfScale(6, 10, 2), torch.randn(2, 6, *size)
    torch.testing.assert_close(block(features), features)
    stirred = _stirred(block)(features)
    assert stirred.shape == features.shape
    assert not torch.equal(stirred, features)


@torch.no_grad()
def test_sparse_queries_equal_asking_everywhere() -> None:
    mapping = _stirred(build_mapping("compact"))
    latents = torch.randn(1, 48, 24, 24)
    mask = latent_mask(_scratch(96))
    sparse = mapping(latents, mask)
    mapping.reach = 24
    torch.testing.assert_close(sparse, mapping(latents, mask), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_everything_masked_is_finite() -> None:
    mapping = _stirred(build_mapping("compact"))
    assert torch.isfinite(mapping(torch.randn(1, 48, 8, 8), torch.ones(1, 1, 8, 8, dtype=torch.bool))).all()


@torch.no_grad()
@pytest.mark.parametrize("name", ["detector", "vae-old", "mapping"])
def test_folding_changes_nothing(name: str) -> None:
    network = build(name, "paper" if name != "detector" else "compact")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    if name == "mapping":
        network = build_mapping("compact")
    network.eval()
    inputs = {
        "detector": (_picture()[:, :1],),
        "vae-old": (_picture(),),
        "mapping": (torch.randn(1, 48, 8, 8), None),
    }[name]
    before = network(*inputs)
    after = fold_batch_norm(network)(*inputs)
    first, second = (out[0] if isinstance(out, tuple) else out for out in (before, after))
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@torch.no_grad()
def test_a_folded_detector_computes_the_same_without_enlarging_anything() -> None:
    network = build_detector("compact").eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    picture = torch.rand(2, 1, 5 * network.stride, 3 * network.stride) * 2 - 1
    expected, costs = network(picture), []
    for _ in range(2):
        with FlopCounterMode(display=False) as counter:
            found = network(picture)
        costs.append(counter.get_total_flops())
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        network = folded(network)
    assert costs[1] < 0.85 * costs[0]
    again = folded(network)
    torch.testing.assert_close(again(picture), expected, atol=1e-4, rtol=1e-4)


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(UsageError, match="detector"):
        build("sharpener", "compact")
    with pytest.raises(UsageError, match="paper"):
        build("detector", "huge")  # type: ignore[arg-type]
