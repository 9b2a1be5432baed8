"""``oldphoto demo`` and ``oldphoto synthesize``: they do what they say, also where a program asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import build_app


def told(*arguments: object) -> Any:
    result = CliRunner().invoke(build_app(), [*map(str, arguments), "--json"])
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_a_sheet_is_written_and_told(tmp_path: Path) -> None:
    clean = np.random.default_rng(0).integers(0, 255, (80, 90, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "clean.png"), clean)
    out = tmp_path / "sheet.png"
    answer = told("synthesize", tmp_path, out, "--count", 2, "--size", 64)
    assert answer == {"out": str(out), "photographs": 2, "profile": "archive", "seed": 0}
    assert cv2.imread(str(out)) is not None


@pytest.mark.e2e
def test_the_demo_comes_closer_to_the_truth_and_does_nothing_twice(tmp_path: Path) -> None:
    answer = told("demo", tmp_path / "demo", "--executor", "inline")
    photos = answer["photos"]
    assert sum(one["restored_psnr"] for one in photos) > sum(one["scan_psnr"] for one in photos)
    first, second = answer["first"], answer["second"]
    assert (first["done"], first["quarantined"]) == (len(photos), 1)
    assert (second["done"], second["already_done"]) == (0, first["inputs"])
    assert len(list((tmp_path / "demo" / "strips").iterdir())) == len(photos)
