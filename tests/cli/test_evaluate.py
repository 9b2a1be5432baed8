"""``oldphoto evaluate`` and ``oldphoto synthesize`` on photographs that the test makes itself."""

from __future__ import annotations

import json
import re
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


def test_synthesize_shows_the_damage_that_training_uses(app: typer.Typer, tmp_path: Path) -> None:
    """Scanned damage in or beside the folder; drawn damage where there is none."""
    coarse = np.random.default_rng(0).integers(40, 210, (5, 5, 3), dtype=np.uint8)
    strip = np.zeros((64, 64), np.uint8)
    strip[20:40, 5:60] = 255
    for path, pixels in (
        (tmp_path / "clean" / "view.png", cv2.resize(coarse, (80, 70), interpolation=cv2.INTER_CUBIC)),
        (tmp_path / "elsewhere" / "film" / "scratches-1.png", strip),
    ):
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), pixels)

    def sheet(*more: str) -> bytes:
        out = tmp_path / "sheet.png"
        given = ["synthesize", str(tmp_path / "clean"), str(out), "--count", "12", "--size", "64", *more]
        assert CliRunner().invoke(app, given, catch_exceptions=False).exit_code == 0
        return out.read_bytes()

    drawn, scanned = sheet(), sheet("--defects", str(tmp_path / "elsewhere"))
    assert drawn != scanned
    (tmp_path / "elsewhere").rename(tmp_path / "defects")
    assert sheet() == scanned


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


@pytest.mark.parametrize("name", ["ours", "input", "opencv chain", "telea, true mask", "ours, true mask"])
def test_an_ablation_called_as_another_method_is_refused(
    app: typer.Typer, photos: Path, tmp_path: Path, name: str
) -> None:
    given = ["evaluate", str(photos), "--ablation", f"{name}={tmp_path}"]
    with pytest.raises(UsageError, match=f"cannot be called '{name}'"):
        CliRunner().invoke(app, given, catch_exceptions=False)


def test_two_ablations_of_one_name_are_refused(app: typer.Typer, photos: Path, tmp_path: Path) -> None:
    given = ["evaluate", str(photos), *(2 * ["--ablation", f"plain={tmp_path}"])]
    with pytest.raises(UsageError, match="cannot be called 'plain'"):
        CliRunner().invoke(app, given, catch_exceptions=False)


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.psd", "folder.png", "view.txt/out.png"])
def test_a_sheet_that_cannot_be_written_is_refused_before_anything_is_measured(
    app: typer.Typer, tmp_path: Path, name: str
) -> None:
    """The folder of photographs is not even looked into."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "view.txt").touch()
    sheet = tmp_path / name
    for command in (
        ["evaluate", str(tmp_path / "absent"), "--weights", str(tmp_path), "--sheet", str(sheet)],
        ["synthesize", str(tmp_path), str(sheet)],
    ):
        with pytest.raises(UsageError, match=re.escape(str(tmp_path / Path(name).parts[0]))):
            CliRunner().invoke(app, command, catch_exceptions=False)


def test_cards_are_only_written_where_the_weights_are_named(app: typer.Typer, photos: Path) -> None:
    with pytest.raises(UsageError, match="--weights"):
        CliRunner().invoke(app, ["evaluate", str(photos), "--cards"], catch_exceptions=False)
