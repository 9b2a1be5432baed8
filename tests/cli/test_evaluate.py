"""``oldphoto evaluate`` and ``oldphoto synthesize`` on photographs that the test makes itself."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli import evaluate, synthesize
from oldphoto_core.errors import UsageError


@pytest.fixture
def app() -> typer.Typer:
    commands = typer.Typer()
    evaluate.register(commands)
    synthesize.register(commands)
    return commands


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(2):
        coarse = np.random.default_rng(number).integers(40, 210, (5, 5, 3), dtype=np.uint8)
        cv2.imwrite(
            str(folder / f"view-{number}.png"), cv2.resize(coarse, (80, 70), interpolation=cv2.INTER_CUBIC)
        )
    return folder


def test_evaluate_prints_one_json_object_and_writes_the_sheet(
    app: typer.Typer, photos: Path, tmp_path: Path
) -> None:
    none, sheet = tmp_path / "no-weights", tmp_path / "sheet.png"
    none.mkdir()
    arguments = [
        "evaluate",
        str(photos),
        "--json",
        "--weights",
        str(none),
        "--sheet",
        str(sheet),
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["photos"] == 2
    assert {"input", "opencv chain"} <= set(document["pictures"])
    assert any("left out" in note for note in document["notes"])
    assert cv2.imread(str(sheet)) is not None


def test_evaluate_prints_tables_without_json(app: typer.Typer, photos: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", str(photos), "--limit", "1", "--weights", str(tmp_path), "--profile", "archive"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "opencv chain" in result.stdout
    assert "profile archive\n" in result.stdout
    assert "computed in" not in result.stdout, "there are no networks"


def test_synthesize_writes_the_same_sheet_twice(app: typer.Typer, photos: Path, tmp_path: Path) -> None:
    sheets = []
    for name in ("a.png", "b.png"):
        arguments = [
            "synthesize",
            str(photos),
            str(tmp_path / name),
            "--count",
            "3",
            "--seed",
            "5",
            "--size",
            "64",
        ]
        assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
        sheets.append((tmp_path / name).read_bytes())
    assert sheets[0] == sheets[1]


def test_wrong_usage_is_said_with_its_remedy(app: typer.Typer, photos: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    with pytest.raises(UsageError, match="archive, seed"):
        runner.invoke(app, ["synthesize", str(photos), "x.png", "--profile", "no"], catch_exceptions=False)
    out = str(tmp_path / "sheet.no-such")
    with pytest.raises(UsageError, match=r"\.png"):
        runner.invoke(app, ["synthesize", str(photos), out, "--count", "1"], catch_exceptions=False)
    with pytest.raises(UsageError, match="not a folder"):
        runner.invoke(app, ["synthesize", str(tmp_path / "absent"), "x.png"], catch_exceptions=False)


def test_an_ablation_is_measured_beside_ours(app: typer.Typer, photos: Path, tmp_path: Path) -> None:
    """A mapping without its nonlocal block: its card says so, and the other networks are the shipped ones."""
    import torch

    from oldphoto_core.device import computes_in_bfloat16
    from oldphoto_core.models.build import build_mapping
    from oldphoto_core.weights.store import save_weights

    torch.manual_seed(0)
    folder = tmp_path / "no-nonlocal"
    card = {"name": "x", "version": "0", "licence": "none", "settings": {"nonlocal_branch": False}}
    network = build_mapping("compact", nonlocal_branch=False)
    save_weights(network, folder / "mapping.safetensors", card)
    arguments = ["evaluate", str(photos), "--limit", "1", "--json", "--device", "cpu"]
    arguments += ["--ablation", f"no nonlocal={folder}"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    document = json.loads(result.stdout)
    assert {"ours", "no nonlocal"} <= set(document["pictures"])
    assert document["pictures"]["ours"] != document["pictures"]["no nonlocal"]
    assert document["computed_in"] == ("bfloat16" if computes_in_bfloat16(torch.device("cpu")) else "float32")


@pytest.mark.parametrize("given", ["plain", "=somewhere", "plain=absent-folder"])
def test_an_ablation_that_names_no_folder_is_refused(app: typer.Typer, photos: Path, given: str) -> None:
    with pytest.raises(UsageError, match="NAME=DIR"):
        CliRunner().invoke(app, ["evaluate", str(photos), "--ablation", given], catch_exceptions=False)


def test_cards_are_only_written_where_the_weights_are_named(app: typer.Typer, photos: Path) -> None:
    with pytest.raises(UsageError, match="--weights"):
        CliRunner().invoke(app, ["evaluate", str(photos), "--cards"], catch_exceptions=False)
