"""Masks of damage: made from probabilities by hysteresis, grown, counted. Knows no network."""

from __future__ import annotations

import cv2
import numpy as np

from oldphoto_core.photo import Mask, Probability
from oldphoto_core.settings import RestoreSettings


def hysteresis(probability: Probability, settings: RestoreSettings) -> Mask:
    """Keep each connected region above the growing threshold that reaches the seed threshold somewhere.

    Regions smaller than ``least_defect`` pixels are dropped.
    """
    grown = (probability >= settings.grow_probability).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[probability >= settings.seed_probability])] = True
    kept &= stats[:, cv2.CC_STAT_AREA] >= settings.least_defect
    kept[0] = False
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
