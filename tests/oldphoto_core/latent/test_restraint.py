"""Small changes are withheld, large ones and the damage are not."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from oldphoto_core.latent.restraint import restrained, steadied

ERROR = 0.04
NOTHING = torch.zeros(1, 1, 96, 96)


def change(size: float) -> torch.Tensor:
    return size * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def made(size: float, damaged: torch.Tensor = NOTHING, error: float = ERROR) -> torch.Tensor:
    """Return how much of a change of this size is made, ``1×3×h×w``; it has nothing to do with the picture."""
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    wanted = change(size)
    return (restrained(picture, picture + wanted, damaged, error, error) - picture) / wanted


@pytest.mark.parametrize("size", [0.02, 0.04, 0.08])
def test_of_a_change_twice_its_error_nearly_all_is_made(size: float) -> None:
    expected = size**6 / (size**6 + ERROR**6)
    assert made(size).median().item() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("texture", "expected"), [(0.04, 0.5), (0.08, 1 / 65), (0.02, 64 / 65)])
def test_what_smooths_is_measured_against_textures(texture: float, expected: float) -> None:
    """All that the picture has beyond its mean is taken away: ρ is 1, and the error counts for nothing."""
    grain = change(0.04)
    left = restrained(0.3 + grain, torch.full_like(grain, 0.3), NOTHING, 0.001, texture) - 0.3
    assert (1 - left / grain).median().item() == pytest.approx(expected, abs=0.04)


def test_what_adds_detail_is_measured_against_the_error() -> None:
    """Sharper by a third: ρ is 0, however large a texture may be."""
    grain = change(0.12)
    sharper = restrained(0.3 + grain, 0.3 + 4 / 3 * grain, NOTHING, 0.04, 10.0) - 0.3
    assert ((sharper / grain - 1) * 3).median().item() == pytest.approx(0.5, abs=0.04)


def test_the_border_is_treated_like_the_middle() -> None:
    weights = made(0.04)
    assert abs(weights[..., :4, :4].median() - weights[..., 46:50, 46:50].median()) < 0.1


def test_the_damage_is_filled_in_full_and_does_not_count_for_its_surroundings() -> None:
    damaged = NOTHING.clone()
    damaged[..., 40:50, 40:50] = 1
    picture = torch.zeros(1, 3, 96, 96)
    restored = change(0.01) + damaged
    result = restrained(picture, restored, damaged, ERROR, ERROR)
    assert torch.equal(result[..., 40:50, 40:50], restored[..., 40:50, 40:50])
    around = (result / restored)[..., 36:39, 40:50].median()
    assert around < 0.1


def test_without_an_error_nothing_is_withheld() -> None:
    assert (made(0.01, error=0.0) - 1).abs().quantile(0.99) < 1e-3


def test_where_everything_is_damaged_everything_is_made() -> None:
    assert (made(0.01, damaged=torch.ones_like(NOTHING)) - 1).abs().quantile(0.99) < 1e-3


def _waves() -> tuple[torch.Tensor, torch.Tensor]:
    """A picture, and it with a stain as broad as half of it and a fine weave added."""
    place = torch.arange(192.0)
    picture = torch.full((1, 3, 192, 192), 0.1)
    broad = 0.2 * torch.exp(-((place - 96) / 60).square())
    fine = 0.1 * (place % 2 * 2 - 1)
    return picture, picture + broad[:, None] * broad + fine


def test_tones_stay_and_what_is_small_is_changed() -> None:
    picture, restored = _waves()
    kept = steadied(picture, restored, torch.zeros(1, 1, 192, 192), share=0.0)
    inner = (slice(None), slice(None), slice(32, -32), slice(32, -32))
    change = (kept - picture)[inner]
    assert functional.avg_pool2d(change, 16).abs().max() < 0.01
    assert change.abs().mean() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(steadied(picture, restored, torch.zeros(1, 1, 192, 192), share=1.0), restored)


def test_a_fill_follows_the_tones_around_it() -> None:
    """Everything was made brighter by the same: all of that is taken back, in a small hole too."""
    picture = torch.zeros(1, 3, 128, 128)
    damaged = torch.zeros(1, 1, 128, 128)
    damaged[..., 60:68, 40:90] = 1
    fill = 0.5 * damaged
    kept = steadied(picture + fill, picture + fill + 0.2, damaged, share=0.0)
    assert torch.allclose(kept, picture + fill, atol=1e-5)


def test_an_edge_whose_contrast_is_raised_gets_no_halo() -> None:
    """Darks become darker and lights lighter by a third, as in undoing a fading: all of that is taken back."""
    picture = torch.full((1, 3, 160, 160), 0.4)
    picture[..., :80] = -0.4
    kept = steadied(picture, 4 / 3 * picture, torch.zeros(1, 1, 160, 160), share=0.0)
    # A mean over the window would leave 0.13 beside the edge.
    assert (kept - picture).abs().max() < 0.04


def test_noise_that_is_removed_stays_removed() -> None:
    noise = change(0.1)
    kept = steadied(0.3 + noise, torch.full_like(noise, 0.3), NOTHING, share=0.0)
    assert (kept - 0.3).square().mean().sqrt() < 0.015
