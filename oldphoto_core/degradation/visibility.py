"""Which marks of damage an eye could find: a detector must be taught neither to see nor to overlook the others."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.operators import FloatImage

WINDOW = 15
"""Side in pixels of the surroundings whose texture a mark competes with."""
LEAST_TEXTURE = 0.025
"""Standard deviation (of 1) that even a smooth surface is taken to have."""
LEAST_SCORE = 2.0
"""Contrast in standard deviations, times the size factor, from which a mark counts as clear."""


def faint_marks(mask: NDArray[np.bool_], change: FloatImage, picture: FloatImage) -> NDArray[np.bool_]:
    """Return the marks that drown in their surroundings.

    A connected mark is clear when its mean contrast, in standard deviations of the undamaged picture around it,
    times ``min(√area / 3, 2)`` reaches :data:`LEAST_SCORE`: a long faint line is seen where a faint dot is not.

    Args:
        mask: ``H×W``, True = damage.
        change: ``H×W``, how much damage changed each pixel (of 1).
        picture: ``H×W×3`` in [0, 1], the aged picture.
    """
    if not mask.any():
        return np.zeros_like(mask)
    contrast = change / np.maximum(_texture(picture[..., 1], mask), LEAST_TEXTURE)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    flat = labels.ravel().astype(np.intp)
    areas = np.bincount(flat, minlength=count)
    means = np.bincount(flat, weights=contrast.ravel(), minlength=count) / np.maximum(areas, 1)
    faint = means * np.minimum(np.sqrt(areas) / 3, 2) < LEAST_SCORE
    faint[0] = False
    result: NDArray[np.bool_] = faint[labels]
    return result


def _texture(values: FloatImage, mask: NDArray[np.bool_]) -> FloatImage:
    """Return the standard deviation of the unmasked pixels around each pixel."""
    kept = (~mask).astype(np.float32)
    size = (WINDOW, WINDOW)
    weight = np.maximum(cv2.boxFilter(kept, -1, size), 1e-3)
    mean = cv2.boxFilter(values * kept, -1, size) / weight
    square = cv2.boxFilter(values * values * kept, -1, size) / weight
    return np.sqrt(np.maximum(square - mean * mean, 0)).astype(np.float32)
