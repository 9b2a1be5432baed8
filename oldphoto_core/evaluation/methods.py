"""What is measured: our restorer, its ablations, the OpenCV chain, and Telea's fill of a given mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

import cv2
import numpy as np

from oldphoto_core.errors import UsageError
from oldphoto_core.evaluation.pairs import Photo
from oldphoto_core.evaluation.report import METHODS
from oldphoto_core.photo import DefectDetection, Mask, Pixels, RestorationResult

TELEA_RADIUS = 3.0


class Restores(Protocol):
    """Finds damage in ``H×W×3`` ``uint8`` pixels and restores them."""

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Return probability and mask of damage."""

    def restore(self, pixels: Pixels, *, mask: Mask | None = None) -> RestorationResult:
        """Return the restored photo; ``mask`` replaces the detected one."""


def check_names(ablations: Iterable[str]) -> None:
    """Raise :class:`UsageError` for a name that two methods would have: their figures would be averaged together."""
    for name, times in Counter([*METHODS, *ablations]).items():
        if times > 1:
            raise UsageError(
                f"An ablation cannot be called {name!r}: another method of this evaluation is. Choose another name."
            )


def telea(pixels: Photo, mask: Mask) -> Photo:
    """Fill ``mask`` and a margin of one pixel by Telea's inpainting, and touch nothing else."""
    margin = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
    filled = cv2.inpaint(np.ascontiguousarray(pixels), margin, TELEA_RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(filled, dtype=np.uint8)
