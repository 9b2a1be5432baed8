"""The ``paper`` configuration trains as well: every loss, adversarial terms included, reaches every weight."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from oldphoto_core.models.build import build
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.tasks import make_task
from oldphoto_core.weights.store import save_weights

CARD = {"name": "untrained", "version": "0", "licence": "none"}


def _batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    clean = torch.rand(2, 3, 32, 32) * 2 - 1
    mask = torch.zeros(2, 1, 32, 32)
    mask[:, :, 10:14, 4:28] = 1
    weight = torch.ones(2, 1, 32, 32)
    weight[1] = 0
    return {"clean": clean, "aged": clean.flip(3), "mask": mask, "weight": weight}


@pytest.mark.parametrize("network", ["detector", "vae-old", "vae-clean", "mapping"])
def test_every_weight_has_a_gradient(network: str, tmp_path: Path) -> None:
    for name in ("vae-old", "vae-clean"):
        save_weights(build(name, "paper"), tmp_path / f"{name}.safetensors", CARD)
    settings = TrainingSettings(
        network=network,
        config="paper",
        data=tmp_path,
        out=tmp_path / "out.safetensors",
        adversarial_from=0.0,
        missed_share=0.0,
        vae_old=tmp_path / "vae-old.safetensors",
        vae_clean=tmp_path / "vae-clean.safetensors",
    )
    task = make_task(settings)
    task.network.train()
    losses = task.losses(_batch(), adversarial=True)
    losses["total"].backward()
    without = [name for name, p in task.network.named_parameters() if p.grad is None or not p.grad.any()]
    # Biases before a batch norm are taken off again by it.
    assert [name for name in without if not name.endswith("bias")] == []
    judged = task.judgements()
    assert set(judged) == {f"{name} judge" for name in task.adversaries}
    for loss in judged.values():
        assert torch.isfinite(loss)
