"""Law: the average of checkpoints is the mean of their weights, and the card says of which."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.models.build import build, build_mapping
from oldphoto_core.weights.average import average, main
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.store import load_weights, save_weights


def _checkpoint(folder: Path, name: str, steps: int, value: float, network: str = "detector") -> Path:
    made = build(network, "compact")
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.fill_(value)
    path = folder / f"{name}.safetensors"
    settings = {"network": network, "config": "compact"}
    card = {"name": "x", "version": "0", "licence": "Apache-2.0", "settings": settings, "steps": steps}
    save_weights(made, path, card)
    return path


def test_a_mapping_without_its_nonlocal_block_is_averaged_as_one(tmp_path: Path) -> None:
    paths = []
    for name in "ab":
        path = tmp_path / f"{name}.safetensors"
        settings = {"network": "mapping", "config": "compact", "nonlocal_branch": False}
        card = {"name": "x", "version": "0", "licence": "Apache-2.0", "settings": settings, "steps": 1}
        save_weights(build_mapping("compact", nonlocal_branch=False), path, card)
        paths.append(path)
    out = tmp_path / "mean.safetensors"
    average(paths, out)
    load_weights(build_mapping("compact", nonlocal_branch=False), out)
    with pytest.raises(WeightsError, match="Only one network"):
        average([paths[0], _checkpoint(tmp_path, "c", 1, 0.5, "mapping")], out)


def test_what_has_no_checkpoints_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tone.safetensors"
    card = {
        "name": "tone-compact",
        "version": "0",
        "licence": "Apache-2.0",
        "settings": {"config": "compact"},
    }
    save_weights(build("tone", "compact"), path, card)
    with pytest.raises(WeightsError, match="tone-compact is fitted as a whole"):
        average([path, path], tmp_path / "mean.safetensors")


def test_weights_are_averaged_and_the_card_says_of_what(tmp_path: Path) -> None:
    checkpoints = [_checkpoint(tmp_path, "a", 10, 0.25), _checkpoint(tmp_path, "b", 20, 0.75)]
    out = tmp_path / "mean.safetensors"
    average(checkpoints, out)
    network = build("detector", "compact")
    load_weights(network, out)
    assert all((parameter == 0.5).all() for parameter in network.parameters())
    card = read_card(out)
    assert card["steps"] == 20
    assert [one["steps"] for one in card["averaged"]] == [10, 20]


def test_some_checkpoints_may_count_more(tmp_path: Path) -> None:
    first, second = _checkpoint(tmp_path, "a", 10, 0.25), _checkpoint(tmp_path, "b", 20, 0.75)
    out = tmp_path / "mean.safetensors"
    main([str(out), str(first), f"3:{second}"])
    network = build("detector", "compact")
    load_weights(network, out)
    assert all((parameter == 0.625).all() for parameter in network.parameters())
    assert [one["weight"] for one in read_card(out)["averaged"]] == [0.25, 0.75]


@pytest.mark.parametrize("importance", [0.0, -1.0, float("nan"), float("inf")])
def test_an_importance_is_a_positive_number(tmp_path: Path, importance: float) -> None:
    path, out = _checkpoint(tmp_path, "a", 1, 0.1), tmp_path / "mean.safetensors"
    with pytest.raises(UsageError, match="not a positive number"):
        average([path, path], out, [1.0, importance])
    assert not out.exists()


def test_a_damaged_file_gets_no_new_card(tmp_path: Path) -> None:
    path, out = _checkpoint(tmp_path, "a", 1, 0.1), tmp_path / "mean.safetensors"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(WeightsError, match=r"a\.safetensors: SHA-256 is"):
        average([path], out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("mean.safetensors", "x:a.safetensors"), 2, "'x' in 'x:a.safetensors' is no number"),
        (("mean.safetensors", "0:a.safetensors"), 2, "importance 0.0 is not a positive number"),
        (("mean.json", "a.safetensors"), 2, "mean.json is no name for weights"),
        (("mean.safetensors", "absent.safetensors"), 1, "absent.safetensors or its card"),
    ],
)
def test_a_refusal_is_a_line_and_an_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    assert ended.value.code == code
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_different_networks_are_not_averaged(tmp_path: Path) -> None:
    checkpoints = [_checkpoint(tmp_path, "a", 1, 0.1), _checkpoint(tmp_path, "b", 1, 0.1, "mapping")]
    with pytest.raises(WeightsError, match="detector"):
        average(checkpoints, tmp_path / "mean.safetensors")
