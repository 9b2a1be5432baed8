"""Laws of the photo's own thresholds: they only fall, never on a photo with little to suspect, alike in any bands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oldphoto_core.detection.banded import hysteresis, hysteresis_into
from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.photo import Mask, Probability
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings

SETTINGS = RestoreSettings(
    seed_probability=0.8,
    grow_probability=0.7,
    line_probability=0.95,
    suspected_probability=0.75,
    sparse_share=0.01,
    dense_share=0.1,
    dense_probability=0.3,
    broad_probability=0.5,
)
PIXELS = 10_000


def _thresholds(settings: RestoreSettings) -> tuple[float, ...]:
    return (
        settings.broad_probability,
        settings.grow_probability,
        settings.seed_probability,
        settings.line_probability,
    )


def _photo(cracks: int, doubts: float = 0.0) -> Probability:
    """100×100 pixels: full-width cracks of probability 0.9 on every other row, and one faint spot of ``doubts``."""
    probability = np.full((100, 100), 0.05, np.float32)
    probability[0 : 2 * cracks : 2] = 0.9
    probability[94:97, 50:60] = doubts
    return probability


def _masks(probability: Probability, settings: RestoreSettings) -> Mask:
    """Return the mask, after making sure that bands give the same, one by one or by threads."""
    whole, banded = hysteresis(probability, settings), np.empty(probability.shape, bool)
    hysteresis_into(MemoryRaster(probability), MemoryRaster(banded), settings, band_pixels=700)
    assert np.array_equal(whole, banded)
    hysteresis_into(MemoryRaster(probability), MemoryRaster(banded), settings, workers=3, band_pixels=700)
    assert np.array_equal(whole, banded)
    return whole


@given(st.integers(0, PIXELS), st.integers(0, PIXELS))
def test_thresholds_never_rise_with_more_to_suspect(one: int, other: int) -> None:
    less, more = sorted((one, other))
    lower, higher = (_thresholds(adjusted(SETTINGS, count, PIXELS)) for count in (more, less))
    assert all(a <= b for a, b in zip(lower, higher, strict=True))
    assert sorted(lower) == list(lower)


def test_between_the_bounds_they_move_with_the_logarithm_of_the_share() -> None:
    assert adjusted(SETTINGS, 100, PIXELS) == adjusted(SETTINGS, 0, PIXELS) == SETTINGS
    assert _thresholds(adjusted(SETTINGS, 1000, PIXELS)) == (0.3, 0.3, 0.3, 0.3)
    halfway = adjusted(SETTINGS, 316, PIXELS).seed_probability
    assert np.log(halfway / (1 - halfway)) == pytest.approx(np.log([4, 3 / 7]).mean(), abs=0.01)


def test_everything_else_stays_and_a_bold_setting_is_never_raised() -> None:
    timid = replace(SETTINGS, grow_probability=0.1, seed_probability=0.2, line_probability=0.95)
    bold = adjusted(timid, PIXELS, PIXELS)
    assert bold == replace(timid, line_probability=0.3, broad_probability=0.3)
    assert adjusted(replace(SETTINGS, dense_probability=1.0), PIXELS, PIXELS) == replace(
        SETTINGS, dense_probability=1.0
    )


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.69])
def test_a_photo_without_suspicion_stays_unmarked(probability: float) -> None:
    assert not _masks(np.full((50, 60), probability, np.float32), SETTINGS).any()


def test_the_same_faint_spot_counts_among_cracks_and_not_alone() -> None:
    alone, among = (_masks(_photo(cracks, doubts=0.5), SETTINGS) for cracks in (0, 12))
    assert not alone.any()
    assert among[94:97, 50:60].all()
    assert among.sum() == 12 * 100 + 30


@pytest.mark.parametrize("doubts", [0.4, 0.6, 0.78, 0.85])
def test_more_damage_elsewhere_never_unmarks_a_spot(doubts: float) -> None:
    marked = [_masks(_photo(cracks, doubts), SETTINGS)[95, 55] for cracks in range(20)]
    assert marked == sorted(marked)
    assert marked[-1]


def test_parts_of_a_photo_add_up() -> None:
    probability = np.random.default_rng(0).random((37, 41), dtype=np.float32)
    parts = [suspected_pixels(probability[top : top + 5], SETTINGS) for top in range(0, 37, 5)]
    assert sum(parts) == suspected_pixels(probability, SETTINGS) > 0


def test_a_drawn_mask_is_taken_as_it_is() -> None:
    """Certain pixels stay certain and the rest stays out, however much was drawn."""
    drawn = np.random.default_rng(1).random((60, 60)) < 0.2
    assert np.array_equal(_masks(drawn.astype(np.float32), replace(SETTINGS, least_defect=1)), drawn)
