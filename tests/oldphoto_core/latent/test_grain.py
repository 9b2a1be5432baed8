"""The fill takes on the photo's own grain, and only inside the mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.latent.compose import conserved
from oldphoto_core.latent.grain import REACH, continued_grain


def noise(sigma: float, height: int = 120, width: int = 150) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, sigma, (height, width, 3)).astype(np.float32)


def test_the_fill_has_the_strength_and_colour_of_the_grain_around_it() -> None:
    difference = noise(0.05)
    difference[..., 2] *= 0.3
    mask = np.zeros(difference.shape[:2], bool)
    mask[30:70, 40:80] = True
    grain = continued_grain(difference, mask)
    inside, around = grain[mask].std(axis=0), difference[~mask].std(axis=0)
    assert np.all(np.abs(inside / around - 1) < 0.15)
    assert not grain[~mask].any()


def test_tone_and_the_damage_itself_are_not_taken_for_grain() -> None:
    difference = np.full((100, 100, 3), 0.2, np.float32)
    mask = np.zeros((100, 100), bool)
    mask[45:50] = True
    difference[mask] = 0.9
    assert np.abs(continued_grain(difference, mask)).max() < 1e-4


def test_an_edge_that_the_translation_moved_is_not_taken_for_grain() -> None:
    difference = noise(0.02)
    difference[:, 78] = 0.8
    mask = np.zeros(difference.shape[:2], bool)
    mask[30:70, 60:70] = True
    assert 0.04 < np.abs(continued_grain(difference, mask)).max() < 0.4


def test_with_nothing_intact_there_is_nothing_to_continue() -> None:
    assert not continued_grain(noise(0.1), np.ones((120, 150), bool)).any()


def test_what_is_far_away_does_not_matter() -> None:
    """Law: blocks read with a margin of REACH do not show."""
    difference = noise(0.05, 40, 500)
    mask = np.zeros((40, 500), bool)
    mask[15:20, 240:260] = True
    whole = continued_grain(difference, mask)
    left, right = 240 - REACH, 260 + REACH
    part = continued_grain(difference[:, left:right].copy(), mask[:, left:right])
    assert np.allclose(part[mask[:, left:right]], whole[mask], atol=1e-6)


def test_the_conserved_tier_is_grainy_in_the_hole_and_untouched_outside() -> None:
    grainy = np.clip(128 + 255 * noise(0.06), 0, 255).astype(np.uint8)
    mask = np.zeros(grainy.shape[:2], bool)
    mask[50:60, 60:90] = True
    holed = grainy.copy()
    holed[mask] = 255
    result = conserved(holed, np.full_like(grainy, 128), mask)
    assert np.array_equal(result[~mask], holed[~mask])
    assert abs(result[mask].std() / grainy[~mask].std() - 1) < 0.2
    assert abs(result[mask].mean() - 128) < 4
