"""Laws of the curves: a resumed training goes on in the same file, and new terms get columns of their own."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from oldphoto_core.errors import UsageError
from oldphoto_core.training.curves import Curves

HAS_TENSORBOARD = importlib.util.find_spec("tensorboard") is not None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_rows_are_appended_also_after_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "curves" / "network.csv"
    Curves(path).add(20, {"total": 0.5})
    Curves(path).add(40, {"total": 0.25})
    assert _rows(path) == [{"step": "20", "total": "0.5"}, {"step": "40", "total": "0.25"}]


def test_a_term_that_joins_later_widens_the_table(tmp_path: Path) -> None:
    path = tmp_path / "network.csv"
    curves = Curves(path)
    curves.add(20, {"total": 0.5})
    curves.add(40, {"total": 0.4, "picture gan": 1.0})
    curves.add(60, {"total": 0.3})
    assert [row["picture gan"] for row in _rows(path)] == ["", "1", ""]
    assert [row["total"] for row in _rows(path)] == ["0.5", "0.4", "0.3"]


@pytest.mark.skipif(HAS_TENSORBOARD, reason="TensorBoard is installed: there is nothing to refuse")
def test_without_tensorboard_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"oldphoto\[tensorboard\]"):
        Curves(tmp_path / "network.csv", tmp_path / "events")


@pytest.mark.skipif(not HAS_TENSORBOARD, reason="TensorBoard is an optional extra")
def test_event_files_are_written(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "network.csv", tmp_path / "events")
    curves.add(1, {"total": 0.5})
    curves.close()
    assert list((tmp_path / "events").iterdir())


def test_the_thinned_curve_keeps_the_means_and_the_last_step(tmp_path: Path) -> None:
    curves = Curves(tmp_path / "network.csv")
    assert curves.thinned() == {"step": [], "total": []}
    for step in range(1, 8):
        curves.add(step, {"total": float(step)})
    assert curves.thinned(points=3) == {"step": [3, 6, 7], "total": [2.0, 5.0, 7.0]}
