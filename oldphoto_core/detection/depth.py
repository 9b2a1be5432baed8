"""How deep a mask goes: the further a filled pixel lies from the nearest intact one, the more of it is made up.

Taken on every n-th pixel, so that a scan of any size costs the same; a place is missed by less than two of them.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from oldphoto_core.photo import Mask

SAMPLE_SIDE = 1024
"""Of a large photo so many to twice as many pixels remain a side."""


class DepthMeter:
    """Measures how deep a mask goes while it passes in bands, in any order, from any thread.

    Args:
        height, width: of the whole mask.
    """

    def __init__(self, height: int, width: int) -> None:
        self._longer = max(height, width)
        self._step = step = max(1, self._longer // SAMPLE_SIDE)
        self._mask = np.zeros((-(-height // step), -(-width // step)), bool)

    def add(self, top: int, band: Mask) -> None:
        """Take in the rows of the mask that begin with row ``top``."""
        sample = band[-top % self._step :: self._step, :: self._step]
        row = -(-top // self._step)
        self._mask[row : row + len(sample)] = sample

    def depth(self) -> float:
        """Return the greatest distance from a masked pixel to an intact one, as a share of the longer side.

        What lies beyond the border is not intact. 1 where nothing is.
        """
        if self._mask.all():
            return 1.0
        distance = cv2.distanceTransform(self._mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        # The last bit of what OpenCV says varies from call to call; the square of a distance between pixels does not.
        exact = math.sqrt(round(float(distance.max()) ** 2))
        return min(1.0, exact * self._step / self._longer)


def fill_depth(mask: Mask) -> float:
    """Return how deep a mask in memory goes; see :meth:`DepthMeter.depth`."""
    meter = DepthMeter(*mask.shape)
    meter.add(0, mask)
    return meter.depth()
