"""Find damage: the defect U-Net at the scan's own resolution, enlarged, or over the whole scan reduced."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.detection.looks import luminance, reduced
from oldphoto_core.device import DeviceLink
from oldphoto_core.models.defect_unet import DefectUNet
from oldphoto_core.models.layers import fold_batch_norm
from oldphoto_core.photo import Pixels, Probability
from oldphoto_core.raster import Raster
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tiling import run_tiled


class DefectDetector:
    """A trained U-Net, folded, ready to look at photos."""

    def __init__(self, network: DefectUNet, settings: RestoreSettings, device: torch.device) -> None:
        self.number = torch.bfloat16 if settings.autocast else torch.float32
        self.network = fold_batch_norm(network).to(  # type: ignore[call-overload]
            device, self.number, memory_format=torch.channels_last
        )
        self.settings = settings
        self.link = DeviceLink(device)

    def probability(self, pixels: Pixels, enlargement: float = 1.0) -> Probability:
        """Return the probability of damage of ``H×W`` or ``H×W×3`` pixels, ``H×W`` ``float32`` in [0, 1].

        With an ``enlargement`` above 1 the photo is looked at in its own size and enlarged, and the
        log-odds of both looks are averaged.
        """
        grey = luminance(pixels)
        logits = self._looked_at(grey)
        if enlargement > 1:
            height, width = grey.shape
            size = (round(width * enlargement), round(height * enlargement))
            larger = self._looked_at(_resized(grey, size, cv2.INTER_CUBIC))
            logits = np.float32(0.5) * (logits + _resized(larger, (width, height), cv2.INTER_AREA))
        return _sigmoid(logits)

    def coarse_probability(self, pixels: Raster, reduction: int) -> Probability:
        """Return the probability of damage of the whole scan reduced by an integer factor (see `looks.reduced`)."""
        return _sigmoid(self._looked_at(reduced(pixels, reduction)))

    @torch.inference_mode()
    def _looked_at(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the log-odds of damage, ``H×W``, of luminance in [-1, 1]."""
        settings = self.settings
        picture = torch.from_numpy(np.ascontiguousarray(grey, np.float32))[None, None]
        result = run_tiled(
            self._logits,
            picture,
            tile=settings.tile,
            halo=settings.halo,
            multiple=self.network.stride,
            batch=self.link.batch(settings.tile),
        )
        logits: NDArray[np.float32] = result[0, 0].float().numpy()
        return logits

    def _logits(self, tile: Tensor) -> Tensor:
        logits: Tensor = self.network(self.link.to_device(tile).to(self.number))
        return self.link.to_host(logits)


def _resized(values: NDArray[np.float32], size: tuple[int, int], method: int) -> NDArray[np.float32]:
    """Return ``values`` resized to (width, height)."""
    return np.asarray(cv2.resize(values, size, interpolation=method), np.float32)


def _sigmoid(logits: NDArray[np.float32]) -> Probability:
    return torch.sigmoid(torch.from_numpy(logits)).numpy()
