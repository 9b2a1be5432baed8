"""A training folder that the tests make themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli import train
from oldphoto_core.training.split import in_annotated_validation, in_validation


def _names(count: int, prefix: str) -> list[str]:
    """Names that fall on the training side of both splits."""
    names = (f"{prefix}-{number:04d}" for number in range(1000))
    return [n for n in names if not in_validation(n) and not in_annotated_validation(n)][:count]


@pytest.fixture
def training_data(tmp_path: Path) -> Path:
    """Return a folder with clean/, old/ and annotated/ as `oldphoto train --data` wants it."""
    rng = np.random.default_rng(0)
    for folder in ("clean", "old", "annotated"):
        (tmp_path / folder).mkdir()
    for prefix in ("clean", "old"):
        for name in _names(4, prefix):
            noise = rng.integers(0, 255, (9, 12, 3), dtype=np.uint8)
            picture = cv2.resize(noise, (160, 120), interpolation=cv2.INTER_CUBIC)
            if prefix == "old":
                cv2.line(picture, (10, 5), (140, 110), (250, 250, 250), 2)
                mask = np.zeros((120, 160), np.uint8)
                cv2.line(mask, (10, 5), (140, 110), 255, 4)
                cv2.imwrite(str(tmp_path / "annotated" / f"{name}_mask.png"), mask)
                cv2.imwrite(str(tmp_path / "annotated" / f"{name}_ignore.png"), np.zeros_like(mask))
            cv2.imwrite(str(tmp_path / prefix / f"{name}.jpg"), picture)
    return tmp_path


def write_views(folder: Path, number: int, *, validation: bool = False) -> None:
    """Write small JPEG photographs of soft colours that fall on one side of the split."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"view-{count}.jpg" for count in range(1000))
    for count, name in enumerate([n for n in names if in_validation(n) == validation][:number]):
        coarse = np.random.default_rng(count).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), cv2.resize(coarse, (96, 80), interpolation=cv2.INTER_CUBIC))


@pytest.fixture
def few_views(tmp_path: Path) -> Path:
    """Return a folder with clean/ (nine photographs, and two of the validation side) and old/ (three)."""
    write_views(tmp_path / "data" / "clean", 9)
    write_views(tmp_path / "data" / "clean", 2, validation=True)
    write_views(tmp_path / "data" / "old", 3)
    return tmp_path / "data"


def trained(network: str, data: Path, out: Path) -> dict[str, Any]:
    """Train an estimator for a moment by the command line; return the JSON that it prints last."""
    app = typer.Typer()
    train.register(app)
    options = ["--data", str(data), "--out", str(out), "--steps", "40", "--workers", "0", "--json"]
    ran = CliRunner().invoke(app, [network, *options])
    assert ran.exit_code == 0, ran.output
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told
