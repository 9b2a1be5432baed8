"""Find damage: the defect U-Net at the scan's own resolution, enlarged, or over the whole scan reduced.

A GPU gets pixels as stored and makes luminance, reduction and probability itself: on the processor those would
take longer than the network.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.detection.looks import luminance, reduced
from oldphoto_core.device import DeviceLink, Fetch, computes_in_bfloat16
from oldphoto_core.models.defect_unet import DefectUNet, folded, with_relu_fused
from oldphoto_core.models.fused import fuses
from oldphoto_core.photo import Pixels, Probability
from oldphoto_core.raster import BAND_PIXELS, Raster
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tensors import luminance_of, sendable, unit_of_sent
from oldphoto_core.threads import in_threads
from oldphoto_core.tiling import run_tiled

_AT_ONCE = 12 << 20
"""A GPU takes pictures of up to so many pixels whole, without tiles."""


class DefectDetector:
    """A trained U-Net, folded, ready to look at photos."""

    def __init__(self, network: DefectUNet, settings: RestoreSettings, device: torch.device) -> None:
        self.rounded = settings.autocast and computes_in_bfloat16(device)
        self.number = torch.bfloat16 if self.rounded else torch.float32
        self.network = folded(network).to(  # type: ignore[call-overload]
            device, self.number, memory_format=torch.channels_last
        )
        if fuses(device):
            with_relu_fused(self.network)
        self.settings = settings
        self.link = DeviceLink(device)

    def probability(self, pixels: Pixels, enlargement: float = 1.0) -> Probability:
        """Return the probability of damage of ``H×W`` or ``H×W×3`` pixels, ``H×W`` ``float32`` in [0, 1].

        With an ``enlargement`` above 1 the photo is looked at in its own size and enlarged, and the
        log-odds of both looks are averaged.
        """
        if self.link.streamed and enlargement <= 1 and pixels.shape[0] * pixels.shape[1] <= _AT_ONCE:
            return self._streamed(pixels)
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
        if self.link.streamed:
            return _sigmoid(self._looked_at(self._streamed_reduction(pixels, reduction)))
        return _sigmoid(self._looked_at(reduced(pixels, reduction)))

    def _streamed(self, pixels: Pixels) -> Probability:
        """Return the probability of a picture that goes through the network whole."""
        height, width = pixels.shape[:2]
        stride = self.network.stride
        filled = self._filled(pixels)

        def launch() -> Fetch:
            grey = _padded(_luminance(self.link.sent(filled)), -height % stride, -width % stride)
            logits = self.network(grey.to(self.number, memory_format=torch.channels_last))
            return self.link.fetch(torch.sigmoid(logits[0, 0, :height, :width].float()))

        return self.link.launched(launch).array()

    def _streamed_reduction(self, pixels: Raster, factor: int) -> NDArray[np.float32]:
        """Do what `looks.reduced` does."""
        height, width = pixels.shape[:2]
        rows = max(1, BAND_PIXELS // (width * factor)) * factor

        def band(top: int) -> NDArray[np.float32]:
            filled = self._filled(pixels.read(top, 0, min(top + rows, height), width))
            return self.link.launched(lambda: self._reduction(filled, factor)).array()

        return np.concatenate(list(in_threads(band, range(0, height, rows), self.link.lanes)))

    def _reduction(self, filled: Tensor, factor: int) -> Fetch:
        """Begin to reduce a band of pixels, cells at its edges filled up."""
        grey = _luminance(self.link.sent(filled))
        filling = (0, -grey.shape[3] % factor, 0, -grey.shape[2] % factor)
        return self.link.fetch(
            functional.avg_pool2d(functional.pad(grey, filling, mode="replicate"), factor)[0, 0]
        )

    def _filled(self, pixels: Pixels) -> Tensor:
        """Return ``1×h×w`` or ``1×h×w×3`` pixels as stored, ready to be sent."""
        bytes_ = sendable(pixels)
        dtype = torch.uint8 if bytes_.dtype == np.uint8 else torch.int16
        buffer = self.link.buffer((1, *bytes_.shape), dtype)
        buffer.numpy()[0] = bytes_
        return buffer

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
        return self.link.to_host(
            self.link.launched(lambda: self.network(self.link.to_device(tile).to(self.number)))
        )


def _luminance(sent: Tensor) -> Tensor:
    """Return ``B×1×h×w`` in [-1, 1] of pixels as stored, on their device."""
    return luminance_of(unit_of_sent(sent)) * 2 - 1


def _padded(picture: Tensor, below: int, beside: int) -> Tensor:
    """Mirror ``B×C×h×w`` outwards below and on the right; a side too short for that is repeated at its edge."""
    for amount, side, filling in ((below, -2, (0, 0, 0, below)), (beside, -1, (0, beside, 0, 0))):
        if amount:
            mode = "reflect" if amount < picture.shape[side] else "replicate"
            picture = functional.pad(picture, filling, mode=mode)
    return picture


def _resized(values: NDArray[np.float32], size: tuple[int, int], method: int) -> NDArray[np.float32]:
    """Return ``values`` resized to (width, height)."""
    return np.asarray(cv2.resize(values, size, interpolation=method), np.float32)


def _sigmoid(logits: NDArray[np.float32]) -> Probability:
    return torch.sigmoid(torch.from_numpy(logits)).numpy()
