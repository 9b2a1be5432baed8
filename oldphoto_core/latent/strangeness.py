"""How strange a photo is to the networks: the distance of its latents from those of the training photographs.

A drawing, a page of print or a colour negative passes through the networks as well as a photograph does, and
comes out changed for no good reason. Looked at is the whole photo, reduced (see `latent.overview`).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from oldphoto_core.models.autoencoder import Encoder
from oldphoto_core.models.latent_domain import LatentDomain
from oldphoto_core.tensors import to_tensor


@torch.inference_mode()
def latent_distance(
    encoder: Encoder, domain: LatentDomain, seen: NDArray[np.float32], device: torch.device
) -> float:
    """Return the distance (see :class:`LatentDomain`) of a photo.

    Args:
        encoder: of the old photos' autoencoder, on ``device``.
        domain: what it was trained on, on the CPU.
        seen: the photo's overview, ``h×w×3`` in [0, 1].
        device: where the encoder is.
    """
    latents = encoder(to_tensor(seen).to(device, memory_format=torch.channels_last))
    return float(domain(latents.float().cpu()))
