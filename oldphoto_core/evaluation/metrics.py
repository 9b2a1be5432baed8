"""Full-reference picture metrics, and the scores of a defect detector.

Pictures are ``H×W×3`` ``float32`` in [0, 1]; masks ``H×W`` ``bool``, True = damage; probabilities ``H×W``
in [0, 1]. Nothing here needs a downloaded network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from oldphoto_core.photo import Mask, Probability

Picture = NDArray[np.float32]

MOST_PSNR = 60.0
"""PSNR of equal pictures, in dB: finite, so that it can be averaged; rounding to 8 bits alone gives 59."""
_GMSD_CONSTANT = 170 / 255**2
_BINS = 4096


def psnr(picture: Picture, truth: Picture, inside: Mask | None = None) -> float:
    """Return ``10·log₁₀(1 / MSE)`` in dB, over the pixels of ``inside`` if given; at most 60.

    NaN where ``inside`` is empty.
    """
    error = (picture - truth) ** 2 if inside is None else (picture[inside] - truth[inside]) ** 2
    if error.size == 0:
        return math.nan
    return min(MOST_PSNR, -10.0 * math.log10(max(float(error.mean(dtype=np.float64)), 1e-12)))


def ssim(picture: Picture, truth: Picture, inside: Mask | None = None) -> float:
    """Return SSIM (Wang et al. 2004: Gaussian window, σ 1.5), averaged over ``inside`` if given.

    NaN where the picture is smaller than the 11-pixel window, or ``inside`` is empty.
    """
    if min(truth.shape[:2]) < 11:
        return math.nan
    _, scores = structural_similarity(  # type: ignore[no-untyped-call]
        picture,
        truth,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    chosen = scores if inside is None else scores[inside]
    return float(chosen.mean()) if chosen.size else math.nan


def gmsd(picture: Picture, truth: Picture) -> float:
    """Return the gradient magnitude similarity deviation (Xue et al. 2014): 0 = equal, less is better.

    As the authors' own program (GMSD.m) computes it, borders and constant included.
    """
    found, wanted = _gradients(picture), _gradients(truth)
    similarity = (2.0 * found * wanted + _GMSD_CONSTANT) / (found**2 + wanted**2 + _GMSD_CONSTANT)
    return float(similarity.std(ddof=1))


def _gradients(picture: Picture) -> Picture:
    """Return Prewitt gradient magnitudes of the luminance, averaged 2×2 and halved first; black lies around it."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    # Anchored so that rows 0 and 1 become the first, 2 and 3 the second, as MATLAB's conv2(…, 'same') pairs them.
    half = cv2.blur(grey, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)[::2, ::2]
    across = np.array([[1, 0, -1]] * 3, dtype=np.float32) / np.float32(3.0)
    column, row = (cv2.filter2D(half, -1, k, borderType=cv2.BORDER_CONSTANT) for k in (across, across.T))
    return np.asarray(np.sqrt(column**2 + row**2), dtype=np.float32)


@dataclass(frozen=True)
class DetectionScores:
    """How well damage was found, over all counted pixels of ``photos`` photographs.

    ``roc_auc`` and ``average_precision`` judge the probabilities; ``precision``, ``recall`` and ``f1`` the
    masks, with 2 px of tolerance. ``false_alarm_share`` is the masked share of photographs without any
    damage. NaN where it cannot be said (no damage, or nothing but damage).
    """

    photos: int
    roc_auc: float
    average_precision: float
    precision: float
    recall: float
    f1: float
    false_alarm_share: float


class DetectionTally:
    """Adds up one detector's results photograph by photograph; memory does not grow.

    Probabilities are counted in 4,096 bins, so that the areas are exact to about 1/4096.
    """

    def __init__(self, tolerance: int = 2) -> None:
        side = 2 * tolerance + 1
        self._near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        self._damaged = np.zeros(_BINS, dtype=np.int64)
        self._sound = np.zeros(_BINS, dtype=np.int64)
        self._masks = {"found": 0, "right": 0, "wanted": 0, "reached": 0}
        self._false_alarms: list[float] = []
        self._photos = 0

    def add(self, probability: Probability, mask: Mask, truth: Mask, ignore: Mask | None = None) -> None:
        """Count one photograph; pixels of ``ignore`` are left out of every score."""
        counted = np.ones(truth.shape, dtype=bool) if ignore is None else ~ignore
        bins = np.clip(probability * _BINS, 0, _BINS - 1).astype(np.int64)
        self._damaged += np.bincount(bins[counted & truth], minlength=_BINS)
        self._sound += np.bincount(bins[counted & ~truth], minlength=_BINS)
        found, wanted = mask & counted, truth & counted
        # Near to a mark that the ignore mask cuts off is near all the same: dilate before it is applied.
        right, reached = found & self._widened(truth), wanted & self._widened(mask)
        for name, part in (("found", found), ("right", right), ("wanted", wanted), ("reached", reached)):
            self._masks[name] += int(part.sum())
        if not truth.any() and counted.any():
            self._false_alarms.append(float(found.sum() / counted.sum()))
        self._photos += 1

    def scores(self) -> DetectionScores:
        """Return the scores of everything added so far."""
        precision = _share(self._masks["right"], self._masks["found"])
        recall = _share(self._masks["reached"], self._masks["wanted"])
        total = precision + recall
        return DetectionScores(
            photos=self._photos,
            roc_auc=_area_under_roc(self._damaged, self._sound),
            average_precision=_average_precision(self._damaged, self._sound),
            precision=precision,
            recall=recall,
            f1=2.0 * precision * recall / total if total > 0 else (math.nan if math.isnan(total) else 0.0),
            false_alarm_share=float(np.mean(self._false_alarms)) if self._false_alarms else math.nan,
        )

    def _widened(self, mask: Mask) -> Mask:
        return np.asarray(cv2.dilate(mask.astype(np.uint8), self._near) > 0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _area_under_roc(damaged: NDArray[np.int64], sound: NDArray[np.int64]) -> float:
    """Return the chance that a damaged pixel scores higher than a sound one, ties counting half."""
    pairs = float(damaged.sum()) * float(sound.sum())
    if pairs == 0:
        return math.nan
    below = np.cumsum(sound) - sound
    return float((damaged * (below + 0.5 * sound)).sum() / pairs)


def _average_precision(damaged: NDArray[np.int64], sound: NDArray[np.int64]) -> float:
    """Return Σ (Rₙ − Rₙ₋₁)·Pₙ over falling thresholds."""
    if damaged.sum() == 0:
        return math.nan
    hits, alarms = np.cumsum(damaged[::-1]), np.cumsum(sound[::-1])
    precision = hits / np.maximum(hits + alarms, 1)
    return float((damaged[::-1] * precision).sum() / damaged.sum())
