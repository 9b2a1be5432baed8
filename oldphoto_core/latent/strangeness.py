"""How strange a photo is to the networks: the distance of its latents from those of the training photographs.

A drawing, a page of print or a colour negative passes through the networks as well as a photograph does, and
comes out changed for no good reason. Looked at is the whole photo, reduced to one size: the same picture scanned
at 300 and at 1,200 dpi is equally strange, and costs the same.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from oldphoto_core.models.autoencoder import LATENT_STRIDE, Encoder
from oldphoto_core.models.latent_domain import LatentDomain
from oldphoto_core.pixels import to_unit
from oldphoto_core.raster import Raster, reduced
from oldphoto_core.tensors import to_tensor

SIDE = 256
"""The longer side in pixels of what is looked at; a smaller photo is taken as it is."""
LEAST_SIDE = 32
"""A picture with a shorter side has too few latents to tell."""


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


@torch.inference_mode()
def latent_distance(
    encoder: Encoder, domain: LatentDomain, pixels: Raster, device: torch.device, workers: int = 1
) -> float | None:
    """Return the distance (see :class:`LatentDomain`) of a photo as stored; None if it is too narrow.

    Args:
        encoder: of the old photos' autoencoder, on ``device``.
        domain: what it was trained on, on the CPU.
        pixels: the photo.
        device: where the encoder is.
        workers: threads that may read the photo.
    """
    unit = overview(pixels, workers)
    if unit is None:
        return None
    latents = encoder(to_tensor(unit).to(device, memory_format=torch.channels_last))
    return float(domain(latents.float().cpu()))
