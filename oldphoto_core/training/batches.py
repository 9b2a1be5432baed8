"""Batches of samples as tensors, made by worker processes ahead of the training step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from oldphoto_core.training.samples import AgedSamples, AnnotatedSamples, OldSamples, Sample, crops

Batch = dict[str, Tensor]
PATCH = 256
SOURCES: dict[str, type[AgedSamples] | type[OldSamples] | type[AnnotatedSamples]] = {
    "aged": AgedSamples,
    "old": OldSamples,
    "annotated": AnnotatedSamples,
}


class CropStream(IterableDataset[Sample]):
    """An endless, seeded stream of crops mixed from several sources by their shares.

    Crops of one photograph are spread out by a shuffle buffer.
    """

    def __init__(self, data: Path, shares: dict[str, float], crop: int, seed: int) -> None:
        self.data, self.shares, self.crop, self.seed = data, shares, crop, seed

    def __iter__(self) -> Iterator[Sample]:
        """Yield crops for ever; each worker has a seed of its own."""
        # Workers share the cores with the training step.
        cv2.setNumThreads(1)
        info = get_worker_info()
        rng = np.random.default_rng((self.seed, info.id if info else 0))
        patch = max(PATCH, self.crop)
        per_sample = max(2, (patch // self.crop) ** 2)
        streams = {n: crops(SOURCES[n](self.data, patch), self.crop, per_sample, rng) for n in self.shares}
        names, weights = list(self.shares), np.array(list(self.shares.values()))
        buffer: list[Sample] = []
        while True:
            fresh = next(streams[names[rng.choice(len(names), p=weights / weights.sum())]])
            if len(buffer) < 64:
                buffer.append(fresh)
                continue
            place = int(rng.integers(len(buffer)))
            buffer[place], fresh = fresh, buffer[place]
            yield fresh


def batches(
    data: Path, shares: dict[str, float], *, batch: int, crop: int, seed: int, workers: int
) -> Iterator[Batch]:
    """Yield batches for ever: pictures ``B×3×H×W`` in [-1, 1], masks and weights ``B×1×H×W`` in {0, 1}."""
    loader: DataLoader[Sample] = DataLoader(
        CropStream(data, shares, crop, seed), batch_size=batch, num_workers=workers, collate_fn=_collate
    )
    yield from iter(loader)


def _collate(samples: list[Sample]) -> Batch:
    return {name: _tensor(np.stack([sample[name] for sample in samples])) for name in samples[0]}


def _tensor(stacked: NDArray[np.uint8]) -> Tensor:
    tensor = torch.from_numpy(stacked)
    if tensor.ndim == 3:
        return tensor[:, None].float()
    return tensor.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def luminance(pictures: Tensor) -> Tensor:
    """Return Rec. 601 luminance ``B×1×H×W`` of RGB ``B×3×H×W``, in the same range."""
    red, green, blue = pictures[:, :1], pictures[:, 1:2], pictures[:, 2:]
    return 0.299 * red + 0.587 * green + 0.114 * blue
