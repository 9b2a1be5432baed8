"""Translate a photo through the latents: ``G_Y(T(E_RX(r), m))`` (eq 1), tile by tile, its damage interpolated first.

With codec-loss cancelling the result is ``r + [G_Y(T(z)) − G_RX(z)]``: what the old photos' autoencoder
cannot represent is kept from the original instead of being lost. Inside the mask nothing is added back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.device import DeviceLink, computes_in_bfloat16
from oldphoto_core.latent.restraint import restrained, steadied
from oldphoto_core.models.autoencoder import LATENT_STRIDE, Autoencoder
from oldphoto_core.models.fading_estimator import FadingEstimator
from oldphoto_core.models.fused import fuses
from oldphoto_core.models.interpolation import interpolated
from oldphoto_core.models.latent_domain import LatentDomain
from oldphoto_core.models.latent_mapping import LatentMapping, latent_mask
from oldphoto_core.models.layers import fold_batch_norm, fuse_relu, round_residuals
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.photo import Mask
from oldphoto_core.pixels import to_unit
from oldphoto_core.raster import MemoryRaster, Raster
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tiling import Grid, Window, channels_first, run_windows

MULTIPLE = 4 * LATENT_STRIDE


class Patch(NamedTuple):
    """A translated part of a photo: where its first pixel lies, and ``h×w×3`` in [0, 1] (not clipped)."""

    top: int
    left: int
    unit: NDArray[np.float32]


class LatentTranslator:
    """VAE₁, T and VAE₂ in evaluation, folded; with ``domain``, how far a photo is from what they were trained on.

    ``tone`` and ``fading`` read from a whole photo what it lost (see `latent.tone` and `latent.fading`); who feeds
    the tiles gives it back.
    """

    def __init__(
        self,
        old: Autoencoder,
        mapping: LatentMapping,
        clean: Autoencoder,
        settings: RestoreSettings,
        device: torch.device,
        domain: LatentDomain | None = None,
        tone: ToneEstimator | None = None,
        fading: FadingEstimator | None = None,
    ) -> None:
        self.old, self.mapping, self.clean = (
            fold_batch_norm(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for network in (old, mapping, clean)
        )
        self.rounded = settings.autocast and computes_in_bfloat16(device)
        if self.rounded:
            for codec in (self.old, self.clean):
                round_residuals(codec)
        if fuses(device):
            fuse_relu(self.mapping, torch.bfloat16 if self.rounded else torch.float32)
            for codec in (self.old, self.clean):
                fuse_relu(codec, torch.float32)
                codec.generator.enlarge_by_phases()
        if self.mapping.nonlocal_block is not None:
            self.mapping.nonlocal_block.max_keys = settings.max_keys
        self.settings = settings
        self.domain = domain
        self.tone, self.fading = tone, fading
        self.link = DeviceLink(device)
        # Attention over a mask has another shape each time; only intact tiles repeat themselves exactly.
        self._damaged = partial(self._network, damaged_here=True)
        self._intact = self.link.repeated(partial(self._network, damaged_here=False))

    def grid(self, height: int, width: int, tile: int | None = None) -> Grid:
        """Return the tiles of a photo of this size."""
        return Grid(height, width, tile or self.settings.tile, self.settings.halo, MULTIPLE, border=MULTIPLE)

    def translate(self, unit: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
        """Return the restored photo, ``H×W×3`` in [0, 1] (not clipped), of ``unit`` and its defect mask."""
        result = np.empty_like(unit)
        grid = self.grid(*mask.shape)
        for top, left, block in self.patches(MemoryRaster(unit), MemoryRaster(mask), grid, grid.windows()):
            result[top : top + block.shape[0], left : left + block.shape[1]] = block
        return result

    def patches(self, pixels: Raster, mask: Raster, grid: Grid, windows: Iterable[Window]) -> Iterator[Patch]:
        """Yield the translation of what each window keeps.

        Args:
            pixels: the photo as stored, or ``H×W×3`` ``float32`` in [0, 1].
            mask: the dilated mask, ``H×W`` bool.
            grid: the tiles' geometry.
            windows: which of them; all of ``grid.windows()``, or a sample.
        """
        tiles = ((window, _stacked(grid, window, pixels, mask)) for window in windows)
        for window, done in run_windows(
            self._tiles, tiles, batch=self.link.batch(self.settings.tile), kind=_is_damaged
        ):
            top, left, _, _ = grid.kept(window)
            unit = (grid.crop(window, done).permute(1, 2, 0) + 1) / 2
            yield Patch(top, left, unit.numpy())

    @torch.inference_mode()
    def drawn(self, stacked: Tensor, generators: list[torch.Generator]) -> Tensor:
        """Return ``B×3×h×w`` in [0, 1] (not clipped) restored from draws of the latents instead of their means.

        Args:
            stacked: ``B×4×h×w``, three channels in [-1, 1] and the mask, on the CPU. A batch is damaged or it is not.
            generators: of the CPU, so that every device draws the same; each draws for an equal part of the batch.
        """
        return (self.link.to_host(self.link.launched(lambda: self._drawn(stacked, generators))) + 1) / 2

    def _drawn(self, stacked: Tensor, generators: list[torch.Generator]) -> Tensor:
        on_device = self.link.to_device(stacked)
        picture, damaged = on_device[:, :3].contiguous(memory_format=torch.channels_last), on_device[:, 3:]
        damaged_here = _is_damaged(stacked)
        posterior = self.old.encoder.posterior(
            interpolated(picture, damaged > 0) if damaged_here else picture
        )
        shape = (len(stacked) // len(generators), *posterior.mean.shape[1:])
        noise = torch.cat([torch.randn(shape, generator=one) for one in generators]).to(posterior.mean)
        return self._decoded(posterior.sample(noise), damaged if damaged_here else None)

    @torch.inference_mode()
    def _tiles(self, stacked: Tensor) -> Tensor:
        """Translate ``B×4×h×w``: three channels in [-1, 1] and the mask. A batch is damaged or it is not."""
        on_device = self.link.to_device(stacked)
        return self.link.to_host(self.on_device(on_device, damaged_here=_is_damaged(stacked)))

    @torch.inference_mode()
    def on_device(self, stacked: Tensor, *, damaged_here: bool) -> Tensor:
        """Translate ``B×4×h×w`` (three channels in [-1, 1], the mask) to ``B×3×h×w``, both on the device."""
        return (self._damaged if damaged_here else self._intact)(stacked)

    def _network(self, stacked: Tensor, *, damaged_here: bool) -> Tensor:
        picture, damaged = stacked[:, :3].contiguous(memory_format=torch.channels_last), stacked[:, 3:]
        latents = self.old.encoder(interpolated(picture, damaged > 0) if damaged_here else picture)
        restored = self._decoded(latents, damaged if damaged_here else None)
        if self.settings.codec_cancelling:
            lost = picture - self.old.generator(latents)
            restored = restored + self.settings.codec_cancelling * lost * intact_weight(damaged)
        restored = steadied(picture, restored, damaged, self.settings.tone_change)
        # The settings are shares of the full range, the pictures lie in [-1, 1].
        error, texture = 2 * self.settings.translation_error, 2 * self.settings.texture_level
        return restrained(picture, restored, damaged, error, texture)

    def _decoded(self, latents: Tensor, damaged: Tensor | None) -> Tensor:
        """Return ``G_Y(T(z, m))``; with no damage the global branch is skipped."""
        # No cache of converted weights: one made while a CUDA graph is recorded belongs to the recording.
        with torch.autocast(self.link.type, dtype=torch.bfloat16, enabled=self.rounded, cache_enabled=False):
            mapped = self.mapping(latents, latent_mask(damaged) if damaged is not None else None)
        return self.clean.generator(mapped.float())


def _stacked(grid: Grid, window: Window, pixels: Raster, mask: Raster) -> Tensor:
    """Return ``4×h×w``: the window's pixels in [-1, 1], and its mask as 0 and 1."""
    block = grid.read(pixels, window)
    unit = block if block.dtype == np.float32 else to_unit(block)
    damaged = torch.from_numpy(np.ascontiguousarray(grid.read(mask, window))).float()
    return torch.cat((channels_first(unit) * 2 - 1, damaged[None]))


def _is_damaged(tile: Tensor) -> bool:
    """Say whether a tile's mask (its last channel) has anything in it: if not, the global branch is skipped."""
    return bool(tile[..., -1, :, :].any())


def intact_weight(damaged: Tensor) -> Tensor:
    """Return 1 away from the damage, 0 in it and at the latent cells it touches, with a soft edge between."""
    touched = functional.max_pool2d(damaged, 2 * LATENT_STRIDE + 1, stride=1, padding=LATENT_STRIDE)
    return 1 - functional.avg_pool2d(
        touched, 2 * LATENT_STRIDE + 1, stride=1, padding=LATENT_STRIDE, count_include_pad=False
    )
