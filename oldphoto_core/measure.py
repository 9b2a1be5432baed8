"""Numbers about one restoration that a curator and the flags need; cheap, and the same for any scan size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.masks import count_components
from oldphoto_core.photo import DefectDetection, Mask

SAMPLE_SIDE = 1024
"""Colour is compared on every n-th pixel, so that at most about so many remain a side."""


def measure_detection(detection: DefectDetection) -> dict[str, float]:
    """Return mask share, number of defects, and the share of pixels that the detector left undecided."""
    undecided = (detection.probability > 0.35) & (detection.probability < 0.65) & ~detection.mask
    return {
        "mask_share": detection.coverage,
        "mask_components": float(count_components(detection.mask)),
        "uncertain_share": float(undecided.mean()),
    }


def measure_change(before: NDArray[np.float32], after: NDArray[np.float32], mask: Mask) -> dict[str, float]:
    """Return what changed outside the mask, of ``H×W×3`` pictures in [0, 1].

    ``mean_change`` is the mean absolute difference (share of the full range); ``colour_drift`` the mean
    CIE76 ΔE of blurred pictures, so that removed grain does not count as drift.
    """
    step = max(1, max(mask.shape) // SAMPLE_SIDE)
    intact = ~mask[::step, ::step]
    if not intact.any():
        return {"mean_change": 0.0, "colour_drift": 0.0}
    first, second = before[::step, ::step], np.clip(after[::step, ::step], 0, 1)
    change = float(np.abs(first - second)[intact].mean())
    drift = np.linalg.norm(_lab(first) - _lab(second), axis=2)[intact].mean()
    return {"mean_change": change, "colour_drift": float(drift)}


def _lab(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), 8)
    return cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)  # type: ignore[return-value]
