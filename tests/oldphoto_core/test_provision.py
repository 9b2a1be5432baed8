"""What is known of a restorer before it is loaded is what the loaded one says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.build import build
from oldphoto_core.provision import find_provision
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.weights.store import save_weights

CARD = {"name": "test", "version": "0", "licence": "none"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    for name in ("detector", "vae-old", "vae-clean", "mapping"):
        save_weights(build(name, "compact"), folder / f"{name}.safetensors", CARD)
    return folder


def test_it_is_what_a_restorer_is_made_of(weights: Path, tmp_path: Path) -> None:
    settings = RestoreSettings(dilation=3)
    for folder in (None, weights, tmp_path):
        known = find_provision(weights=folder, settings=settings)
        restorer = load_restorer(device="cpu", weights=folder, settings=settings)
        assert known == restorer.provision
        assert known.available_tiers == restorer.available_tiers
        assert bool(known.available_tiers) == (restorer.translator is not None)


def test_every_setting_of_the_faces_is_a_parameter(weights: Path) -> None:
    parameters = find_provision(weights=weights).parameters()
    json.dumps(parameters, allow_nan=False)
    assert parameters["faces"]["found_by"] == "network"
    assert parameters["faces"]["detector"]["minimum_score"] == 0.6


def test_torch_is_not_imported() -> None:
    program = (
        "import sys; from oldphoto_core.provision import find_provision; "
        "print(len(find_provision().available_tiers), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["3", "False"]


def test_weights_of_another_configuration_are_refused(tmp_path: Path) -> None:
    card = {**CARD, "settings": {"config": "paper"}}
    save_weights(build("detector", "compact"), tmp_path / "detector.safetensors", card)
    with pytest.raises(WeightsError, match=r"does not fit.*--config"):
        find_provision(weights=tmp_path)


def test_weights_that_are_not_those_of_their_card_are_refused(weights: Path, tmp_path: Path) -> None:
    for file in weights.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damaged = tmp_path / "mapping.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsError, match=r"mapping\.safetensors: SHA-256"):
        find_provision(weights=tmp_path)
