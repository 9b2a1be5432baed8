"""Laws of the mask: hysteresis, small specks, dilation."""

from __future__ import annotations

import numpy as np

from oldphoto_core.detection.masks import count_components, dilated, hysteresis
from oldphoto_core.settings import RestoreSettings

SETTINGS = RestoreSettings(seed_probability=0.8, grow_probability=0.5, least_defect=3)


def _probability(*spans: tuple[int, int, float]) -> np.ndarray:
    probability = np.zeros((9, 40), np.float32)
    for start, stop, value in spans:
        probability[4, start:stop] = value
    return probability


def test_a_weak_trail_counts_where_it_is_connected_to_a_sure_spot() -> None:
    mask = hysteresis(_probability((5, 20, 0.6), (10, 11, 0.9)), SETTINGS)
    assert mask[4, 5:20].all()
    assert mask.sum() == 15


def test_a_weak_trail_alone_does_not_count() -> None:
    assert not hysteresis(_probability((5, 20, 0.6)), SETTINGS).any()


def test_specks_below_the_least_size_are_left() -> None:
    assert not hysteresis(_probability((5, 7, 0.99)), SETTINGS).any()
    assert hysteresis(_probability((5, 8, 0.99)), SETTINGS).sum() == 3


def test_dilation_and_components() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5, 5] = mask[15, 15] = True
    assert count_components(mask) == 2
    assert dilated(mask, 1).sum() == 10
    assert np.array_equal(dilated(mask, 0), mask)
    assert count_components(np.zeros((3, 3), bool)) == 0
