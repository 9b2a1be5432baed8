"""Translate a photo on a GPU: stored pixels go there, stored pixels come back.

Several threads each take a batch all the way: read, send, compute, fetch, write. While one batch is computed the
others' pixels are copied. What lies between bytes and networks (scaling, mixing, rounding) is done on the device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from oldphoto_core.device import BATCH_PIXELS, Fetch
from oldphoto_core.latent.batches import Batch, batches
from oldphoto_core.latent.passage import Passage
from oldphoto_core.measure import ChangeMeter
from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.raster import Raster
from oldphoto_core.tensors import sendable, to_be_fetched, unit_of_sent
from oldphoto_core.threads import done_in_threads
from oldphoto_core.tiling import Grid, Window


def translate_streamed(
    passage: Passage, grid: Grid, chosen: list[Window], restored: Raster | None, meter: ChangeMeter
) -> None:
    """Translate the chosen windows, write them where a target is given, and measure them.

    Args:
        passage: the photo and the networks.
        grid, chosen: the tiles' geometry, and which of them.
        restored: shaped and typed like the photo, or None.
        meter: takes in what changed.
    """
    link = passage.translator.link
    stream = _Stream(passage, grid, restored, meter)
    done_in_threads(stream.do, batches(grid, passage.mask, chosen, BATCH_PIXELS), link.lanes)


class _Stream:
    """What all batches of one photo share."""

    def __init__(self, passage: Passage, grid: Grid, restored: Raster | None, meter: ChangeMeter) -> None:
        self.passage, self.grid, self.restored, self.meter = passage, grid, restored, meter
        self.translator, self.link = passage.translator, passage.translator.link
        self.pixels, self.mask = passage.pixels, passage.mask
        self.offset = torch.from_numpy(passage.correction.offset).view(1, 3, 1, 1).to(self.link.device)
        self.kind = PixelKind.of(self.pixels) if restored is not None else None

    def do(self, batch: Batch) -> None:
        """Take one batch all the way."""
        stored, masks = self._read(batch)
        levels, samples = self.link.launched(lambda: self._launch(batch, stored, masks))
        made = levels.array() if levels is not None else None
        for number, (window, sample) in enumerate(zip(batch.windows, samples, strict=True)):
            kept = self._kept(window)
            top, left, _, _ = self.grid.kept(window)
            if made is not None and self.restored is not None:
                self.restored.write(top, left, made[number][kept].view(self.pixels.dtype))
            first = self.meter.sampled(top, left)
            before = stored.numpy()[number].view(self.pixels.dtype)[kept][first]
            after = np.moveaxis(sample.array(), 0, 2)
            self.meter.add_sample(top, left, to_unit(before), after, masks.numpy()[number][kept][first])

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return ``B×h×w`` or ``B×h×w×3`` sendable pixels, and the mask ``B×h×w`` bool, in main memory."""
        one = batch.windows[0]
        shape = (len(batch.windows), one.bottom - one.top, one.right - one.left)
        dtype = torch.uint8 if self.pixels.dtype == np.uint8 else torch.int16
        stored = self.link.buffer((*shape, *self.pixels.shape[2:]), dtype)
        masks = self.link.buffer(shape, torch.bool)
        for number, window in enumerate(batch.windows):
            stored.numpy()[number] = sendable(self.grid.read(self.pixels, window))
            masks.numpy()[number] = self.grid.read(self.mask, window)
        return stored, masks

    def _launch(self, batch: Batch, stored: Tensor, masks: Tensor) -> tuple[Fetch | None, list[Fetch]]:
        """Begin all that the device has to do; return the stored result, and what is measured of each window."""
        unit = unit_of_sent(self.link.sent(stored))
        damaged = self.link.sent(masks)[:, None].float()
        seen = self._corrected(unit) if self.passage.correction.changes else unit
        stacked = torch.cat((seen * 2 - 1, damaged), dim=1)
        translated = (self.translator.on_device(stacked, damaged_here=batch.damaged).float() + 1) / 2
        applied = self.passage.strength + (1 - self.passage.strength) * damaged
        done = unit + applied * (translated - unit)
        levels = self.link.fetch(to_be_fetched(done, self.kind)) if self.kind is not None else None
        samples = []
        for number, window in enumerate(batch.windows):
            top, left, _, _ = self.grid.kept(window)
            rows, columns = self.meter.sampled(top, left)
            samples.append(self.link.fetch(self.grid.crop(window, done[number])[:, rows, columns]))
        return levels, samples

    def _corrected(self, unit: Tensor) -> Tensor:
        """Do what `ToneCorrection.applied` does."""
        return (self.passage.correction.gain * unit + self.offset).clamp(0, 1)

    def _kept(self, window: Window) -> tuple[slice, slice]:
        """Return which part of a window's result is kept."""
        top, left, bottom, right = (edge + self.grid.border for edge in self.grid.kept(window))
        return slice(top - window.top, bottom - window.top), slice(left - window.left, right - window.left)
