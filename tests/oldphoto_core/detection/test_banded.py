"""Laws: the bands do not show. Mask, coverage and components are those of the whole picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from oldphoto_core.detection.banded import dilate_into, hysteresis_into
from oldphoto_core.detection.masks import dilated
from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.measure import measure_detection
from oldphoto_core.photo import DefectDetection
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings

SETTINGS = RestoreSettings(
    seed_probability=0.7,
    grow_probability=0.5,
    broad_probability=0.45,
    broad_radius=3,
    least_defect=4,
    dense_share=0.1,
    dense_probability=0.4,
)


def worms(seed: int, height: int, width: int) -> NDArray[np.float32]:
    """Blurred noise stretched to [0, 1]: components of every shape, many across any band."""
    noise = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.2)
    return np.asarray((smooth - smooth.min()) / np.ptp(smooth), np.float32)


def by_the_rule(probability: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The rules of `masks.is_defect` and `masks.is_broad` said region by region, in other libraries' words."""
    own = adjusted(SETTINGS, suspected_pixels(probability, SETTINGS), probability.size)
    grow = own.grow_probability
    grown = measure.label(probability >= grow, connectivity=2)
    suspected = probability >= own.broad_probability
    around = measure.label(suspected, connectivity=2)
    depth = ndimage.distance_transform_edt(suspected) if not suspected.all() else np.full(around.shape, 99.0)
    mask = np.zeros(probability.shape, bool)
    for region in measure.regionprops(around, intensity_image=depth):
        if region.intensity_max >= own.broad_radius and region.area <= probability.size / 4:
            mask[around == region.label] = True
    for region in measure.regionprops(grown, intensity_image=probability):
        wider = around == around[tuple(region.coords[0])]
        rows, columns = np.nonzero(wider)
        diagonal = np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1)
        unsure = diagonal >= 40 and diagonal**2 >= 5 * wider.sum() and (grown[wider] > 0).mean() < 0.5
        top, left, bottom, right = region.bbox
        own_diagonal = np.hypot(bottom - top, right - left)
        line = unsure or (own_diagonal >= 24 and own_diagonal**2 >= 5 * region.area)
        needed = max(own.seed_probability, own.line_probability) if line else own.seed_probability
        if region.area >= own.least_defect and region.intensity_max >= np.float32(needed):
            mask[grown == region.label] = True
    return mask


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), width=st.integers(3, 40))
def test_the_mask_is_that_of_the_whole_picture(seed: int, rows: int, width: int) -> None:
    probability = worms(seed, 37, width)
    mask = np.zeros(probability.shape, bool)
    facts = hysteresis_into(MemoryRaster(probability), MemoryRaster(mask), SETTINGS, band_pixels=rows * width)
    expected = by_the_rule(probability)
    assert np.array_equal(mask, expected)
    assert facts.measurements() == measure_detection(DefectDetection(probability, expected))


@pytest.mark.parametrize("band_pixels", [1, 80, 10_000])
def test_a_spiral_across_all_bands_is_one_component(band_pixels: int) -> None:
    """Seeded at one end only: every band has to learn that it belongs together."""
    probability = np.zeros((41, 41), np.float32)
    probability[::2] = 0.6
    probability[1::4, -1] = probability[3::4, 0] = 0.6
    probability[0, 0] = 0.9
    mask = np.zeros(probability.shape, bool)
    facts = hysteresis_into(MemoryRaster(probability), MemoryRaster(mask), SETTINGS, band_pixels=band_pixels)
    assert facts.components == 1
    assert np.array_equal(mask, probability > 0)


@pytest.mark.parametrize("pixels", [0, 1, 3])
def test_dilation_reaches_over_bands(pixels: int) -> None:
    mask = worms(1, 50, 31) > 0.75
    grown = np.zeros(mask.shape, bool)
    dilate_into(MemoryRaster(mask), MemoryRaster(grown), pixels, band_pixels=31 * 7)
    assert np.array_equal(grown, dilated(mask, pixels))
