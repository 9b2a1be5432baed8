"""Laws of the looks: what is reduced and enlarged lies where it was, and bands and regions do not show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oldphoto_core.detection import looks
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.detection.looks import Looks, enlarged_region, luminance, reduced
from oldphoto_core.models.build import build_detector
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings


@pytest.mark.parametrize(
    ("height", "width", "reduction", "enlarged"),
    [
        (300, 448, 1, True),
        (899, 2000, 1, True),
        (900, 1200, 1, False),
        (1200, 5000, 2, False),
        (6000, 9000, 10, False),
    ],
)
def test_small_scans_are_enlarged_and_large_ones_reduced(
    height: int, width: int, reduction: int, enlarged: bool
) -> None:
    chosen = Looks.of(height, width)
    assert chosen.reduction == reduction
    assert (chosen.enlargement > 1) == enlarged
    assert Looks.of(width, height) == chosen


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_reduced_pixel_is_the_mean_of_its_square(dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (24, 36, 3), dtype=dtype)
    small = reduced(MemoryRaster(pixels), 4)
    expected = luminance(pixels).reshape(6, 4, 9, 4).mean(axis=(1, 3))
    assert small.shape == (6, 9)
    assert np.allclose(small, expected, atol=1e-5)


def test_bands_do_not_show_and_odd_sizes_are_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (53, 41), dtype=np.uint8)
    whole = reduced(MemoryRaster(pixels), 3)
    assert whole.shape == (18, 14)
    monkeypatch.setattr(looks, "BAND_PIXELS", 41 * 6)
    assert np.array_equal(reduced(MemoryRaster(pixels), 3), whole)


def test_a_region_is_enlarged_as_in_the_whole() -> None:
    coarse = np.random.default_rng(2).random((20, 30), dtype=np.float32)
    whole = enlarged_region(coarse, 5, 0, 0, 100, 150)
    assert whole.shape == (100, 150)
    for top, left, bottom, right in [(0, 0, 17, 23), (13, 41, 60, 150), (96, 7, 100, 8)]:
        region = enlarged_region(coarse, 5, top, left, bottom, right)
        assert np.allclose(region, whole[top:bottom, left:right], atol=1e-6)


def test_a_reduced_mark_comes_back_where_it_was() -> None:
    pixels = np.zeros((60, 80), np.uint8)
    pixels[24:30, 48:54] = 255
    back = enlarged_region(reduced(MemoryRaster(pixels), 6), 6, 0, 0, 60, 80)
    assert np.unravel_index(back.argmax(), back.shape)[0] in range(24, 30)
    assert (back[25:29, 49:53] > 0).all()
    assert back[:20].max() == back[:, :44].max() == -1.0


def test_both_looks_at_a_small_photo_count_alike() -> None:
    """On a plain ground they agree, so that their mean is what each says; of a speck they see different things."""
    torch.manual_seed(0)
    network = build_detector("compact").eval()
    torch.nn.init.constant_(network.head.bias, 1.0)
    detector = DefectDetector(network, RestoreSettings(autocast=False), torch.device("cpu"))
    pixels = np.full((256, 256), 128, np.uint8)
    inner = np.s_[120:136, 120:136]
    once, twice = (detector.probability(pixels, enlargement)[inner] for enlargement in (1.0, 1.5))
    assert once.mean() > 0.6
    assert np.allclose(once, twice, atol=0.01)
    pixels[128, 128] = 255
    once, twice = (detector.probability(pixels, enlargement)[inner] for enlargement in (1.0, 1.5))
    assert np.abs(once - twice).max() > 1e-5
