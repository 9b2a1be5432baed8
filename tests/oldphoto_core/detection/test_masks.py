"""Laws of the mask: hysteresis, small specks, dilation."""

from __future__ import annotations

import numpy as np
import pytest

from oldphoto_core.detection.banded import hysteresis, hysteresis_into
from oldphoto_core.detection.masks import count_components, dilated, is_flock
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings

SETTINGS = RestoreSettings(
    seed_probability=0.8,
    grow_probability=0.5,
    line_probability=0.98,
    broad_probability=0.45,
    broad_radius=9,
    least_defect=3,
    dense_probability=1.0,
)
"""With the same thresholds for every photo; `test_prior` is about their change."""


def _probability(*spans: tuple[int, int, float]) -> np.ndarray:
    probability = np.zeros((9, 40), np.float32)
    for start, stop, value in spans:
        probability[4, start:stop] = value
    return probability


def _scattered(mean: float, spread: float, number: int = 30) -> np.ndarray:
    """Areas that scatter by so many of their means: half of them below, half above."""
    return np.where(np.arange(number) % 2, mean * (1 + spread), mean * (1 - spread))


def test_a_flock_is_of_many_large_marks_that_are_alike() -> None:
    assert is_flock(_scattered(16, 0.69))
    assert is_flock(_scattered(200, 0.69, number=500))
    assert not is_flock(_scattered(16, 0.71)), "damage has every size"
    assert not is_flock(_scattered(200, 0.71))
    assert not is_flock(_scattered(15.9, 0.1)), "dust"
    assert not is_flock(_scattered(16, 0.1, number=29))
    assert not is_flock(np.zeros(0))


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


