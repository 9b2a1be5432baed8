"""Find damage: the defect U-Net at the scan's own resolution, then a mask by hysteresis."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from oldphoto_core.detection.masks import hysteresis
from oldphoto_core.models.defect_unet import DefectUNet
from oldphoto_core.models.layers import fold_batch_norm
from oldphoto_core.photo import DefectDetection, Pixels, Probability
from oldphoto_core.pixels import LUMINANCE, full_scale
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tiling import run_tiled


class DefectDetector:
    """A trained U-Net, folded, ready to look at photos."""

    def __init__(self, network: DefectUNet, settings: RestoreSettings, device: torch.device) -> None:
        self.network = fold_batch_norm(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.settings = settings
        self.device = device

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Return probability and mask of ``H×W`` or ``H×W×3`` pixels."""
        probability = self.probability(pixels)
        return DefectDetection(probability, hysteresis(probability, self.settings))

    @torch.inference_mode()
    def probability(self, pixels: Pixels) -> Probability:
        """Return the probability of damage, ``H×W`` ``float32`` in [0, 1]."""
        settings = self.settings
        result = run_tiled(
            self._logits,
            luminance_tensor(pixels),
            tile=settings.tile,
            halo=settings.halo,
            multiple=self.network.stride,
        )
        return torch.sigmoid(result[0, 0].float()).numpy()

    def _logits(self, tile: Tensor) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.autocast):
            logits: Tensor = self.network(tile.to(self.device))
        return logits.float().cpu()


def luminance_tensor(pixels: Pixels) -> Tensor:
    """Return luminance as ``1×1×H×W`` in [-1, 1]."""
    scaled = pixels.astype(np.float32) * (2.0 / full_scale(pixels)) - 1.0
    grey = scaled if scaled.ndim == 2 else scaled @ np.array(LUMINANCE, np.float32)
    return torch.from_numpy(np.ascontiguousarray(grey))[None, None]
