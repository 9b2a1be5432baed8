"""Masks of damage: which suspected regions are kept, and masks grown and counted. Knows no network.

A region is kept if it is large enough, and likely enough for its shape. Long thin regions must be surer: poles, wires
and edges are lines too. So must a part of a long thin region of which most stays below the threshold: where a seam
is a little suspected all along and a little more in one place, that place is no defect either. A broad region may be
less sure: false alarms are thin or small, and where a corner is torn off the network doubts a little, everywhere.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.regions import Flags, Numbers, Shapes
from oldphoto_core.photo import Mask
from oldphoto_core.settings import RestoreSettings

_FLOCK = 30
_FLOCK_AREA = 16.0
_FLOCK_SPREAD = 0.7

_LINE_LENGTH = 24
_LINE_SHAPE = 5
_LONGER_LENGTH = 40
_LEAST_OF_LONGER = 0.5

_MOST_OF_PHOTO = 0.25


def is_flock(areas: Numbers) -> bool:
    """Say whether marks (``N`` areas in pixels) are so many, so large and so alike that they are things.

    Birds, aeroplanes and windows are; dust has every size: where photographs with real damage show 30 marks of such a
    size, their areas scatter by 0.79 of their mean and more. Marks that are alike are left alone, all of them.
    """
    if len(areas) < _FLOCK or areas.sum() < _FLOCK_AREA * len(areas):
        return False
    return float(areas.std()) < _FLOCK_SPREAD * float(areas.mean())


def wider_probability(settings: RestoreSettings) -> float:
    """Return the threshold of the wider regions: others lie in them, and they are defects where they are broad."""
    return min(settings.broad_probability, settings.grow_probability)


def discs(marked: Flags, radius: int) -> Flags:
    """Say of each of ``H×W`` pixels whether all pixels within ``radius`` of it (give or take 2 %) are marked.

    What lies beyond the border counts as marked: a torn-off corner goes on out there.
    """
    inside = cv2.distanceTransform(marked.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(inside >= radius)


def is_broad(wider: Shapes, disc: Flags, pixels: int) -> Flags:
    """Say of each of ``N`` wider regions whether it is a defect as a whole: one that holds a disc.

    What takes more than a quarter of the photo is no place in it: there the network doubts the photo's own texture.

    Args:
        wider: of the regions above :func:`wider_probability`.
        disc: whether one of :func:`discs` lies in each.
        pixels: of the photo.
    """
    return disc & (wider.areas <= _MOST_OF_PHOTO * pixels)


def is_defect(
    shapes: Shapes,
    peaks: NDArray[np.float32],
    wider: Shapes,
    inside: Numbers,
    settings: RestoreSettings,
) -> Flags:
    """Say of each of ``N`` connected regions whether it is kept.

    A region is a line where the diagonal of its box is at least 24 pixels and five times its mean thickness; and
    where less than half of a wider region that is such a line, 40 pixels long, is taken by it and others.

    Args:
        shapes: of the regions above ``grow_probability``.
        peaks: the highest probability of each.
        wider: of the regions above :func:`wider_probability`.
        inside: which of the wider regions each region lies in.
        settings: the thresholds.
    """
    taken: Numbers = np.zeros(len(wider.areas), np.int64)
    np.add.at(taken, inside, shapes.areas)
    unsure = _is_line(wider, _LONGER_LENGTH) & (taken < _LEAST_OF_LONGER * wider.areas)
    lines = _is_line(shapes, _LINE_LENGTH) | unsure[inside]
    seed = settings.seed_probability
    needed = np.where(lines, max(seed, settings.line_probability), seed).astype(np.float32)
    return (shapes.areas >= settings.least_defect) & (peaks >= needed)


def _is_line(shapes: Shapes, length: int) -> Flags:
    squared = shapes.diagonals_squared()
    return (squared >= length**2) & (squared >= _LINE_SHAPE * shapes.areas)


def dilated(mask: Mask, pixels: int) -> Mask:
    """Grow a mask by a disc of so many pixels."""
    if pixels <= 0 or not mask.any():
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def count_components(mask: Mask) -> int:
    """Return the number of 8-connected regions of a mask."""
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1
