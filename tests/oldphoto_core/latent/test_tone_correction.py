"""A correction is a gain and an offset, clipped, however the photo is read."""

from __future__ import annotations

import numpy as np
import pytest

from oldphoto_core.latent.fading import Levels
from oldphoto_core.latent.tone_correction import Corrected, ToneCorrection
from oldphoto_core.raster import MemoryRaster, whole


def test_levels_become_black_and_white_and_the_shift_is_added_after() -> None:
    correction = ToneCorrection.of(Levels(0.2, 0.7), np.array([0.1, 0, -0.1], np.float32))
    found = correction.applied(np.full((1, 3, 3), [[[0.2], [0.45], [0.7]]], np.float32))
    assert np.allclose(found, [[[0.1, 0, 0], [0.6, 0.5, 0.4], [1, 1, 0.9]]], atol=1e-6)
    assert correction.changes


def test_nothing_lost_is_no_correction() -> None:
    correction = ToneCorrection.of(Levels(), np.zeros(3, np.float32))
    unit = np.random.default_rng(0).random((4, 5, 3), dtype=np.float32)
    assert not correction.changes
    assert np.array_equal(correction.applied(unit), unit)


def test_a_corrected_view_stays_in_range_and_is_read_by_regions() -> None:
    pixels = np.array([[[0, 250, 128], [255, 3, 10]]], np.uint8)
    shift = np.array([20, 20, -20], np.float32) / 255
    view = Corrected(MemoryRaster(pixels), ToneCorrection.of(Levels(), shift))
    seen = whole(view) * 255
    assert np.allclose(seen, [[[20, 255, 108], [255, 23, 0]]], atol=1e-3)
    assert np.allclose(view.read(0, 1, 1, 2) * 255, seen[:, 1:])
    assert ToneCorrection.of(Levels(), shift).changes
    with pytest.raises(TypeError):
        view.write(0, 0, seen)
