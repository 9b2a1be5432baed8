"""``oldphoto train`` as a user types it, on photographs that the test makes itself."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli import train
from oldphoto_core.errors import UsageError
from oldphoto_core.training.split import in_validation
from oldphoto_core.weights.cards import read_card
from tests.flows.material import write_weights


@pytest.fixture
def app() -> typer.Typer:
    commands = typer.Typer()
    train.register(commands)
    return commands


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "clean"
    folder.mkdir(parents=True)
    names = [n for n in (f"view-{i}.jpg" for i in range(20)) if not in_validation(n)][:2]
    for number, name in enumerate(names):
        coarse = np.random.default_rng(number).integers(40, 210, (6, 6, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), cv2.resize(coarse, (120, 90), interpolation=cv2.INTER_CUBIC))
    return folder.parent


def _arguments(network: str, data: Path, out: Path, *more: str) -> list[str]:
    common = ["--data", str(data), "--out", str(out), "--device", "cpu", "--workers", "0"]
    return [network, *common, "--batch", "2", "--crop", "64", *more]


def test_steps_are_trained_resumed_and_reported_as_json(app: typer.Typer, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "w" / "vae-clean.safetensors"
    for steps, more in ((1, ()), (2, ("--resume",))):
        given = _arguments("vae-clean", data, out, "--steps", str(steps), "--json", *more)
        result = CliRunner().invoke(app, given, catch_exceptions=False)
        document = json.loads(result.stdout)
        assert document["steps"] == steps
        assert document["weights"] == str(out)
    assert read_card(out)["steps"] == 2


def test_an_ablation_is_a_switch_and_stands_on_the_card(app: typer.Typer, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "vae-clean.safetensors"
    given = _arguments("vae-clean", data, out, "--steps", "1", "--no-variational")
    assert "1 steps" in CliRunner().invoke(app, given, catch_exceptions=False).stdout
    assert read_card(out)["without"] == ["variational latents"]


def test_a_mapping_names_the_autoencoders_beside_it(app: typer.Typer, data: Path, tmp_path: Path) -> None:
    folder = write_weights(tmp_path / "w")
    given = _arguments("mapping", data, folder / "mapping.safetensors", "--steps", "1")
    said = CliRunner().invoke(app, given, catch_exceptions=False).stdout
    beside = [str(folder / f"{name}.safetensors") for name in ("vae-old", "vae-clean")]
    assert f"between {beside[0]} and {beside[1]}" in said
    told = CliRunner().invoke(app, [*given, "--resume", "--json"], catch_exceptions=False).stdout
    assert json.loads(told)["between"] == beside


@pytest.mark.parametrize("network", ["latent-domain", "tone", "fading", "detector"])
@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("out.safetensors", ("--config", "papr"), "No configuration is called 'papr'"),
        ("out.json", (), r"out\.json is no name for weights"),
    ],
)
def test_what_would_make_no_usable_weights_is_refused_before_anything_is_read(
    app: typer.Typer, tmp_path: Path, network: str, name: str, more: tuple[str, ...], message: str
) -> None:
    given = _arguments(network, tmp_path / "no-data", tmp_path / name, "--steps", "1", *more)
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(app, given, catch_exceptions=False)


@pytest.mark.parametrize(
    ("network", "more", "message"),
    [
        ("colours", (), "No network is called"),
        ("vae-clean", ("--ageing", "cellar"), "workers nor device"),
        ("vae-clean", ("--optimiser", "Muon"), "neither adam nor muon"),
        ("vae-clean", ("--learning-rate", "0"), "Choose one above 0"),
        ("faces", (), "--data"),
    ],
)
def test_wrong_usage_names_the_remedy(
    app: typer.Typer, data: Path, tmp_path: Path, network: str, more: tuple[str, ...], message: str
) -> None:
    given = _arguments(network, data, tmp_path / "out.safetensors", "--steps", "1", *more)
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(app, given, catch_exceptions=False)
