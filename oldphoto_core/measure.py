"""Numbers about one restoration that a curator and the flags need; cheap, and the same for any scan size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.banded import UNDECIDED
from oldphoto_core.detection.depth import SAMPLE_SIDE, fill_depth
from oldphoto_core.detection.masks import count_components
from oldphoto_core.photo import DefectDetection, Mask

_CELL = 4


def measure_detection(detection: DefectDetection) -> dict[str, float]:
    """Return mask share, number of defects, the share of pixels left undecided, and how deep the mask goes."""
    probability, mask = detection.probability, detection.mask
    undecided = (probability > UNDECIDED[0]) & (probability < UNDECIDED[1]) & ~mask
    return {
        "mask_share": detection.coverage,
        "mask_components": float(count_components(mask)),
        "uncertain_share": int(np.count_nonzero(undecided)) / undecided.size,
        "fill_depth": fill_depth(mask),
    }


class ChangeMeter:
    """Measures what changed outside the mask while a picture passes in blocks, in any order.

    Colour is compared on every n-th pixel, see :data:`~oldphoto_core.detection.depth.SAMPLE_SIDE`.

    Args:
        height, width: of the whole picture.
    """

    def __init__(self, height: int, width: int) -> None:
        self._step = step = max(1, max(height, width) // SAMPLE_SIDE)
        shape = (-(-height // step), -(-width // step))
        self._before = np.zeros((*shape, 3), np.float32)
        self._after = np.zeros((*shape, 3), np.float32)
        self._intact = np.zeros(shape, bool)

    def add(
        self, top: int, left: int, before: NDArray[np.float32], after: NDArray[np.float32], mask: Mask
    ) -> None:
        """Take in the block at (top, left): two pictures ``h×w×3`` in [0, 1] and the mask ``h×w``."""
        first = self.sampled(top, left)
        self.add_sample(top, left, before[first], after[first], mask[first])

    def sampled(self, top: int, left: int) -> tuple[slice, slice]:
        """Return which rows and columns of a block at (top, left) are compared."""
        step = self._step
        return slice(-top % step, None, step), slice(-left % step, None, step)

    def add_sample(
        self, top: int, left: int, before: NDArray[np.float32], after: NDArray[np.float32], mask: Mask
    ) -> None:
        """Take in what :meth:`sampled` names of the block at (top, left); threads may do so for several blocks."""
        row, column = -(-top // self._step), -(-left // self._step)
        place = np.s_[row : row + mask.shape[0], column : column + mask.shape[1]]
        self._before[place] = before
        self._after[place] = np.clip(after, 0, 1)
        self._intact[place] = ~mask

    def measurements(self) -> dict[str, float]:
        """Return ``mean_change`` and ``colour_drift``.

        The first is the mean absolute difference (share of the full range), the second the mean CIE76 ΔE of
        blurred pictures, so that removed grain does not count as drift.
        """
        if not self._intact.any():
            return {"mean_change": 0.0, "colour_drift": 0.0}
        drift = np.linalg.norm(_lab(self._before) - _lab(self._after), axis=2)
        change = cv2.mean(cv2.absdiff(self._before, self._after), self._intact.view(np.uint8))
        return {
            "mean_change": sum(change[:3]) / 3,
            "colour_drift": float(np.average(drift, weights=_cells(self._intact.astype(np.float32)))),
        }


def _lab(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return CIELAB of the picture blurred with σ = 8, in cells: so much blur leaves nothing smaller to see."""
    smooth = cv2.GaussianBlur(_cells(picture), (0, 0), 8 / _CELL)
    return np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.float32)


def _cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means over cells of 4×4."""
    size = (-(-values.shape[1] // _CELL), -(-values.shape[0] // _CELL))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
