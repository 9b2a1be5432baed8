"""Laws of ageing with the batch: clean rows are aged, others stay, and training runs on it bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from oldphoto_core.degradation import PROFILES, sample_recipe
from oldphoto_core.training import late_ageing
from oldphoto_core.training.late_ageing import LateAgeing
from oldphoto_core.training.samples import UNTOUCHED
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import UNAGED, BlockDataset, batches_from
from oldphoto_core.training.tasks.base import mixed
from oldphoto_core.training.trainer import Trainer


@pytest.fixture
def settings(training_data: Path) -> TrainingSettings:
    return TrainingSettings(
        network="detector",
        config="compact",
        data=training_data,
        out=training_data / "weights" / "detector.safetensors",
        max_steps=4,
        batch=4,
        crop=64,
        workers=0,
        ageing="device",
    )


def test_only_clean_rows_are_aged(settings: TrainingSettings) -> None:
    dataset = BlockDataset(mixed(settings, {"aged": 0.5, "annotated": 0.5}), batch=8, crop=64, seed=0)
    batch = next(batches_from(0, dataset, workers=0))
    unaged = batch.pop(UNAGED).flatten() > 0
    assert unaged.any()
    assert not unaged.all()
    ageing = LateAgeing(settings.data, side=64, seed=0, device=torch.device("cpu"))
    aged = ageing.apply(batch, unaged, seed=3)
    for name, tensor in batch.items():
        assert torch.equal(aged[name][~unaged], tensor[~unaged])
    assert (aged["aged"][unaged] != aged["clean"][unaged]).any()
    assert aged["aged"].abs().max() <= 1
    assert set(aged["mask"].unique().tolist()) <= {0.0, 1.0}


def test_as_many_stay_untouched_as_among_samples_of_workers() -> None:
    """Their own share, and the recipes that happen to be empty."""
    rng, number = np.random.default_rng(0), 600
    untouched = sum(not late_ageing._recipe(rng).operations for _ in range(number)) / number
    empty = np.mean(
        [not sample_recipe(seed, PROFILES[name]).operations for seed in range(300) for name in PROFILES]
    )
    assert untouched == pytest.approx(UNTOUCHED + (1 - UNTOUCHED) * empty, abs=0.04)


def test_training_ages_its_batches(settings: TrainingSettings) -> None:
    trainer = Trainer(settings)
    assert trainer.late_ageing is not None
    before = [parameter.clone() for parameter in trainer.network.parameters()]
    trainer.run(until=1)
    assert any(not torch.equal(a, b) for a, b in zip(before, trainer.network.parameters(), strict=True))
