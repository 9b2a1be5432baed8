"""Measuring the latent domain: deterministic, of training photographs alone, and bound to its autoencoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import train
from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.training.domain import measure_domain
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.load import load_networks
from tests.flows.material import write_weights
from tests.oldphoto_core.training.conftest import write_views


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "weights")


def _data(folder: Path, number: int = 6) -> Path:
    for name in ("old", "clean"):
        write_views(folder / name, number)
    return folder


def test_the_same_photographs_give_the_same_bytes_and_others_do_not(tmp_path: Path, weights: Path) -> None:
    data, vae = _data(tmp_path / "data"), weights / "vae-old.safetensors"
    first = measure_domain(data, tmp_path / "a.safetensors", vae_old=vae).read_bytes()
    write_views(data / "old", 3, validation=True)
    assert measure_domain(data, tmp_path / "b.safetensors", vae_old=vae).read_bytes() == first
    assert measure_domain(data, tmp_path / "c.safetensors", vae_old=vae, seed=1).read_bytes() != first
    card = read_card(tmp_path / "a.safetensors")
    assert card["photographs"] == 12
    assert card["data"] == {"old": 6, "clean": 6}
    assert card["vae_old_sha256"] == read_card(vae)["sha256"]


def test_too_few_photographs_are_refused(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(UsageError, match="4 photographs"):
        measure_domain(
            _data(tmp_path / "data", 2), tmp_path / "a.safetensors", vae_old=weights / "vae-old.safetensors"
        )


def test_the_domain_is_loaded_with_its_autoencoder_and_with_no_other(tmp_path: Path, weights: Path) -> None:
    assert load_networks("compact", weights).latent_domain is None
    path = weights / "latent-domain.safetensors"
    measure_domain(_data(tmp_path / "data"), path)
    assert load_networks("compact", weights).latent_domain is not None
    other = write_weights(tmp_path / "other", brighter=0.0)
    # An ablation's autoencoder is another one: the domain of the folder behind it says nothing about it.
    (other / "vae-old.json").write_text(json.dumps(read_card(other / "vae-old.safetensors") | {"name": "x"}))
    assert load_networks("compact", other, lacking=weights).latent_domain is None
    (other / "vae-old.safetensors").unlink()
    assert load_networks("compact", other, lacking=weights).latent_domain is not None
    path.with_suffix(".json").write_text(json.dumps(read_card(path) | {"vae_old_sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="train latent-domain"):
        load_networks("compact", weights)


def test_it_is_measured_from_the_command_line(tmp_path: Path, weights: Path) -> None:
    app = typer.Typer()
    train.register(app)
    out = tmp_path / "latent-domain.safetensors"
    arguments = ["latent-domain", "--data", str(_data(tmp_path / "data")), "--out", str(out), "--json"]
    done = CliRunner().invoke(app, [*arguments, "--vae-old", str(weights / "vae-old.safetensors")])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"weights": str(out), "photographs": 12}
