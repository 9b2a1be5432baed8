"""Marks that drown in texture are told from marks that anyone sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.visibility import faint_marks


def marks() -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    mask = np.zeros((80, 80), bool)
    mask[20:22, 20:22] = True
    mask[60, 10:70] = True
    return mask, np.where(mask, 0.12, 0).astype(np.float32)


def picture(noise: float, change: NDArray[np.float32]) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    grey = 0.5 + rng.normal(0, noise, change.shape).astype(np.float32) + change
    return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)


def test_on_a_smooth_surface_every_mark_is_clear() -> None:
    mask, change = marks()
    assert not faint_marks(mask, change, picture(0.0, change)).any()


def test_on_a_rough_surface_the_dot_drowns_before_the_line() -> None:
    mask, change = marks()
    faint = faint_marks(mask, change, picture(0.09, change))
    assert faint[20:22, 20:22].all()
    assert not faint[60].any()


def test_in_heavy_noise_both_drown_and_nothing_outside_the_mask_is_faint() -> None:
    mask, change = marks()
    faint = faint_marks(mask, change, picture(0.3, change))
    assert np.array_equal(faint, mask)


def test_without_damage_nothing_is_faint() -> None:
    empty = np.zeros((16, 16), bool)
    assert not faint_marks(empty, np.zeros((16, 16), np.float32), np.zeros((16, 16, 3), np.float32)).any()
