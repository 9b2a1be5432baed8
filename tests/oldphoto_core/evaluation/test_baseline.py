from __future__ import annotations

import cv2
import numpy as np
import pytest

from oldphoto_core.errors import UsageError
from oldphoto_core.evaluation import OpenCvChain
from oldphoto_core.evaluation.baseline import hysteresis, ridge_probability
from tests.oldphoto_core.evaluation.conftest import picture


@pytest.mark.parametrize("value", [255, 0])
def test_bright_and_dark_scratches_are_found_and_filled(value: int) -> None:
    clean = picture(3)
    mask = np.zeros(clean.shape[:2], dtype=np.uint8)
    cv2.line(mask, (10, 20), (95, 60), 1, 1)
    aged = clean.copy()
    aged[mask > 0] = value
    result = OpenCvChain().restore(aged)
    near = cv2.dilate(result.defect_mask.astype(np.uint8), np.ones((5, 5), dtype=np.uint8)) > 0
    assert near[mask > 0].mean() > 0.9
    before = np.abs(aged.astype(float) - clean)[mask > 0].mean()
    after = np.abs(result.image.astype(float) - clean)[mask > 0].mean()
    assert after < before / 5


def test_a_flat_picture_has_no_damage() -> None:
    assert not OpenCvChain().detect(np.full((50, 70, 3), 120, dtype=np.uint8)).mask.any()


@pytest.mark.parametrize("shape", [(33, 47), (33, 47, 3), (1, 1, 3)])
def test_size_channels_and_type_are_kept(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = OpenCvChain().restore(pixels).image
    assert image.shape == shape
    assert image.dtype == np.uint8


def test_sixteen_bits_are_refused() -> None:
    with pytest.raises(UsageError, match="uint8"):
        OpenCvChain().detect(np.zeros((9, 9), dtype=np.uint16))


def test_hysteresis_keeps_whole_components_that_hold_a_certain_pixel() -> None:
    probability = np.zeros((5, 9), dtype=np.float32)
    probability[1, 1:4], probability[1, 2] = 0.5, 0.9
    probability[3, 6:8] = 0.5
    mask = hysteresis(probability, 0.8, 0.4)
    assert mask[1, 1:4].all()
    assert mask.sum() == 3


def test_a_mark_must_stand_out_from_its_surroundings() -> None:
    rng = np.random.default_rng(1)
    calm = np.full((80, 80), 0.5, dtype=np.float32)
    busy = np.clip(calm + rng.normal(0, 0.2, calm.shape), 0, 1).astype(np.float32)
    calm[40, 20:60] += 0.2
    busy[40, 20:60] += 0.2
    assert ridge_probability(calm)[40, 40] > 2 * np.median(ridge_probability(busy)[40, 20:60])
