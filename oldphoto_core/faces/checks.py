"""Do no harm: may this refined face replace the face that was there?

Pure functions on two aligned crops. A refined face is refused when the eyes, nose or mouth have moved, when
they can no longer be recognised, or when the face seen from afar (blurred) is another one. What happens after
a refusal (the unrefined face stays, and the refusal is recorded) is ``enhance``'s business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from oldphoto_core.faces.align import FloatImage, face_template
from oldphoto_core.faces.blend import BlendSettings, crop_weights
from oldphoto_core.faces.landmarks import Landmarks

_EYE_DISTANCE = 78.0 / 256.0
"""Of the crop's side, in the template."""


class Refusal(StrEnum):
    """Why a refined face was not used."""

    DRIFT = "drift"
    """A landmark moved by more than the limit."""
    LOST = "lost"
    """A landmark's surroundings are no longer recognisable, or eyes that were seen are seen no more."""
    LOW_PASS = "low-pass"
    """The blurred faces differ."""
    INVALID = "invalid"
    """The generator returned numbers that are not finite."""


@dataclass(frozen=True)
class CheckSettings:
    """Limits. Distances in eye distances, tones in shares of the full range.

    ``seen_drift`` applies where a landmark network looks again at the refined face; it is wider than
    ``drift``, because such a network scatters by some hundredths.
    """

    drift: float = 0.08
    seen_drift: float = 0.16
    correlation: float = 0.5
    fewest_matched: int = 3
    low_pass_mean: float = 0.04
    low_pass_worst: float = 0.14
    low_pass_sigma: float = 0.2


@dataclass(frozen=True)
class Drift:
    """How far landmarks moved: the largest move in eye distances, over ``matched`` of ``judged`` landmarks.

    A landmark is judged when there is texture around it, matched when that texture is found again.
    """

    largest: float
    matched: int
    judged: int


@dataclass(frozen=True)
class Verdict:
    """The outcome of all checks. ``refusal`` is None for a face that may be used."""

    drift: float
    refusal: Refusal | None

    @property
    def passed(self) -> bool:
        """Whether the refined face may be used."""
        return self.refusal is None


def examine(
    crop: FloatImage, enhanced: FloatImage, original: FloatImage, settings: CheckSettings | None = None
) -> Verdict:
    """Judge ``enhanced`` against ``crop``, the face it was made from, and ``original``, the scan's face.

    All are aligned crops of one size, ``S×S`` or ``S×S×3`` float32 in [0, 1]. Against the scan only position
    is compared, and only where the scan still shows the landmark: its tone is what restoration may change.
    """
    settings = settings or CheckSettings()
    drift = landmark_drift(crop, enhanced, settings)
    from_scan = landmark_drift(original, enhanced, settings)
    largest = max(drift.largest, from_scan.largest)
    mean, worst = low_pass_difference(crop, enhanced, settings)
    refusal: Refusal | None = None
    if drift.matched < min(settings.fewest_matched, drift.judged):
        refusal = Refusal.LOST
    elif largest > settings.drift:
        refusal = Refusal.DRIFT
    elif mean > settings.low_pass_mean or worst > settings.low_pass_worst:
        refusal = Refusal.LOW_PASS
    return Verdict(largest, refusal)


def landmark_drift(reference: FloatImage, enhanced: FloatImage, settings: CheckSettings) -> Drift:
    """Return how far the template's five places moved from ``reference`` to ``enhanced``.

    Around each, a patch of half an eye distance is sought nearby by normalised cross-correlation, which does
    not mind a change of brightness or contrast; both pictures are softened first, so that grain and removed
    scratches do not count.
    """
    crop = reference.shape[0]
    eye_distance = _EYE_DISTANCE * crop
    before, after = (_soft_luminance(image, 0.04 * eye_distance) for image in (reference, enhanced))
    largest, matched, judged = 0.0, 0, 0
    for x, y in face_template(crop):
        found = _moved(before, after, round(x), round(y), eye_distance)
        if found is None:
            continue
        judged += 1
        distance, correlation = found
        if correlation >= settings.correlation:
            matched += 1
            largest = max(largest, distance / eye_distance)
    return Drift(largest, matched, judged)


def seen_drift(before: Landmarks, after: Landmarks) -> float:
    """Return the largest move between two sets of landmarks, in eye distances of ``before``.

    ``math.inf`` when landmarks were seen before and are not seen after; 0 when none were seen before.
    """
    if not before:
        return 0.0
    if not after:
        return math.inf
    moves = np.linalg.norm(np.subtract(before, after), axis=1)
    return float(moves.max() / math.dist(before[0], before[1]))


def low_pass_difference(
    crop: FloatImage, enhanced: FloatImage, settings: CheckSettings
) -> tuple[float, float]:
    """Return the mean and the largest difference of the two blurred crops, weighted as they are blended.

    Blur: Gaussian, σ = ``low_pass_sigma`` eye distances; differences are shares of the full range.
    """
    sigma = settings.low_pass_sigma * _EYE_DISTANCE * crop.shape[0]
    difference = np.abs(cv2.GaussianBlur(enhanced - crop, (0, 0), sigma))
    if difference.ndim == 3:
        difference = difference.mean(axis=2)
    weights = crop_weights(crop.shape[0], BlendSettings())
    mean = float((difference * weights).sum() / weights.sum())
    return mean, float((difference * weights).max())


def _moved(
    before: FloatImage, after: FloatImage, x: int, y: int, eye_distance: float
) -> tuple[float, float] | None:
    """Return (pixels moved, correlation) of the patch at (x, y); None where the patch has no texture."""
    half, reach = round(0.25 * eye_distance), round(0.2 * eye_distance)
    patch = before[y - half : y + half + 1, x - half : x + half + 1]
    if float(patch.std()) < 0.01:
        return None
    around = after[y - half - reach : y + half + reach + 1, x - half - reach : x + half + reach + 1]
    if float(around.std()) < 1e-4:
        return (0.0, 0.0)
    scores = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    return math.hypot(float(column) - reach, float(row) - reach), float(scores[row, column])


def _soft_luminance(image: FloatImage, sigma: float) -> FloatImage:
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.GaussianBlur(grey, (0, 0), sigma).astype(np.float32, copy=False)
