"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from oldphoto_core.models.autoencoder import Posterior
from oldphoto_core.training.losses import (
    alignment_discriminator,
    alignment_encoder,
    feature_matching,
    focal,
    hinge_discriminator,
    hinge_generator,
    log_square_error,
    lsgan_discriminator,
    lsgan_generator,
    pyramid_l1,
    reconstruction,
    segmentation,
    weighted_cross_entropy,
)


def _map(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def test_rare_positives_weigh_more_not_less() -> None:
    """One positive of four pixels, every logit 0: each entropy is ln 2, the positive counts threefold."""
    loss = weighted_cross_entropy(_map(0, 0, 0, 0), _map(1, 0, 0, 0), _map(1, 1, 1, 1), positive_cap=20)
    assert loss.item() == pytest.approx(math.log(2) * (3 + 1 + 1 + 1) / 4)


def test_log_square_error_counts_every_picture_alike() -> None:
    """Errors of 0.1 and 0.2 everywhere: the mean of ln 0.01 and ln 0.04, not the logarithm of the mean."""
    truth = torch.zeros(2, 3, 4, 4)
    loss = log_square_error(truth + torch.tensor([0.1, 0.2]).view(2, 1, 1, 1), truth, floor=0.0)
    assert loss.item() == pytest.approx((math.log(0.01) + math.log(0.04)) / 2)
    assert log_square_error(truth, truth, floor=1e-4).item() == pytest.approx(math.log(1e-4))


def test_log_square_error_of_a_part_leaves_out_pictures_without_it() -> None:
    truth, where = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    made = truth + 0.5
    where[0, :, :2], made[0, :, :2] = True, 0.1
    assert log_square_error(made, truth, 0.0, where).item() == pytest.approx(math.log(0.01))
    assert log_square_error(made, truth, where=torch.zeros_like(where)).item() == 0


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


def test_hinge_losses_are_zero_beyond_the_margin() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert hinge_discriminator(real, fake).item() == pytest.approx(0.25 + 0.5)
    assert hinge_generator(fake).item() == pytest.approx(1.5)


def test_reconstruction_is_weighted_kl_plus_alpha_l1() -> None:
    rebuilt, pictures = torch.tensor([0.5, 0.0]), torch.tensor([0.0, 0.0])
    loss = reconstruction(torch.tensor(3.0), rebuilt, pictures, kl_weight=0.1, alpha=10)
    assert loss.item() == pytest.approx(0.1 * 3 + 10 * 0.25)


def test_the_encoder_wants_the_opposite_of_the_latent_discriminator() -> None:
    """Old scored 1 and aged 0 is the discriminator's best and the encoder's worst."""
    old, aged = torch.tensor([1.0, 0.8]), torch.tensor([0.0, 0.4])
    assert alignment_discriminator(old, aged).item() == pytest.approx(0.04 / 2 + 0.16 / 2)
    assert alignment_encoder(old, aged).item() == pytest.approx((1 + 0.64) / 2 + (1 + 0.36) / 2)


def test_a_batch_without_old_photos_aligns_what_it_has() -> None:
    none, aged = torch.zeros(0, 1, 3, 3), torch.full((2, 1, 3, 3), 0.5)
    assert alignment_discriminator(none, aged).item() == pytest.approx(0.25)


def test_feature_matching_sums_the_layers_means_and_leaves_the_target_alone() -> None:
    got, aim = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([0.0, 0.0], requires_grad=True)
    deeper, aim_deeper = torch.full((1, 4), 0.25), torch.zeros(1, 4)
    loss = feature_matching([got, deeper], [aim, aim_deeper])
    assert loss.item() == pytest.approx(1.5 + 0.25)
    loss.backward()
    assert aim.grad is None
    assert got.grad is not None
