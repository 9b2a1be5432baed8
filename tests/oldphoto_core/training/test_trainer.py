"""Laws of training: it learns, it goes on where it stopped, and its weights are what the card says."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from oldphoto_core.errors import TrainingError, UsageError, WeightsError
from oldphoto_core.models.build import build
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.trainer import Status, Trainer, update_average
from oldphoto_core.weights.cards import AUTOENCODERS, read_card, shipped
from oldphoto_core.weights.installed import find_weights
from oldphoto_core.weights.store import load_weights
from tests.flows.material import write_weights
from tests.full_disk import no_file_larger_than


def _half_precision_agrees(network: nn.Module, path: Path) -> bool:
    """Say whether the file holds exactly this network's weights, rounded to half precision."""
    saved = load_file(path)
    return all(
        torch.equal(saved[name], tensor.half() if tensor.is_floating_point() else tensor)
        for name, tensor in network.state_dict().items()
    )


def _settings(network: str, data: Path, steps: int = 3, **changes: object) -> TrainingSettings:
    settings = TrainingSettings(
        network=network,
        config="compact",
        data=data,
        out=data / "weights" / f"{network}.safetensors",
        max_steps=steps,
        batch=2,
        crop=64,
        workers=0,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("network", ["detector", "vae-old", "vae-clean"])
def test_training_writes_weights_that_load_strictly(network: str, training_data: Path) -> None:
    settings = _settings(network, training_data)
    trainer = Trainer(settings)
    written = trainer.run()
    assert _half_precision_agrees(trainer.average, written)
    identity = load_weights(build(network, "compact"), written)
    card = read_card(written)
    assert identity.sha256 == card["sha256"]
    assert card["steps"] == 3
    assert card["crops"] == 6
    assert sum(card["data"].values()) > 0


def test_a_training_starts_from_given_weights_and_says_so(training_data: Path) -> None:
    first = Trainer(_settings("detector", training_data, 1)).run()
    out = training_data / "again" / "detector.safetensors"
    settings = _settings("detector", training_data, 1, start=first, out=out)
    trainer = Trainer(settings)
    assert _half_precision_agrees(trainer.network, first)
    assert read_card(trainer.run())["started_from"] == read_card(first)["sha256"]


def test_weights_that_are_replaced_by_what_starts_from_them_are_named(training_data: Path) -> None:
    settings = _settings("detector", training_data, 2)
    first = read_card(Trainer(replace(settings, max_steps=1)).run())["sha256"]
    again = replace(settings, start=settings.out, seed=1)
    Trainer(again).run(until=1)
    assert read_card(settings.out)["sha256"] != first
    assert read_card(Trainer(replace(again, resume=True)).run())["started_from"] == first


@pytest.mark.parametrize(("network", "multiple"), [("detector", 16), ("vae-old", 4)])
def test_a_crop_that_the_network_cannot_halve_is_refused(
    training_data: Path, network: str, multiple: int
) -> None:
    with pytest.raises(UsageError, match=f"multiple of {multiple} for --crop"):
        Trainer(_settings(network, training_data, crop=2 * multiple + 1))


def test_a_checkpoint_of_something_else_is_refused(training_data: Path) -> None:
    settings = _settings("detector", training_data, 1)
    Trainer(settings).run()
    other = replace(settings, network="vae-old", resume=True)
    with pytest.raises(
        UsageError, match=r"detector\.checkpoint\.pt is no checkpoint that vae-old can go on from"
    ):
        Trainer(other)
    checkpoint = settings.out.with_suffix(".checkpoint.pt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(UsageError, match="leave --resume out"):
        Trainer(replace(settings, resume=True))


def test_mapping_trains_between_two_frozen_autoencoders(training_data: Path) -> None:
    pair = {}
    for name in ("vae-old", "vae-clean"):
        pair[name.replace("-", "_")] = Trainer(_settings(name, training_data, 1)).run()
    trainer = Trainer(_settings("mapping", training_data, **pair))
    frozen = {k: v.clone() for k, v in trainer.task.old.state_dict().items()}  # type: ignore[attr-defined]
    before = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    trainer.run()
    after = trainer.network.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(torch.equal(frozen[n], v) for n, v in trainer.task.old.state_dict().items())  # type: ignore[attr-defined]


def test_a_mapping_goes_with_the_autoencoders_beside_it_and_says_so(training_data: Path) -> None:
    settings = _settings("mapping", training_data, 1)
    folder = write_weights(settings.out.parent)
    shas = {
        entry: read_card(folder / f"{name}.safetensors")["sha256"] for name, entry in AUTOENCODERS.items()
    }
    Trainer(settings).run()
    assert shas.items() <= read_card(settings.out).items()
    find_weights("compact", folder)
    more = replace(settings, resume=True, max_steps=2)
    Trainer(more).run()
    assert shas.items() <= read_card(settings.out).items()
    with pytest.raises(UsageError, match=r"mapping can go on from \(vae_old_sha256 was"):
        Trainer(replace(more, vae_old=shipped("compact", "vae-old")))


def test_a_checkpoint_that_names_no_autoencoders_is_gone_on_from(training_data: Path) -> None:
    settings = _settings("mapping", training_data, 1)
    trainer = Trainer(settings)
    trainer.run()
    state = torch.load(trainer.checkpoint_path, weights_only=True)
    del state["belongs_to"]
    torch.save(state, trainer.checkpoint_path)
    assert Trainer(replace(settings, resume=True)).step == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": "papr"}, "papr.*compact, paper"),
        ({"optimiser": "Muon"}, "--optimiser 'Muon' is neither adam nor muon"),
        ({"ageing": "cellar"}, "--ageing 'cellar' is neither workers nor device"),
        ({"learning_rate": -1.0}, "--learning-rate -1.0"),
        ({"learning_rate": 0.0}, "--learning-rate"),
        ({"learning_rate": float("nan")}, "--learning-rate"),
        ({"learning_rate": float("inf")}, "--learning-rate"),
        ({"budget_minutes": float("nan")}, "--budget"),
        ({"out": Path("y.json")}, r"y\.json .*\.safetensors"),
        ({"out": Path("y.csv")}, r"y\.csv .*\.safetensors"),
        ({"out": Path("folder")}, r"folder .*\.safetensors"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _settings("detector", Path("data"), **changes)


def test_the_detector_learns(training_data: Path) -> None:
    settings = _settings("detector", training_data, 40, learning_rate=2e-3, real_share=1.0, warm_up_steps=1)
    Trainer(settings).run()
    with settings.out.with_suffix(".csv").open() as stream:
        totals = [float(row["total"]) for row in csv.DictReader(stream)]
    assert totals[-1] < totals[0]


def test_resume_goes_on_from_the_checkpoint(training_data: Path) -> None:
    settings = _settings("detector", training_data, 2)
    first = Trainer(settings)
    first.run()
    second = Trainer(replace(settings, resume=True, max_steps=5))
    assert second.step == 2
    for held, saved in zip(second.network.parameters(), first.network.parameters(), strict=True):
        assert torch.equal(held, saved)
    second.run()
    assert read_card(settings.out)["steps"] == 5


def test_average_follows_slowly() -> None:
    average, network = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(average.weight)
    torch.nn.init.ones_(network.weight)
    update_average(average, network, decay=0.9, step=10_000)
    assert average.weight.item() == pytest.approx(0.1)


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clean").mkdir()
    with pytest.raises(UsageError, match="--data"):
        Trainer(_settings("vae-clean", tmp_path)).run()


def test_changed_weights_are_refused(training_data: Path) -> None:
    written = Trainer(_settings("vae-old", training_data, 1)).run()
    card = json.loads(written.with_suffix(".json").read_text())
    written.with_suffix(".json").write_text(json.dumps({**card, "sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="SHA-256"):
        load_weights(build("vae-old", "compact"), written)


def test_weights_of_another_network_are_refused(training_data: Path) -> None:
    written = Trainer(_settings("vae-old", training_data, 1)).run()
    with pytest.raises(WeightsError, match="does not fit"):
        load_weights(build("detector", "compact"), written)


def test_missing_weights_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="oldphoto train"):
        load_weights(build("detector", "compact"), tmp_path / "none.safetensors")


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(training_data: Path) -> None:
    settings = _settings("vae-clean", training_data, 1)
    Trainer(settings).run()
    before = settings.out.with_suffix(".checkpoint.pt").read_bytes()
    broken = Trainer(replace(settings, resume=True, max_steps=40))
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="--learning-rate"):
        broken.run()
    assert settings.out.with_suffix(".checkpoint.pt").read_bytes() == before


def test_ctrl_c_keeps_a_checkpoint(training_data: Path) -> None:
    """Interrupted while its first point of the curves is reported: step 20 is what it goes on from."""
    settings = _settings("vae-clean", training_data, 40, batch=1, crop=32)

    def interrupt(status: Status) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trainer(settings).run(interrupt)
    assert Trainer(replace(settings, resume=True)).step == 20


def test_an_interrupt_waits_for_the_end_of_its_step(
    training_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with processes that make batches: a terminal's Ctrl-C reaches them all."""
    settings = _settings("vae-clean", training_data, 40, batch=1, crop=32, workers=1)
    trainer, descend = Trainer(settings), Trainer._descend

    def interrupted(self: Trainer, *given: Any) -> None:
        descend(self, *given)
        if self.step == 2:
            for process in (*multiprocessing.active_children(), multiprocessing.current_process()):
                os.kill(process.pid or 0, signal.SIGINT)

    monkeypatch.setattr(Trainer, "_descend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    monkeypatch.undo()
    stopped = Trainer(replace(settings, resume=True))
    whole = Trainer(replace(settings, out=settings.out.with_name("whole.safetensors")))
    whole.run(until=3)
    assert stopped.step == 3
    for mine, theirs in zip(stopped.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("limit", [20_000, 3_000_000])
def test_a_full_disk_is_told_and_keeps_the_checkpoint(training_data: Path, limit: int) -> None:
    settings = _settings("vae-clean", training_data, 1, batch=1, crop=32)
    Trainer(settings).run()
    folder = settings.out.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    more = Trainer(replace(settings, max_steps=2, resume=True))
    with no_file_larger_than(limit), pytest.raises(TrainingError, match="--resume"):
        more.run()
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() == before.keys()
    checkpoint = settings.out.with_suffix(".checkpoint.pt").name
    assert after[checkpoint] == before[checkpoint]


def test_weights_that_are_no_numbers_replace_no_checkpoint(training_data: Path) -> None:
    settings = _settings("vae-clean", training_data, 12, batch=1, crop=32, checkpoint_seconds=0)
    Trainer(settings).run(until=3)
    saved = settings.out.with_suffix(".checkpoint.pt").read_bytes()
    broken = Trainer(replace(settings, resume=True))
    with torch.no_grad():
        next(broken.network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="--learning-rate"):
        broken.run(until=6)
    assert settings.out.with_suffix(".checkpoint.pt").read_bytes() == saved


def test_an_average_that_half_precision_cannot_hold_replaces_no_checkpoint(training_data: Path) -> None:
    settings = _settings("vae-clean", training_data, 1, batch=1, crop=32)
    trainer = Trainer(settings)
    trainer.run()
    before = {path.name: path.read_bytes() for path in settings.out.parent.iterdir()}
    with torch.no_grad():
        next(trainer.average.parameters()).fill_(1e6)
    with pytest.raises(TrainingError, match="--learning-rate"):
        trainer.save()
    assert {path.name: path.read_bytes() for path in settings.out.parent.iterdir()} == before


def test_a_point_of_the_curves_is_the_mean_of_the_steps_since_the_one_before(
    training_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings("vae-clean", training_data, 40, batch=1, crop=32)
    trainer, totals, said = Trainer(settings), list[float](), list[float]()
    step = trainer._train_step

    def noted(batch: Any) -> Any:
        losses = step(batch)
        totals.append(losses["total"].item())
        return losses

    monkeypatch.setattr(trainer, "_train_step", noted)
    trainer.run(lambda status: said.append(status.losses["total"]))
    assert said == pytest.approx([sum(totals[:20]) / 20, sum(totals[20:]) / 20])
    assert trainer.curves.thinned()["total"] == pytest.approx(said, abs=1e-4)


def test_curves_are_those_of_this_training(training_data: Path) -> None:
    settings = _settings("vae-clean", training_data, 60, batch=1, crop=32)
    first = Trainer(settings)
    first.run(until=25)
    first.curves.add(40, {"total": 9.0})
    resumed = Trainer(replace(settings, resume=True))
    resumed.run(until=45)
    assert resumed.curves.thinned()["step"] == [20, 40]
    again = Trainer(settings)
    assert again.curves.thinned()["step"] == []
