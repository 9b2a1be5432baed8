"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from oldphoto_core.models.autoencoder import Posterior
from oldphoto_core.training.losses import (
    focal,
    lsgan_discriminator,
    lsgan_generator,
    pyramid_l1,
    segmentation,
    weighted_cross_entropy,
)


def _map(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def test_rare_positives_weigh_more_not_less() -> None:
    """One positive of four pixels, every logit 0: each entropy is ln 2, the positive counts threefold."""
    loss = weighted_cross_entropy(_map(0, 0, 0, 0), _map(1, 0, 0, 0), _map(1, 1, 1, 1), positive_cap=20)
    assert loss.item() == pytest.approx(math.log(2) * (3 + 1 + 1 + 1) / 4)


def test_positive_weight_is_capped() -> None:
    loss = weighted_cross_entropy(_map(0, 0, 0, 0), _map(1, 0, 0, 0), _map(1, 1, 1, 1), positive_cap=2)
    assert loss.item() == pytest.approx(math.log(2) * (2 + 3) / 4)


def test_undecidable_pixels_are_left_out() -> None:
    logits, target = _map(0, 9, 0, 0), _map(1, 0, 0, 0)
    with_ignored = segmentation(logits, target, _map(1, 0, 1, 1), beta=10, gamma=2, positive_cap=20)
    without = segmentation(_map(0, 0, 0), _map(1, 0, 0), _map(1, 1, 1), beta=10, gamma=2, positive_cap=20)
    assert with_ignored.item() == pytest.approx(without.item())


def test_focal_is_minus_one_minus_p_to_gamma_log_p() -> None:
    """Logit 0 → p = ½: (½)² · ln 2."""
    assert focal(_map(0), _map(1), _map(1), gamma=2).item() == pytest.approx(0.25 * math.log(2))


def test_focal_with_gamma_zero_is_cross_entropy() -> None:
    expected = math.log(1 + math.exp(-1.5))
    assert focal(_map(1.5), _map(1), _map(1), gamma=0).item() == pytest.approx(expected, rel=1e-5)


def test_segmentation_adds_beta_times_focal() -> None:
    arguments = (_map(0, 0), _map(1, 0), _map(1, 1))
    expected = math.log(2) + 10 * 0.25 * math.log(2)
    assert segmentation(*arguments, beta=10, gamma=2, positive_cap=20).item() == pytest.approx(expected)


def test_pyramid_of_a_constant_difference_is_that_difference() -> None:
    zero = torch.zeros(1, 1, 8, 8)
    assert pyramid_l1(zero + 0.3, zero).item() == pytest.approx(0.3)


def test_pyramid_sees_grain_under_a_tone_that_is_off() -> None:
    """A checkerboard of ±0.1 under an offset of 0.5: plain L1 is 0.5 with and without it."""
    zero, rows = torch.zeros(1, 1, 8, 8), torch.arange(8)
    grain = 0.1 * (1 - 2 * ((rows[:, None] + rows) % 2)).float()
    assert (zero + 0.5 + grain).abs().mean().item() == pytest.approx(0.5)
    assert pyramid_l1(zero + 0.5 + grain, zero).item() == pytest.approx(0.5 + 0.1)


def test_least_squares_losses() -> None:
    real, fake = torch.tensor([1.0, 0.0]), torch.tensor([0.5])
    assert lsgan_discriminator(real, fake).item() == pytest.approx(0.5 + 0.25)
    assert lsgan_generator(fake).item() == pytest.approx(0.25)


def test_kl_of_the_prior_is_zero_and_of_a_shifted_mean_half_its_square() -> None:
    zero = torch.zeros(1, 2, 3, 3)
    assert Posterior(zero, zero).kl().item() == 0
    assert Posterior(zero + 2, zero).kl().item() == pytest.approx(2.0)
