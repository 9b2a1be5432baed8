"""Do no harm: an unharmed face passes, a moved, lost or repainted one is refused."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.faces.align import Alignment, FloatImage
from oldphoto_core.faces.checks import (
    CheckSettings,
    Refusal,
    examine,
    landmark_drift,
    low_pass_difference,
    seen_drift,
)
from oldphoto_core.faces.detect import FaceDetector


@pytest.fixture(scope="module")
def crop(portrait: NDArray[np.uint8], detector: FaceDetector) -> FloatImage:
    face = detector.detect(portrait)[0]
    return Alignment.from_landmarks(np.array(face.landmarks), 256).to_crop(portrait)


def _shifted(image: FloatImage, x: int, y: int) -> FloatImage:
    return np.roll(image, (y, x), axis=(0, 1))


def test_the_same_face_passes_without_drift(crop: FloatImage) -> None:
    verdict = examine(crop, crop, crop)
    assert verdict.passed
    assert verdict.drift == 0.0


def test_sharpening_and_cleaning_pass(crop: FloatImage) -> None:
    degraded = cv2.GaussianBlur(crop, (0, 0), 3.0)
    grain = np.random.default_rng(0).normal(0, 0.05, crop.shape[:2]).astype(np.float32)
    degraded = np.clip(degraded + grain[..., None], 0, 1)
    assert examine(degraded, crop, degraded).passed


@pytest.mark.parametrize(("x", "y"), [(12, 0), (0, -9)])
def test_drift_is_measured_in_eye_distances(crop: FloatImage, x: int, y: int) -> None:
    drift = landmark_drift(crop, _shifted(crop, x, y), CheckSettings())
    assert drift.largest == pytest.approx(math.hypot(x, y) / 78, abs=0.02)


def test_a_moved_face_is_refused(crop: FloatImage) -> None:
    assert examine(crop, _shifted(crop, 12, 5), crop).refusal is Refusal.DRIFT


def test_a_face_that_left_the_scan_is_refused_though_it_matches_the_restored_one(crop: FloatImage) -> None:
    moved = _shifted(crop, 12, 5)
    assert examine(moved, moved, crop).refusal is Refusal.DRIFT


def test_a_fading_scan_is_no_drift(crop: FloatImage) -> None:
    faded = np.float32(0.4) + np.float32(0.3) * crop
    assert examine(crop, crop, faded).passed


def test_another_texture_is_no_longer_the_face(crop: FloatImage) -> None:
    """Lost, or where chance finds something alike near three landmarks, moved."""
    refusals = []
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(0, 1, crop.shape).astype(np.float32)
        texture = np.clip(0.5 + cv2.GaussianBlur(noise, (0, 0), 2.0), 0, 1)
        refusals.append(examine(crop, texture, crop).refusal)
    assert set(refusals) <= {Refusal.LOST, Refusal.DRIFT}
    assert refusals.count(Refusal.LOST) >= 3


def test_a_shadow_that_was_not_there_is_refused(crop: FloatImage) -> None:
    shaded = crop * np.linspace(0.4, 1.3, 256, dtype=np.float32)[None, :, None]
    assert examine(crop, np.clip(shaded, 0, 1), crop).refusal is Refusal.LOW_PASS


def test_grain_is_no_low_pass_difference(crop: FloatImage) -> None:
    grain = np.random.default_rng(2).normal(0, 0.08, crop.shape).astype(np.float32)
    mean, worst = low_pass_difference(crop, crop + grain, CheckSettings())
    assert mean < 0.005
    assert worst < 0.02


def test_eyes_that_vanish_are_an_infinite_drift() -> None:
    points = ((80.0, 100.0), (160.0, 100.0), (120.0, 140.0), (100.0, 190.0), (140.0, 190.0))
    moved = tuple((x + 8.0, y) for x, y in points)
    assert seen_drift(points, points) == 0.0
    assert seen_drift(points, moved) == pytest.approx(0.1)
    assert seen_drift(points, ()) == math.inf
    assert seen_drift((), points) == 0.0
