"""Laws of the metrics, with scikit-image and pairwise counting as independent witnesses."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio

from oldphoto_core.evaluation.haarpsi import haarpsi
from oldphoto_core.evaluation.metrics import MOST_PSNR, DetectionTally, gmsd, psnr, ssim
from tests.oldphoto_core.evaluation.conftest import picture


def _pair(sigma: float) -> tuple[np.typing.NDArray[np.float32], np.typing.NDArray[np.float32]]:
    truth = picture(1).astype(np.float32) / np.float32(255)
    noise = np.random.default_rng(0).normal(0, sigma, truth.shape)
    return np.clip(truth + noise, 0, 1).astype(np.float32), truth


def test_equal_pictures_have_the_best_scores() -> None:
    _, truth = _pair(0.0)
    assert psnr(truth, truth) == MOST_PSNR
    assert ssim(truth, truth) == pytest.approx(1.0)
    assert gmsd(truth, truth) == pytest.approx(0.0, abs=1e-6)


def test_psnr_agrees_with_scikit_image() -> None:
    noisy, truth = _pair(0.07)
    witness = peak_signal_noise_ratio(truth, noisy, data_range=1.0)  # type: ignore[no-untyped-call]
    assert psnr(noisy, truth) == pytest.approx(witness, abs=1e-4)


def _gmsd_of_its_authors(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Follow GMSD.m line by line, in double precision and on grey levels of 0 to 255."""

    def conv2_same(picture: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        # MATLAB's central part of an even kernel begins one later than scipy's mode="same".
        full = convolve2d(picture, kernel, mode="full")
        rows, columns = (side // 2 for side in kernel.shape)
        return np.asarray(full[rows : rows + picture.shape[0], columns : columns + picture.shape[1]])

    def gradients(picture: NDArray[np.float32]) -> NDArray[np.float64]:
        grey = 255 * (picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))
        half = conv2_same(grey, np.full((2, 2), 0.25))[::2, ::2]
        across = np.array([[1.0, 0, -1]] * 3) / 3
        return np.hypot(conv2_same(half, across), conv2_same(half, across.T))

    ours, theirs = gradients(first), gradients(second)
    quality = (2 * ours * theirs + 170) / (ours**2 + theirs**2 + 170)
    return float(np.std(quality, ddof=1))


@pytest.mark.parametrize(("height", "width"), [(90, 110), (64, 48), (33, 40), (41, 31)])
def test_gmsd_agrees_with_the_program_of_its_authors(height: int, width: int) -> None:
    noisy, truth = (one[:height, :width] for one in _pair(0.07))
    assert gmsd(noisy, truth) == pytest.approx(_gmsd_of_its_authors(noisy, truth), rel=1e-4)


def test_more_noise_scores_worse_everywhere() -> None:
    (mild, truth), (harsh, _) = _pair(0.02), _pair(0.1)
    assert psnr(mild, truth) > psnr(harsh, truth)
    assert ssim(mild, truth) > ssim(harsh, truth)
    assert gmsd(mild, truth) < gmsd(harsh, truth)


def test_inside_looks_only_inside() -> None:
    _, truth = _pair(0.0)
    inside = np.zeros(truth.shape[:2], dtype=bool)
    inside[20:40, 20:40] = True
    damaged = truth.copy()
    damaged[inside] = 1.0 - damaged[inside]
    assert psnr(damaged, truth, ~inside) == MOST_PSNR
    assert psnr(damaged, truth, inside) < psnr(damaged, truth)
    assert math.isnan(psnr(damaged, truth, np.zeros_like(inside)))


def test_a_picture_smaller_than_the_window_has_no_ssim() -> None:
    tiny = np.zeros((5, 40, 3), dtype=np.float32)
    assert math.isnan(ssim(tiny, tiny))


def test_areas_agree_with_counting_pairs() -> None:
    rng = np.random.default_rng(5)
    truth = rng.random((30, 40)) < 0.1
    # Scores on the bins' grid, so that binning loses nothing.
    probability = (rng.integers(0, 64, truth.shape) + 24 * truth).clip(0, 63).astype(np.float32) / np.float32(
        64
    )
    tally = DetectionTally()
    tally.add(probability, probability > 0.5, truth)
    good, bad = probability[truth], probability[~truth]
    wins = (good[:, None] > bad[None, :]).mean() + 0.5 * (good[:, None] == bad[None, :]).mean()
    assert tally.scores().roc_auc == pytest.approx(float(wins), abs=1e-9)
    steps = np.unique(good)[::-1]
    expected = sum(
        (good == t).mean() * (good >= t).sum() / ((good >= t).sum() + (bad >= t).sum()) for t in steps
    )
    assert tally.scores().average_precision == pytest.approx(float(expected), abs=1e-9)


def test_adding_photographs_is_counting_their_pixels_together() -> None:
    rng = np.random.default_rng(2)
    truth, probability = rng.random((20, 60)) < 0.2, rng.random((20, 60)).astype(np.float32)
    whole, parts = DetectionTally(tolerance=0), DetectionTally(tolerance=0)
    whole.add(probability, probability > 0.7, truth)
    for half in (np.s_[:, :30], np.s_[:, 30:]):
        parts.add(probability[half], probability[half] > 0.7, truth[half])
    for name in ("roc_auc", "average_precision", "precision", "recall", "f1"):
        assert getattr(parts.scores(), name) == pytest.approx(getattr(whole.scores(), name))


@pytest.mark.parametrize(("shift", "f1"), [(0, 1.0), (2, 1.0), (6, 0.0)])
def test_two_pixels_beside_a_scratch_are_still_the_scratch(shift: int, f1: float) -> None:
    truth, found = np.zeros((40, 40), dtype=bool), np.zeros((40, 40), dtype=bool)
    truth[:, 15], found[:, 15 + shift] = True, True
    tally = DetectionTally()
    tally.add(found.astype(np.float32), found, truth)
    assert tally.scores().f1 == pytest.approx(f1)


def test_ignored_pixels_change_no_score() -> None:
    rng = np.random.default_rng(8)
    truth = np.zeros((40, 40), dtype=bool)
    truth[10:14, 10:30] = True
    ignore = np.zeros_like(truth)
    ignore[25:] = True
    probability = rng.random(truth.shape).astype(np.float32)
    other = probability.copy()
    other[ignore] = 1.0
    scores = []
    for p in (probability, other):
        tally = DetectionTally(tolerance=0)
        tally.add(p, p > 0.8, truth, ignore)
        scores.append(tally.scores())
    assert repr(scores[0]) == repr(scores[1])  # equal numbers, and NaN where the other has NaN


def test_false_alarms_are_counted_on_sound_photographs_only() -> None:
    sound, damaged = np.zeros((10, 10), dtype=bool), np.ones((10, 10), dtype=bool)
    found = np.zeros((10, 10), dtype=bool)
    found[:2] = True
    tally = DetectionTally()
    tally.add(found.astype(np.float32), found, sound)
    tally.add(found.astype(np.float32), found, damaged)
    assert tally.scores().false_alarm_share == pytest.approx(0.2)


def test_without_damage_there_is_no_area_to_speak_of() -> None:
    tally = DetectionTally()
    tally.add(np.zeros((5, 5), dtype=np.float32), np.zeros((5, 5), dtype=bool), np.zeros((5, 5), dtype=bool))
    scores = tally.scores()
    assert math.isnan(scores.roc_auc)
    assert math.isnan(scores.f1)
    assert scores.false_alarm_share == 0.0


def test_haarpsi_of_equal_pictures_is_one_and_falls_with_the_damage() -> None:
    rng = np.random.default_rng(0)
    truth = cv2.resize(rng.random((9, 9, 3), dtype=np.float32), (96, 96), interpolation=cv2.INTER_CUBIC)
    noise = rng.standard_normal(truth.shape).astype(np.float32)
    scores = [haarpsi(truth + np.float32(sigma) * noise, truth) for sigma in (0.0, 0.02, 0.1, 0.4)]
    assert scores[0] == pytest.approx(1.0)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    assert haarpsi(truth, truth + noise) == pytest.approx(haarpsi(truth + noise, truth))


def test_haarpsi_falls_as_an_edge_moves() -> None:
    step = np.zeros((64, 64, 3), np.float32)
    step[32:] = 1.0
    by_two, by_eight = (haarpsi(np.roll(step, rows, axis=0), step) for rows in (2, 8))
    assert 1.0 > by_two > by_eight


def test_haarpsi_of_two_black_pictures_is_one() -> None:
    black = np.zeros((16, 16, 3), np.float32)
    assert haarpsi(black, black) == 1.0
