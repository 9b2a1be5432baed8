"""The whole photo at one small size, for what can be said of it only as a whole.

The same picture scanned at 300 and at 1,200 dpi gives nearly the same overview, and what is read from it costs the
same. A scan is read for it once.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.models.autoencoder import LATENT_STRIDE
from oldphoto_core.pixels import to_unit
from oldphoto_core.raster import Raster, reduced

SIDE = 256
"""The longer side in pixels of what is looked at; a smaller photo is taken as it is."""
LEAST_SIDE = 32
"""A picture with a shorter side has too few latents, and too few pixels, to tell."""


def overview(pixels: Raster, workers: int = 1) -> NDArray[np.float32] | None:
    """Return the photo with a longer side of at most :data:`SIDE`, ``h×w×3`` in [0, 1]; None if too narrow.

    Sides are cut to multiples of the latent stride.
    """
    # In whole cells first: so a scan on disk is read once, band by band.
    small, _ = reduced(pixels, 4 * SIDE, workers)
    unit = to_unit(small)
    scale = SIDE / max(unit.shape[:2])
    if scale < 1:
        size = (max(1, round(unit.shape[1] * scale)), max(1, round(unit.shape[0] * scale)))
        unit = np.asarray(cv2.resize(unit, size, interpolation=cv2.INTER_AREA), np.float32)
    height, width = (side - side % LATENT_STRIDE for side in unit.shape[:2])
    return unit[:height, :width] if min(height, width) >= LEAST_SIDE else None
