"""How deep a mask goes: by hand, over bands, beside scipy, and on scans that are sampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from oldphoto_core.detection.depth import SAMPLE_SIDE, DepthMeter, fill_depth


def test_a_scratch_is_shallow_and_a_disc_is_as_deep_as_its_radius() -> None:
    mask = np.zeros((200, 400), bool)
    mask[20:23] = True
    assert fill_depth(mask) == pytest.approx(2 / 400)
    rows, columns = np.mgrid[:200, :400]
    mask |= (rows - 120) ** 2 + (columns - 200) ** 2 < 40**2
    assert fill_depth(mask) == pytest.approx(40 / 400, abs=1 / 400)


def test_nothing_lies_beyond_the_border() -> None:
    """A torn corner is made up from two sides only: it goes as deep as a hole of twice its size."""
    corner, hole = np.zeros((2, 300, 300), bool)
    corner[:50, :50] = True
    hole[100:200, 100:200] = True
    assert fill_depth(corner) == pytest.approx(fill_depth(hole), abs=1 / 300)


@pytest.mark.parametrize(("filled", "depth"), [(False, 0.0), (True, 1.0)])
def test_nothing_and_everything(filled: bool, depth: float) -> None:
    assert fill_depth(np.full((30, 20), filled)) == depth


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**16), rows=st.integers(1, 40))
def test_in_bands_it_is_the_distance_to_what_is_intact(seed: int, rows: int) -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(40, 60)), 3) > 0
    meter = DepthMeter(*mask.shape)
    for top in reversed(range(0, 40, rows)):
        meter.add(top, mask[top : top + rows])
    assert meter.depth() == fill_depth(mask)
    assert fill_depth(mask) * 60 == pytest.approx(ndimage.distance_transform_edt(mask).max(), rel=1e-4)


def test_a_large_scan_is_sampled_to_within_two_samples() -> None:
    side = 4 * SAMPLE_SIDE + 3
    mask = np.zeros((side // 2, side), bool)
    mask[100:601, 1003:1903] = True
    whole, banded = fill_depth(mask), DepthMeter(*mask.shape)
    for top in range(0, len(mask), 37):
        banded.add(top, mask[top : top + 37])
    assert whole == banded.depth()
    assert abs(whole * side - 251) <= 8
