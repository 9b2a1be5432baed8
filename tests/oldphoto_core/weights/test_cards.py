"""Law: a damaged card is told as one, with what to do; and an earlier card stays until the next is whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.build import build
from oldphoto_core.weights.cards import add_metrics, checked_card, read_card, write_card
from oldphoto_core.weights.load import load_networks
from oldphoto_core.weights.store import load_weights, save_weights

CARD: dict[str, Any] = {"name": "tone", "version": "0", "licence": "none", "settings": {"config": "compact"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tone.safetensors"
    save_weights(build("tone", "compact"), path, CARD)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged"),
        ('{"name": "tone", ', "damaged"),
        ("\udcff", "damaged"),
        ("[]", "no model card"),
        ("null", "no model card"),
        ("{}", "name, version, sha256, licence"),
        (json.dumps({**CARD, "sha256": "0" * 64, "licence": None}), r"\(licence\)"),
        (json.dumps({**CARD, "sha256": "0" * 64, "settings": None}), r"\(settings\)"),
    ],
)
def test_a_damaged_card_is_told_with_what_to_do(path: Path, text: str, words: str) -> None:
    path.with_suffix(".json").write_bytes(text.encode(errors="surrogateescape"))
    for read in (read_card, checked_card, lambda path: load_networks("compact", path.parent)):
        with pytest.raises(WeightsError, match=words) as caught:
            read(path)
        assert "tone.json" in str(caught.value)
        assert "oldphoto train" in str(caught.value)


def test_weights_are_those_that_their_card_describes(path: Path) -> None:
    network = build("tone", "compact")
    assert checked_card(path)["sha256"] == load_weights(network, path).sha256
    assert path.stat().st_mode & 0o777 == 0o644, "every worker reads them"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    for use in (checked_card, lambda path: load_weights(network, path), lambda path: add_metrics(path, {})):
        with pytest.raises(WeightsError, match="SHA-256 is"):
            use(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_that_are_no_finite_numbers_are_neither_saved_nor_loaded(path: Path, value: float) -> None:
    """1e6 is one in float32 and none in half precision."""
    sound, broken = path.read_bytes(), build("tone", "compact")
    with torch.no_grad():
        next(broken.parameters()).fill_(value)
    with pytest.raises(WeightsError, match=r"tone\.safetensors is not written"):
        save_weights(broken, path, CARD)
    assert path.read_bytes() == sound
    save_file({name: tensor.half() for name, tensor in broken.state_dict().items()}, path)
    write_card(path, {**CARD, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    with pytest.raises(WeightsError, match="not finite"):
        load_weights(build("tone", "compact"), path)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_weights_or_a_card_alone_are_none(path: Path, suffix: str) -> None:
    path.with_suffix(suffix).unlink()
    for use in (read_card, checked_card, lambda path: load_weights(build("tone", "compact"), path)):
        with pytest.raises(WeightsError, match=r"tone\.json is missing"):
            use(path)


def test_a_card_that_cannot_be_written_leaves_the_earlier_one(path: Path) -> None:
    before = read_card(path)
    with pytest.raises(UnicodeEncodeError):
        write_card(path, {**before, "name": "half\ud800"})
    assert read_card(path) == before
    add_metrics(path, {"psnr": 30})
    assert read_card(path) == {**before, "metrics": {"psnr": 30}}
    assert sorted(file.name for file in path.parent.iterdir()) == ["tone.json", "tone.safetensors"]
