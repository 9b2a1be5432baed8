"""Laws of the interpolation that comes before the encoder."""

from __future__ import annotations

import pytest
import torch

from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.build import build_autoencoder, build_mapping
from oldphoto_core.models.interpolation import interpolated
from oldphoto_core.settings import RestoreSettings


def hole(size: int = 96) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size, dtype=torch.bool)
    mask[..., 20:60, 30:45] = True
    mask[..., 80, :] = True
    return mask


def test_intact_pixels_are_kept_and_what_was_under_the_mask_does_not_matter() -> None:
    pictures, mask = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)), hole()
    spoiled = torch.where(mask, torch.full_like(pictures, 9.0), pictures)
    filled = interpolated(spoiled, mask)
    assert torch.equal(filled, interpolated(pictures, mask))
    assert torch.equal(filled[~mask.expand_as(filled)], pictures[~mask.expand_as(filled)])


def test_a_flat_picture_is_filled_flat() -> None:
    mask = hole()
    flat = torch.full((1, 3, 96, 96), -0.3)
    torch.testing.assert_close(interpolated(torch.where(mask, torch.ones(()), flat), mask), flat)


@pytest.mark.parametrize("side", [260, 400, 700, 900])
@pytest.mark.parametrize("where", ["middle", "corner"])
def test_a_wide_hole_in_a_flat_picture_is_filled_flat(side: int, where: str) -> None:
    """A torn-off corner of half an inch is as wide."""
    begin = (960 - side) // 2 if where == "middle" else 0
    mask = torch.zeros(1, 1, 960, 960, dtype=torch.bool)
    mask[..., begin : begin + side, begin : begin + side] = True
    flat = torch.full((1, 1, 960, 960), -0.3)
    torch.testing.assert_close(interpolated(torch.where(mask, torch.ones(()), flat), mask), flat)


def test_a_scratch_takes_the_values_at_its_sides() -> None:
    """Bright above it and dark below: the fill lies between, and near pixels count, not far ones."""
    picture = torch.cat((torch.ones(1, 1, 40, 80), -torch.ones(1, 1, 40, 80)), dim=2)
    mask = torch.zeros(1, 1, 80, 80, dtype=torch.bool)
    mask[..., 20, :] = True
    assert torch.allclose(interpolated(picture, mask)[..., 20, :], torch.ones(()))


def test_with_nothing_intact_the_fill_is_zero() -> None:
    everything = torch.ones(1, 1, 33, 47, dtype=torch.bool)
    assert not interpolated(torch.rand(1, 3, 33, 47), everything).any()


@torch.no_grad()
def test_damage_reaches_the_restored_photo_by_no_path() -> None:
    torch.manual_seed(0)
    mapping = build_mapping("compact")
    for parameter in mapping.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    translator = LatentTranslator(
        build_autoencoder("compact"),
        mapping,
        build_autoencoder("compact"),
        RestoreSettings(autocast=False),
        torch.device("cpu"),
    )
    unit, mask = torch.rand(96, 96, 3).numpy(), hole()[0, 0].numpy()
    spoiled = unit.copy()
    spoiled[mask] = 1.0
    assert abs(translator.translate(spoiled, mask) - translator.translate(unit, mask)).max() < 1e-5


@pytest.mark.parametrize(("size", "side"), [(96, 9), (96, 24), (256, 100), (960, 400)])
def test_a_hole_in_a_ramp_is_filled_with_the_ramp(size: int, side: int) -> None:
    """It solves Laplace's equation: whatever the width of the hole there are no steps in the fill."""
    ramp = torch.linspace(-1, 1, size).expand(1, 1, size, size).contiguous()
    begin, mask = (size - side) // 2, torch.zeros(1, 1, size, size, dtype=torch.bool)
    mask[..., begin : begin + side, begin : begin + side] = True
    filled = interpolated(torch.where(mask, torch.ones(()), ramp), mask)
    torch.testing.assert_close(filled, ramp, rtol=0, atol=0.02)
    assert filled.diff(dim=-1).abs().max() < 1.2 * 2 / size
