"""The order of the training data: which crops batch number n holds, decided by (seed, n) alone.

Neither the number of workers nor a stop and a resume changes a single crop. Drawing and ageing a sample is dear
and cutting it is not, so several crops are cut from each: a *block* of batches is made from its samples at once
and shuffled. One worker makes one block; the loader hands the blocks over in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from oldphoto_core.errors import OldPhotoError
from oldphoto_core.training.interrupts import left_to_the_trainer
from oldphoto_core.training.samples import Sample, cut, turned

Batch = dict[str, Tensor]
UNAGED = "unaged"
"""Key of a batch, where some of its rows are still to be aged: ``B×1×1×1``, 1 = so."""
PATCH = 256
"""Side of a sample that smaller crops are cut from."""
_SAMPLES_PER_CROP = 4
"""A block holds this many samples for each crop of a batch, so that a photograph's crops are spread out …"""
_SAMPLES = 128
"""… but no more than this many, or one for each crop of a larger batch: it is held in memory, by every worker."""


class Source(Protocol):
    """An endless supply of samples (see ``samples``)."""

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one sample."""
        ...


class SourceFactory(Protocol):
    """Opens a source of samples of ``size`` pixels; called in the worker, so it must be picklable."""

    def __call__(self, *, size: int) -> Source:
        """Return the opened source."""
        ...


@dataclass(frozen=True)
class Mix:
    """One source of a data mix: its share of the samples (any positive scale), and how to open it.

    ``upright`` samples (faces) are mirrored only; others also take quarter turns. ``unaged`` samples are clean
    and are to be aged with their batch (see ``late_ageing``). ``whole`` samples are crops already, each given once.
    """

    share: float
    open: SourceFactory
    upright: bool = False
    unaged: bool = False
    whole: bool = False


class BlockDataset(Dataset[list[Batch]]):
    """Blocks of batches by number; each is computed from (seed, number) alone.

    Args:
        mixes: sources by name.
        batch: crops a batch.
        crop: side of a crop in pixels.
        seed: of the whole run.
        reuse: at least so many crops are cut from a sample.
    """

    def __init__(self, mixes: Mapping[str, Mix], *, batch: int, crop: int, seed: int, reuse: int = 2) -> None:
        self.mixes, self.batch, self.crop, self.seed = dict(mixes), batch, crop, seed
        whole = all(mix.whole for mix in mixes.values())
        self.patch = crop if whole else max(PATCH, crop)
        self.crops_per_sample = 1 if whole else max(reuse, (self.patch // crop) ** 2)
        self.samples = max(batch, min(_SAMPLES_PER_CROP * batch, _SAMPLES))
        self._sources: dict[str, Source] = {}

    @property
    def batches_per_block(self) -> int:
        """How many batches one block holds."""
        return self.crops_per_sample * self.samples // self.batch

    def __getitem__(self, number: int) -> list[Batch]:
        """Return the batches of block ``number``."""
        # Workers share the cores with the training step.
        cv2.setNumThreads(1)
        rng = np.random.default_rng((self.seed, number))
        names = list(self.mixes)
        shares = np.array([self.mixes[name].share for name in names])
        crops: list[Sample] = []
        for choice in rng.choice(len(names), size=self.samples, p=shares / shares.sum()):
            crops += self._crops(names[choice], rng)
        order = rng.permutation(len(crops))
        return [
            collate([crops[place] for place in order[start : start + self.batch]])
            for start in range(0, self.batches_per_block * self.batch, self.batch)
        ]

    def _crops(self, name: str, rng: np.random.Generator) -> list[Sample]:
        if name not in self._sources:
            self._sources[name] = self.mixes[name].open(size=self.patch)
        sample = self._sources[name].draw(rng)
        mix = self.mixes[name]
        if mix.whole:
            return [sample]
        crops = [cut(sample, self.crop, rng) for _ in range(self.crops_per_sample)]
        if mix.upright:
            # Every other one: where the crop is the whole sample, none is given twice.
            crops[1::2] = [mirrored(crop) for crop in crops[1::2]]
        else:
            crops = [turned(crop, rng) for crop in crops]
        if any(other.unaged for other in self.mixes.values()):
            return [{**crop, UNAGED: np.full((1, 1), mix.unaged, np.uint8)} for crop in crops]
        return crops


class _Answers(Dataset[list[Batch] | OldPhotoError]):
    """Blocks, or what is wrong with the data: raised in a worker, it would come wrapped in the worker's traceback."""

    def __init__(self, blocks: BlockDataset) -> None:
        self.blocks = blocks

    def __getitem__(self, number: int) -> list[Batch] | OldPhotoError:
        try:
            return self.blocks[number]
        except OldPhotoError as error:
            return error


class _From(Sampler[int]):
    """Counts up from a number, for ever."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        number = self.first
        while True:
            yield number
            number += 1


def batches_from(
    step: int, dataset: BlockDataset, *, workers: int, device: torch.device | None = None
) -> Iterator[Batch]:
    """Yield the batches of step ``step``, ``step + 1``, … for ever, on ``device`` (None: the CPU).

    Pictures are ``B×3×H×W`` float32 in [-1, 1], channels last; masks ``B×1×H×W`` in {0, 1}, weights in
    {0, 1, 2, 3} (see ``verdicts``). :data:`UNAGED` stays on the CPU. What a source raises is raised here as it is,
    whatever process it was raised in.
    """
    where = device or torch.device("cpu")
    block, inside = divmod(step, dataset.batches_per_block)
    loader: DataLoader[list[Batch] | OldPhotoError] = DataLoader(
        _Answers(dataset),
        batch_size=None,
        sampler=_From(block),
        num_workers=workers,
        # From page-locked memory a GPU copies without waiting.
        pin_memory=where.type == "cuda",
        prefetch_factor=1 if workers else None,
    )
    with left_to_the_trainer():
        blocks = iter(loader)
    for block_of_batches in blocks:
        if isinstance(block_of_batches, OldPhotoError):
            raise block_of_batches
        for batch in block_of_batches[inside:]:
            yield {name: _moved(name, tensor, where) for name, tensor in batch.items()}
        inside = 0


def _moved(name: str, tensor: Tensor, device: torch.device) -> Tensor:
    """Return one entry of a batch as numbers on ``device``; bytes travel, numbers are made there."""
    if name == UNAGED:
        return tensor
    numbers = tensor.to(device, non_blocking=True).to(torch.float32, memory_format=torch.channels_last)
    return numbers / 127.5 - 1.0 if numbers.shape[1] == 3 else numbers


def mirrored(sample: Sample) -> Sample:
    """Mirror every array left to right."""
    return {name: np.ascontiguousarray(array[:, ::-1]) for name, array in sample.items()}


def collate(samples: list[Sample]) -> Batch:
    """Stack ``uint8`` samples as ``uint8`` tensors: colour arrays ``B×3×H×W``, others ``B×1×H×W``."""
    return {name: _tensor(np.stack([sample[name] for sample in samples])) for name in samples[0]}


def _tensor(stacked: NDArray[np.uint8]) -> Tensor:
    tensor = torch.from_numpy(stacked)
    if tensor.ndim == 3:
        return tensor[:, None]
    return tensor.permute(0, 3, 1, 2)
