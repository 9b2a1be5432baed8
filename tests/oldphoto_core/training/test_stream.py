"""Laws of the data's order: (seed, number) decides every crop; workers, stops and resumes change nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from oldphoto_core.errors import UsageError
from oldphoto_core.training.samples import Sample
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch, BlockDataset, Mix, batches_from, mirrored
from oldphoto_core.training.tasks.base import mixed


class _Ramp:
    """A picture that grows brighter from left to right and never from top to bottom."""

    def __init__(self, size: int) -> None:
        self.size = size

    def draw(self, rng: np.random.Generator) -> Sample:
        ramp = np.linspace(0, 200, self.size) + rng.integers(50)
        picture = np.broadcast_to(ramp[None, :, None], (self.size, self.size, 3)).astype(np.uint8)
        return {"aged": picture, "mask": (picture[..., 0] > 128).astype(np.uint8)}


def _first(dataset: BlockDataset, count: int, *, step: int = 0, workers: int = 0) -> list[Batch]:
    return list(islice(batches_from(step, dataset, workers=workers), count))


def _settings(data: Path) -> TrainingSettings:
    return TrainingSettings("detector", "compact", data, data / "weights" / "detector.safetensors")


def _equal(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)
        for a, b in zip(one, other, strict=True)
    )


def _dataset(seed: int = 0, **options: bool) -> BlockDataset:
    return BlockDataset({"ramp": Mix(1.0, _Ramp, **options)}, batch=2, crop=128, seed=seed)


def test_workers_change_nothing() -> None:
    count = _dataset().batches_per_block + 3
    assert _equal(_first(_dataset(), count), _first(_dataset(), count, workers=2))


def test_an_interrupt_ends_no_worker_that_has_only_begun() -> None:
    """A worker that is not a copy of its parent, as from Python 3.14 on, imports for seconds before it works."""

    def interrupt() -> None:
        while not multiprocessing.active_children():
            time.sleep(0.001)
        for worker in multiprocessing.active_children():
            os.kill(worker.pid or 0, signal.SIGINT)

    usual = multiprocessing.get_start_method()
    multiprocessing.set_start_method("spawn", force=True)
    other = threading.Thread(target=interrupt, daemon=True)
    other.start()
    try:
        assert _equal(_first(_dataset(), 1, workers=1), _first(_dataset(), 1))
    finally:
        multiprocessing.set_start_method(usual, force=True)
        other.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_starting_at_a_step_is_going_on_from_there() -> None:
    block = _dataset().batches_per_block
    everything = _first(_dataset(), block + 4)
    for step in (3, block, block + 1):
        assert _equal(_first(_dataset(), 3, step=step), everything[step : step + 3])


@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_wrong_with_the_data_is_told_in_one_line(training_data: Path, workers: int) -> None:
    for path in (training_data / "clean").iterdir():
        path.write_text("saved under a wrong name")
    dataset = BlockDataset(mixed(_settings(training_data), {"aged": 1.0}), batch=2, crop=64, seed=0)
    with pytest.raises(
        UsageError, match=r"^\S+clean-\d+\.jpg cannot be decoded\. Remove it from the [a-z ]+\.$"
    ):
        _first(dataset, 1, workers=workers)


def test_another_seed_gives_other_data() -> None:
    assert not _equal(_first(_dataset(0), 2), _first(_dataset(1), 2))


def test_upright_samples_are_mirrored_and_never_turned() -> None:
    for batch in _first(_dataset(upright=True), 8):
        assert (batch["aged"][:, :, :1] == batch["aged"]).all()
    turned = torch.cat([batch["aged"] for batch in _first(_dataset(), 8)])
    assert not (turned[:, :, :1] == turned).all()


def test_a_whole_upright_sample_is_given_as_it_is_and_mirrored() -> None:
    dataset = BlockDataset({"ramp": Mix(1.0, _Ramp, upright=True)}, batch=2, crop=256, seed=0)
    rising = [bool(row[0] < row[-1]) for batch in dataset[0] for row in batch["aged"][:, 0, 0].unbind()]
    assert sum(rising) * 2 == len(rising)


def test_mirroring_keeps_arrays_aligned() -> None:
    result = mirrored(_Ramp(32).draw(np.random.default_rng(0)))
    assert result["mask"][0, 0] == 1
    assert ((result["aged"][..., 0] > 128) == result["mask"]).all()


def test_sources_are_drawn_by_their_shares(training_data: Path) -> None:
    bright = Mix(3.0, partial(_Constant, 200))
    dark = Mix(1.0, partial(_Constant, 10))
    dataset = BlockDataset({"bright": bright, "dark": dark}, batch=8, crop=256, seed=0)
    pictures = torch.cat([batch["aged"].amax(dim=(1, 2, 3)) for batch in _first(dataset, 16)])
    assert 0.6 < (pictures > 0).float().mean() < 0.9
    assert set(mixed(_settings(training_data), {"aged": 1.0, "annotated": 0.0})) == {"aged"}


class _Constant:
    def __init__(self, level: int, *, size: int) -> None:
        self.picture = np.full((size, size, 3), level, np.uint8)

    def draw(self, rng: np.random.Generator) -> Sample:
        return {"aged": self.picture}


def test_batches_state_their_contract(training_data: Path) -> None:
    dataset = BlockDataset(
        mixed(_settings(training_data), {"aged": 0.5, "annotated": 0.5}), batch=4, crop=64, seed=1
    )
    batch = _first(dataset, 1)[0]
    assert batch["aged"].shape == batch["clean"].shape == (4, 3, 64, 64)
    assert batch["mask"].shape == batch["weight"].shape == (4, 1, 64, 64)
    assert batch["aged"].min() >= -1
    assert batch["aged"].max() <= 1
    assert set(batch["mask"].unique().tolist()) <= {0.0, 1.0}
