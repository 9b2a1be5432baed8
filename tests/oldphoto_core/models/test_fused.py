"""Convolutions fused with what follows them compute what the trained layers compute."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as functional
from torch import nn

from oldphoto_core import processor
from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.defect_unet import folded, with_relu_fused
from oldphoto_core.models.fused import ConvReLU, TransposedByPhases, _are_right, fuses, halved, relu_of_sum
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.models.layers import ResBlock, fold_batch_norm, fuse_relu, residual_stack, round_residuals
from oldphoto_core.settings import CONFIGS, Config
from tests.oldphoto_core.models.material import lively, random_map, speck

CPU = torch.device("cpu")
FORMATS = [
    torch.float32,
    pytest.param(
        torch.bfloat16,
        marks=pytest.mark.skipif(not processor.computes_in_bfloat16(), reason="bfloat16 is emulated"),
    ),
]
needs_fusing = pytest.mark.skipif(not fuses(CPU), reason="no fused convolutions here")


@pytest.mark.parametrize("loss", ["missing", "other arguments", "other result"])
def test_operators_that_are_not_what_they_were_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    def other(*arguments: object) -> torch.Tensor:
        if loss == "other result":
            return torch.zeros(1, 8, 9, 9)
        raise TypeError("takes 7 positional arguments")

    operators = SimpleNamespace() if loss == "missing" else SimpleNamespace(_convolution_pointwise=other)
    monkeypatch.setattr(torch.ops, "mkldnn", operators)
    state = torch.random.get_rng_state()
    assert not _are_right.__wrapped__()
    assert torch.equal(torch.random.get_rng_state(), state)


@needs_fusing
@torch.no_grad()
@pytest.mark.parametrize("number", FORMATS)
@pytest.mark.parametrize("kernel", [(3, 1, 1), (4, 2, 1), (7, 1, 3)])
def test_a_fused_relu_is_the_relu_of_the_convolution(
    kernel: tuple[int, int, int], number: torch.dtype
) -> None:
    size, stride, padding = kernel
    conv = nn.Conv2d(5, 16, size, stride=stride, padding=padding)
    picture = random_map(5, 20, 28)
    expected = functional.relu(conv.to(number)(picture.to(number)))
    assert torch.equal(ConvReLU(conv, number)(picture), expected)
    assert (expected == 0).any()


@needs_fusing
@torch.no_grad()
@pytest.mark.parametrize("number", FORMATS)
def test_a_fused_sum_is_rounded_no_worse(number: torch.dtype) -> None:
    conv = nn.Conv2d(6, 16, 3, padding=1)
    features, addend = random_map(6, 20, 28).to(number), random_map(16, 20, 28).to(number)
    conv = conv.to(number)
    exact = functional.relu(conv.float()(features.float()) + addend.float())
    apart = functional.relu(conv.to(number)(features) + addend)
    found = relu_of_sum(conv, features, addend)
    assert found.dtype == number
    assert (found.float() - exact).abs().mean() <= (apart.float() - exact).abs().mean() + 1e-6


@needs_fusing
@torch.no_grad()
@pytest.mark.parametrize("config", CONFIGS)
def test_a_detector_with_fused_relus_computes_the_same(config: Config) -> None:
    network = folded(lively(build_detector(config)))
    picture = torch.rand(1, 1, 2 * network.stride, 3 * network.stride) * 2 - 1
    expected = network(picture)
    for _ in range(2):
        with_relu_fused(network)
        assert not any(isinstance(module, nn.ReLU) for module in network.modules())
        torch.testing.assert_close(network(picture), expected, atol=1e-5, rtol=1e-5)


@needs_fusing
@torch.no_grad()
@pytest.mark.parametrize("config", CONFIGS)
def test_a_codec_and_a_mapping_for_a_cpu_compute_the_same(config: Config) -> None:
    codec, mapping = (
        fold_batch_norm(lively(network)) for network in (build_autoencoder(config), build_mapping(config))
    )
    picture = torch.rand(1, 3, 32, 48) * 2 - 1
    latents = codec.encoder(picture)
    mask = latent_mask(speck(32, 48))
    expected = (latents, mapping(latents, mask), codec.generator(latents))
    for network in (codec, mapping, codec):
        fuse_relu(network, torch.float32)
        assert all(
            isinstance(block.first, ConvReLU) for block in network.modules() if isinstance(block, ResBlock)
        )
    codec.generator.enlarge_by_phases()
    assert isinstance(codec.generator.to_full, TransposedByPhases) is (config == "compact")
    found = (codec.encoder(picture), mapping(latents, mask), codec.generator(latents))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@needs_fusing
@torch.no_grad()
@pytest.mark.skipif(not processor.computes_in_bfloat16(), reason="bfloat16 is emulated")
def test_rounded_residuals_stay_rounded_when_fused() -> None:
    blocks = lively(residual_stack(2, 32))
    round_residuals(blocks)
    features = random_map(32, 20, 28)
    expected = blocks(features)
    fuse_relu(blocks, torch.float32)
    assert torch.equal(blocks(features), expected)


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(5, 8), (1, 1)])
def test_phases_are_the_transposed_convolution(size: tuple[int, int], bias: bool) -> None:
    conv = nn.ConvTranspose2d(7, 3, 4, stride=2, padding=1, bias=bias)
    features = random_map(7, *size, batch=2)
    torch.testing.assert_close(TransposedByPhases(conv)(features), conv(features), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("number", [torch.float32, torch.bfloat16])
def test_halving_by_comparisons_is_pooling(number: torch.dtype) -> None:
    features = random_map(16, 12, 20, batch=2).to(number)
    assert torch.equal(halved(features), functional.max_pool2d(features, 2))
    # Of equal values, pooling hands the gradient to one; training must not depend on where it is done.
    same = torch.ones(1, 1, 2, 2, requires_grad=True)
    halved(same).sum().backward()
    assert same.grad is not None
    assert (same.grad != 0).sum() == 1
