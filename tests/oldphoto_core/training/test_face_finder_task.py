"""The face detector is trained like any other network, and learns what a face is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from oldphoto_core.models.build import build_face_finder
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import BlockDataset
from oldphoto_core.training.tasks import FaceFinderTask
from oldphoto_core.training.tasks.face_finder import focal
from oldphoto_core.training.trainer import Trainer
from oldphoto_core.weights.cards import checked_card
from oldphoto_core.weights.store import load_weights
from tests.oldphoto_core.training.marked_photos import write_marked_photos


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    (tmp_path / "data").mkdir()
    return TrainingSettings(
        network="face-detector",
        config="compact",
        data=write_marked_photos(tmp_path / "data"),
        out=tmp_path / "face-detector.safetensors",
        max_steps=3,
        batch=4,
        crop=96,
        workers=0,
    )


def test_it_is_trained_and_loaded(settings: TrainingSettings) -> None:
    path = Trainer(settings).run()
    card = checked_card(path)
    assert card["name"] == "face-detector-compact"
    assert card["data"] == {"clean": 4, "faces": 4, "old": 4}
    load_weights(build_face_finder("compact"), path)


def test_every_sample_is_given_once_as_it_was_drawn(settings: TrainingSettings) -> None:
    task = FaceFinderTask(settings)
    blocks = BlockDataset(task.mixes, batch=4, crop=96, seed=0, reuse=2)
    assert (blocks.patch, blocks.crops_per_sample) == (96, 1)
    (batch, *_) = blocks[0]
    assert batch["luminance"].shape == (4, 1, 96, 96)
    assert batch["target"].shape == (4, 15, 12, 12)


def test_the_truth_costs_less_than_anything_else(settings: TrainingSettings) -> None:
    task = FaceFinderTask(settings)
    batch = {
        name: tensor.float()
        for name, tensor in BlockDataset(task.mixes, batch=8, crop=96, seed=0)[0][0].items()
    }
    assert batch["target"][:, 1].any()
    truth = torch.cat((20 * (2 * batch["target"][:, 1:2] - 1), batch["target"][:, 2:]), dim=1)
    task.network = torch.nn.Module()
    costs = []
    for off in (0.0, 0.05):
        task.network.forward = lambda _luminance, off=off: truth + off  # type: ignore[method-assign]
        costs.append(float(task.losses(batch, adversarial=False)["total"]))
    assert costs[0] < 1e-6 < costs[1]


def test_the_focal_loss_forgives_what_is_nearly_right() -> None:
    loss = focal(torch.tensor([0.0, 3.0, -3.0]), torch.ones(3))
    assert float(loss[0]) == pytest.approx(0.25 * 0.6931, rel=1e-3)
    assert float(loss[1]) < 0.001 < 1 < float(loss[2])
