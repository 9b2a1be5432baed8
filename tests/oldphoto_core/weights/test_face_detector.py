"""Law: a face model among the weights finds the faces, and is part of what a result is made with."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from oldphoto_core.errors import WeightsError
from oldphoto_core.photo import Tier
from oldphoto_core.provision import find_provision
from oldphoto_core.restore import load_restorer
from oldphoto_core.weights.cards import SHIPPED, checked_card
from oldphoto_core.weights.face_detector import install, main
from tests.bright_faces import write_bright_faces


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bright_faces(tmp_path_factory.mktemp("model") / "bright.onnx")


@pytest.fixture
def folder(tmp_path: Path, model: Path) -> Path:
    install(model, tmp_path / "own", version="7", licence="MIT")
    return tmp_path / "own"


def test_faces_are_found_by_it(folder: Path) -> None:
    restorer = load_restorer(device="cpu", weights=folder)
    assert restorer.available_tiers == tuple(Tier)
    assert restorer.provision == find_provision(weights=folder)
    assert restorer.provision.parameters()["faces"]["found_by"] == "yunet"
    identity = restorer.weights["face-detector"]
    assert (identity.name, identity.version, identity.licence) == ("yunet", "7", "MIT")
    photo = np.zeros((160, 192), np.uint8)
    photo[64:96, 64:96] = 255
    mask = np.zeros(photo.shape, bool)
    mask[140:144] = True
    found = restorer.restore(photo, mask=mask, tier=Tier.CONSERVED)
    assert [face.box for face in found.faces] == [(48, 48, 64, 64)]


def test_without_it_our_own_finds_them(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        provision = find_provision(weights=folder)
        assert provision.weights["face-detector"].name == "face-detector-compact"
        assert provision.parameters()["faces"]["found_by"] == "network"


def test_it_takes_the_place_of_ours(tmp_path: Path, model: Path) -> None:
    for suffix in (".safetensors", ".json"):
        name = f"face-detector{suffix}"
        shutil.copyfile(SHIPPED / "compact" / name, tmp_path / name)
    assert find_provision(weights=tmp_path).weights["face-detector"].name == "face-detector-compact"
    install(model, tmp_path, version="7", licence="MIT")
    assert find_provision(weights=tmp_path).weights["face-detector"].name == "yunet"


def test_a_folders_own_weights_stay_as_they_are(tmp_path: Path, model: Path) -> None:
    own = tmp_path / "tone.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copyfile((SHIPPED / "compact" / "tone").with_suffix(suffix), own.with_suffix(suffix))
    install(model, tmp_path, version="7", licence="MIT")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "face-detector.json",
        "face-detector.onnx",
        "tone.json",
        "tone.safetensors",
    ]


def test_it_can_be_replaced(folder: Path, model: Path) -> None:
    path = install(model, folder, version="8", licence="MIT")
    assert checked_card(path)["version"] == "8"
    assert find_provision(weights=folder).weights["face-detector"].version == "8"


def test_what_opencv_cannot_run_is_refused_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(SystemExit, match="1"):
        main([str(broken), str(tmp_path / "own"), "--version", "1", "--licence", "MIT"])
    assert "broken.onnx: OpenCV cannot read this" in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


def test_the_command_says_how_to_use_it(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(model), str(tmp_path / "own"), "--version", "1", "--licence", "MIT"])
    assert f"--weights {tmp_path / 'own'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "words"), [("bytes", "SHA-256 is"), ("card", "weights.face_detector MODEL")]
)
def test_another_model_under_its_card_is_refused(folder: Path, damage: str, words: str) -> None:
    if damage == "bytes":
        (folder / "face-detector.onnx").write_bytes(b"other")
    else:
        (folder / "face-detector.json").unlink()
    for find in (lambda: find_provision(weights=folder), lambda: load_restorer(device="cpu", weights=folder)):
        with pytest.raises(WeightsError, match=words):
            find()
