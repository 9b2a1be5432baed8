"""Translate a photo through the latents: ``G_Y(T(E_RX(r), m))`` (eq 1), tile by tile.

With codec-loss cancelling the result is ``r + [G_Y(T(z)) − G_RX(z)]``: what the old photos' autoencoder
cannot represent is kept from the original instead of being lost. Inside the mask nothing is added back.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.models.autoencoder import LATENT_STRIDE, Autoencoder
from oldphoto_core.models.latent_mapping import LatentMapping, latent_mask
from oldphoto_core.models.layers import fold_batch_norm
from oldphoto_core.photo import Mask
from oldphoto_core.pixels import to_array, to_tensor
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tiling import run_tiled

MULTIPLE = 4 * LATENT_STRIDE


class LatentTranslator:
    """VAE₁, T and VAE₂ in evaluation, folded."""

    def __init__(
        self,
        old: Autoencoder,
        mapping: LatentMapping,
        clean: Autoencoder,
        settings: RestoreSettings,
        device: torch.device,
    ) -> None:
        self.old, self.mapping, self.clean = (
            fold_batch_norm(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for network in (old, mapping, clean)
        )
        if self.mapping.nonlocal_block is not None:
            self.mapping.nonlocal_block.max_keys = settings.max_keys
        self.settings = settings
        self.device = device

    @torch.inference_mode()
    def translate(self, unit: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
        """Return the restored photo, ``H×W×3`` in [0, 1] (not clipped), of ``unit`` and its damage mask."""
        settings = self.settings
        damaged = torch.from_numpy(mask.astype(np.float32))[None, None]
        stacked = torch.cat((to_tensor(unit), damaged), dim=1)
        result = run_tiled(self._tile, stacked, tile=settings.tile, halo=settings.halo, multiple=MULTIPLE)
        return to_array(result)

    def _tile(self, stacked: Tensor) -> Tensor:
        stacked = stacked.to(self.device)
        picture, damaged = stacked[:, :3].contiguous(memory_format=torch.channels_last), stacked[:, 3:]
        latents = self.old.encoder(picture)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.autocast):
            mapped = self.mapping(latents, latent_mask(damaged))
        restored = self.clean.generator(mapped.float())
        if self.settings.codec_cancelling:
            lost = picture - self.old.generator(latents)
            restored = restored + self.settings.codec_cancelling * lost * intact_weight(damaged)
        return restored.cpu()


def intact_weight(damaged: Tensor) -> Tensor:
    """Return 1 away from the damage, 0 in it and at the latent cells it touches, with a soft edge between."""
    touched = functional.max_pool2d(damaged, 2 * LATENT_STRIDE + 1, stride=1, padding=LATENT_STRIDE)
    return 1 - functional.avg_pool2d(
        touched, 2 * LATENT_STRIDE + 1, stride=1, padding=LATENT_STRIDE, count_include_pad=False
    )
