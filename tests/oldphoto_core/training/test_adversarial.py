"""Laws of adversarial training: discriminators learn to tell, networks to please, and neither moves the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from oldphoto_core.errors import UsageError
from oldphoto_core.models.patch_discriminator import MultiScaleDiscriminator, PatchDiscriminator
from oldphoto_core.training.settings import TrainingSettings, default_adversarial_from
from oldphoto_core.training.tasks import make_task
from oldphoto_core.training.tasks.adversary import LatentAdversary, PictureAdversary
from oldphoto_core.training.tasks.autoencoder import is_real_old
from oldphoto_core.training.trainer import Trainer
from oldphoto_core.weights.cards import read_card


@pytest.mark.parametrize("form", ["least-squares", "hinge"])
def test_a_discriminator_learns_to_tell_and_its_verdict_has_a_gradient(form: str) -> None:
    torch.manual_seed(0)
    adversary = PictureAdversary(MultiScaleDiscriminator(3, width=4, layers=2), form)  # type: ignore[arg-type]
    optimiser = torch.optim.Adam(adversary.judge.parameters(), 1e-2)
    made = torch.zeros(2, 3, 32, 32, requires_grad=True)
    real = torch.ones(2, 3, 32, 32)
    history = []
    for _ in range(30):
        adversary.fooled(made, real)
        loss = adversary.judgement()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0]
    assert made.grad is None
    fooled = adversary.fooled(made, real)
    (fooled.adversarial + fooled.matching).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0


def test_matching_is_zero_for_equal_pictures() -> None:
    adversary = PictureAdversary(MultiScaleDiscriminator(3, width=4, layers=2, spectral=False))
    picture = torch.rand(1, 3, 32, 32)
    assert adversary.fooled(picture, picture).matching.item() == 0


def test_latents_that_cannot_be_told_apart_leave_the_encoder_half_pleased() -> None:
    """Where the discriminator says ½ everywhere, both sides pay ¼ + ¼."""
    judge = PatchDiscriminator(4, width=4, layers=1, spectral=False)
    for parameter in judge.parameters():
        torch.nn.init.zeros_(parameter)
    last = judge.layers[-1]
    assert isinstance(last, torch.nn.Conv2d)
    assert last.bias is not None
    torch.nn.init.constant_(last.bias, 0.5)
    adversary = LatentAdversary(judge)
    old = torch.tensor([True, False, False])
    assert adversary.fooled(torch.randn(3, 4, 8, 8), old).item() == pytest.approx(0.5)
    assert adversary.judgement().item() == pytest.approx(0.5)


def test_real_old_photos_are_known_by_having_no_truth() -> None:
    weight = torch.zeros(3, 1, 4, 4)
    weight[1] = 1
    weight[2, 0, 0, 0] = 1
    assert is_real_old({"weight": weight}).tolist() == [True, False, False]


def _settings(network: str, data: Path, **changes: object) -> TrainingSettings:
    settings = TrainingSettings(
        network=network,
        config="compact",
        data=data,
        out=data / "weights" / f"{network}.safetensors",
        max_steps=6,
        batch=2,
        crop=64,
        workers=0,
        adversarial_from=0.5,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def _tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    parts = {"network": trainer.network, "average": trainer.average, "judges": trainer.judges}
    return {
        f"{part}.{name}": tensor.clone()
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }


def test_resuming_continues_bit_for_bit(training_data: Path) -> None:
    """Six steps in one go equal three, a stop, and three more with another number of workers."""
    settings = _settings("vae-old", training_data)
    whole = Trainer(replace(settings, out=training_data / "whole" / "vae-old.safetensors"))
    whole.run()
    Trainer(settings).run(until=3)
    resumed = Trainer(replace(settings, resume=True, workers=1))
    assert resumed.step == 3
    resumed.run()
    expected, found = _tensors(whole), _tensors(resumed)
    assert set(expected) == set(found)
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_discriminators_wait_for_their_share_of_the_run(training_data: Path) -> None:
    trainer = Trainer(_settings("vae-old", training_data))
    start = {name: tensor for name, tensor in _tensors(trainer).items() if name.startswith("judges")}
    trainer.run(until=3)
    before = _tensors(trainer)
    assert all(torch.equal(before[name], tensor) for name, tensor in start.items())
    trainer.run()
    after = _tensors(trainer)
    assert any(not torch.equal(after[name], tensor) for name, tensor in start.items())
    card = read_card(trainer.settings.out)
    assert card["without"] == []


def test_the_mapping_is_judged_on_decoded_pictures(training_data: Path) -> None:
    pair = {
        name.replace("-", "_"): Trainer(
            _settings(name, training_data, max_steps=1, adversarial_from=1.0)
        ).run()
        for name in ("vae-old", "vae-clean")
    }
    trainer = Trainer(_settings("mapping", training_data, max_steps=2, adversarial_from=0.0, **pair))
    frozen = {name: tensor.clone() for name, tensor in trainer.task.frozen.state_dict().items()}
    trainer.run()
    assert all(torch.equal(frozen[n], t) for n, t in trainer.task.frozen.state_dict().items())
    assert read_card(trainer.settings.out)["feature_network"] == "vae-clean encoder"


@pytest.mark.parametrize(
    ("network", "switch", "without"),
    [
        ("vae-old", {"alignment": False}, ["latent alignment"]),
        ("vae-clean", {"variational": False}, ["variational latents"]),
        ("vae-old", {"adversarial_from": 1.0}, ["latent alignment"]),
    ],
)
def test_an_ablation_trains_and_its_card_says_so(
    network: str, switch: dict[str, object], without: list[str], training_data: Path
) -> None:
    trainer = Trainer(_settings(network, training_data, max_steps=1, **switch))
    assert "latent" not in trainer.task.adversaries
    assert read_card(trainer.run())["without"] == without


def test_discriminators_are_off_where_time_is_short() -> None:
    assert default_adversarial_from("compact", "cpu") == 1.0
    assert default_adversarial_from("compact", "cuda") < 1.0
    assert default_adversarial_from("paper", "cpu") < 1.0


@pytest.mark.parametrize("network", ["detector", "vae-clean", "mapping", "faces"])
def test_a_feature_network_that_no_loss_would_use_is_refused(network: str, tmp_path: Path) -> None:
    settings = TrainingSettings(
        network, "compact", tmp_path, tmp_path / "out.safetensors", vgg=tmp_path / "vgg19.pth"
    )
    with pytest.raises(UsageError, match=rf"--vgg has no part in this training of {network}"):
        make_task(settings)