def _marks(sides: list[int]) -> np.ndarray:
    """One square mark of each side, 16 to a row of 40-pixel cells."""
    probability = np.zeros((40 * -(-len(sides) // 16), 640), np.float32)
    for number, side in enumerate(sides):
        top, left = 40 * (number // 16) + 5, 40 * (number % 16) + 5
        probability[top : top + side, left : left + side] = 0.95
    return probability


@pytest.mark.parametrize(
    ("sides", "kept"),
    [
        ([5] * 30, False),
        ([4, 5, 6, 5] * 16, False),
        ([5] * 29, True),
        ([3] * 64, True),
        ([2, 3, 4, 12] * 16, True),
    ],
)
def test_many_large_marks_that_are_alike_are_things_and_dust_is_not(sides: list[int], kept: bool) -> None:
    probability = _marks(sides)
    mask = hysteresis(probability, SETTINGS)
    assert mask.any() == kept
    banded = np.empty(mask.shape, bool)
    for band_pixels in (640 * 7, 640 * 1000):
        facts = hysteresis_into(
            MemoryRaster(probability), MemoryRaster(banded), SETTINGS, band_pixels=band_pixels
        )
        assert np.array_equal(banded, mask)
        assert (facts.components, facts.masked) == ((len(sides), mask.sum()) if kept else (0, 0))


@pytest.mark.parametrize(("peak", "length", "kept"), [(0.95, 60, False), (0.99, 60, True), (0.95, 20, True)])
@pytest.mark.parametrize("downwards", [False, True])
def test_a_long_thin_mark_must_be_surer(peak: float, length: int, kept: bool, downwards: bool) -> None:
    probability = np.zeros((80, 80), np.float32)
    probability[10, 5 : 5 + length] = 0.9
    probability[10, 9] = peak
    probability = probability.T.copy() if downwards else probability
    mask = hysteresis(probability, SETTINGS)
    assert mask.sum() == (length if kept else 0)
    banded = np.empty(mask.shape, bool)
    hysteresis_into(MemoryRaster(probability), MemoryRaster(banded), SETTINGS, band_pixels=80 * 7)
    assert np.array_equal(banded, mask)


@pytest.mark.parametrize(
    ("part", "peak", "kept"), [(20, 0.9, False), (20, 0.99, True), (40, 0.9, False), (40, 0.99, True)]
)
@pytest.mark.parametrize("downwards", [False, True])
def test_a_part_of_a_long_seam_must_be_as_sure_as_a_line(
    part: int, peak: float, kept: bool, downwards: bool
) -> None:
    """A seam of 60 pixels is a little suspected all along (0.45), and more in one thick place."""
    probability = np.zeros((80, 80), np.float32)
    probability[10:14, 5:65] = 0.45
    probability[10:14, 25 : 25 + part] = 0.6
    probability[11, 30] = peak
    probability = probability.T.copy() if downwards else probability
    mask = hysteresis(probability, SETTINGS)
    assert mask.sum() == (4 * part if kept else 0)
    banded = np.empty(mask.shape, bool)
    hysteresis_into(MemoryRaster(probability), MemoryRaster(banded), SETTINGS, band_pixels=80 * 7)
    assert np.array_equal(banded, mask)


def _corner(probability: float, side: int, height: int = 120, width: int = 100) -> np.ndarray:
    """A photo of little doubt whose lower right corner is torn off: a square of so many pixels' side."""
    photo = np.full((height, width), 0.05, np.float32)
    photo[height - side :, width - side :] = probability
    return photo


@pytest.mark.parametrize(
    ("probability", "side", "reduction", "kept"),
    [
        (0.45, 30, 1, True),
        (0.44, 30, 1, False),
        (0.45, 9, 1, True),
        (0.45, 8, 1, False),
        (0.45, 27, 3, True),
        (0.45, 26, 3, False),
        (0.45, 54, 1, True),
        (0.79, 55, 1, False),
    ],
    ids=[
        "broad",
        "unlikely",
        "just broad",
        "too small",
        "reduced",
        "too small reduced",
        "large",
        "a quarter",
    ],
)
def test_a_broad_region_may_be_less_likely(probability: float, side: int, reduction: int, kept: bool) -> None:
    """In a corner a square holds a disc whose radius is its side: it goes on beyond the border."""
    photo = _corner(probability, side)
    masks = []
    for band_pixels in (1, 100 * 13, photo.size):
        mask = np.empty(photo.shape, bool)
        facts = hysteresis_into(
            MemoryRaster(photo), MemoryRaster(mask), SETTINGS, reduction=reduction, band_pixels=band_pixels
        )
        assert (facts.components, facts.masked) == ((1, side**2) if kept else (0, 0))
        masks.append(mask)
    assert all(np.array_equal(mask, masks[0]) for mask in masks)


def test_a_sure_mark_in_a_broad_region_is_part_of_it() -> None:
    photo = _corner(0.6, 30)
    photo[100, 90:93] = photo[10, 10:13] = 0.9
    mask = np.empty(photo.shape, bool)
    assert hysteresis_into(MemoryRaster(photo), MemoryRaster(mask), SETTINGS).components == 2
    assert mask.sum() == 30**2 + 3


def test_a_broad_region_counts_beside_a_flock() -> None:
    probability = _marks([5] * 40)
    probability[-60:, -60:] = 0.6
    mask = hysteresis(np.ascontiguousarray(probability), SETTINGS)
    assert mask[-60:, -60:].all()
    assert mask.sum() == 60**2


@pytest.mark.parametrize(
    ("side", "length", "kept"), [(12, 156, True), (12, 157, False), (3, 39, True), (3, 40, False)]
)
def test_a_knot_on_a_faint_hair_counts_unless_the_hair_is_long_and_most_of_it(
    side: int, length: int, kept: bool
) -> None:
    probability = np.zeros((40, 200), np.float32)
    probability[20, 4 : 4 + length] = 0.45
    probability[20 - side // 2 : 20 + side - side // 2, 10 : 10 + side] = 0.9
    assert hysteresis(probability, SETTINGS).sum() == (side**2 if kept else 0)
