"""Masks of damage: made from probabilities by hysteresis, grown, counted. Knows no network."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.photo import Mask, Probability
from oldphoto_core.settings import RestoreSettings

_FLOCK = 30
_FLOCK_AREA = 16.0
_FLOCK_SPREAD = 0.7


def is_flock(count: int, area: float, squares: float) -> bool:
    """Say whether marks are so many, so large and so alike that they are things: birds, aeroplanes, windows.

    Dust has every size: where photographs with real damage show 30 marks of such a size, their areas scatter by 0.79
    of their mean and more. Marks that are alike are left alone, all of them.

    Args:
        count: of marks.
        area: of all of them together, in pixels.
        squares: sum of their squared areas.
    """
    if count < _FLOCK or area < _FLOCK_AREA * count:
        return False
    mean = area / count
    return squares / count - mean * mean < (_FLOCK_SPREAD * mean) ** 2


_LINE_LENGTH = 24
_LINE_SHAPE = 5


def is_defect(
    areas: NDArray[np.int64],
    peaks: NDArray[np.float32],
    heights: NDArray[np.int64],
    widths: NDArray[np.int64],
    settings: RestoreSettings,
) -> NDArray[np.bool_]:
    """Say of each connected region whether it is kept: large enough, and likely enough for its shape.

    A region is a line where the diagonal of its box is at least 24 pixels and five times its mean thickness.

    Args:
        areas, peaks, heights, widths: of the regions, ``N``: pixels, highest probability, sides of the box.
        settings: the thresholds.
    """
    squared = heights.astype(np.float64) ** 2 + widths.astype(np.float64) ** 2
    lines = (squared >= _LINE_LENGTH**2) & (squared >= _LINE_SHAPE * areas)
    seed = settings.seed_probability
    needed = np.where(lines, max(seed, settings.line_probability), seed).astype(np.float32)
    return (areas >= settings.least_defect) & (peaks >= needed)


def peaks_of(probability: Probability, labels: NDArray[np.int32], count: int) -> NDArray[np.float32]:
    """Return the highest probability of each label, ``count`` values; of label 0 nothing is said."""
    peaks = np.zeros(count, np.float32)
    marked = labels > 0
    np.maximum.at(peaks, labels[marked], probability[marked])
    return peaks


def hysteresis(probability: Probability, settings: RestoreSettings) -> Mask:
    """Keep each connected region above the growing threshold that reaches its seed threshold somewhere.

    The thresholds follow the photo's own damage (see `detection.prior`). Regions smaller than ``least_defect`` pixels
    are dropped (see :func:`is_defect`), and all of them where they are a flock.
    """
    settings = adjusted(settings, suspected_pixels(probability, settings), probability.size)
    grown = (probability >= settings.grow_probability).astype(np.uint8)
    count, found, statistics, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    labels, stats = found.astype(np.int32, copy=False), statistics.astype(np.int64)
    kept = is_defect(
        stats[:, cv2.CC_STAT_AREA],
        peaks_of(probability, labels, count),
        stats[:, cv2.CC_STAT_HEIGHT],
        stats[:, cv2.CC_STAT_WIDTH],
        settings,
    )
    kept[0] = False
    areas = stats[kept, cv2.CC_STAT_AREA].astype(np.float64)
    if is_flock(len(areas), areas.sum(), np.square(areas).sum()):
        kept[:] = False
    mask: Mask = kept[labels]
    return mask


def dilated(mask: Mask, pixels: int) -> Mask:
    """Grow a mask by a disc of so many pixels."""
    if pixels <= 0 or not mask.any():
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def count_components(mask: Mask) -> int:
    """Return the number of 8-connected regions of a mask."""
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1
