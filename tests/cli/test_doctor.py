from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import doctor

GOOD = {
    "prefect": "3.8.8",
    "fastapi": "0.150.0",
    "sqlalchemy": "2.0.58",
    "opencv-python-headless": "4.14.0.94",
}


def problems(**versions: str) -> list[str]:
    given = {**GOOD, **{name.replace("_", "-"): version for name, version in versions.items()}}
    return [finding.check for finding in doctor.check_combinations(given) if finding.level == "problem"]


def test_a_set_that_works_has_no_problem() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("versions", "name"),
    [
        ({"fastapi": "0.151.0"}, "combination fastapi"),
        ({"fastapi": "1.0"}, "combination fastapi"),
        ({"sqlalchemy": "2.1.0b2"}, "combination sqlalchemy"),
        ({"opencv_python_headless": "5.0.0.1"}, "combination opencv-python-headless"),
        ({"opencv_python": "4.14.0"}, "combination opencv"),
    ],
)
def test_combinations_that_install_and_do_not_work_are_named(versions: dict[str, str], name: str) -> None:
    assert problems(**versions) == [name]


def test_without_prefect_its_combinations_do_not_matter() -> None:
    given = {"fastapi": "0.151.0", "sqlalchemy": "2.1.0"}
    assert [finding.level for finding in doctor.check_combinations(given)] == ["ok"]


def test_every_problem_has_a_remedy(tmp_path: Path) -> None:
    for finding in doctor.examine(tmp_path):
        assert finding.level in ("ok", "note", "problem")
        if finding.level == "problem":
            assert finding.remedy


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (finding,) = doctor.check_disk(tmp_path / "none")
    assert (finding.level, finding.found) == ("problem", f"{tmp_path / 'none'}: No such file or directory")


def test_the_command_says_the_same_to_people_and_programs(tmp_path: Path) -> None:
    app = typer.Typer()
    doctor.register(app)
    told = CliRunner().invoke(app, ["--json", "--folder", str(tmp_path)])
    found = json.loads(told.stdout)
    assert told.exit_code == (0 if found["ok"] else 1)
    assert {"python", "cpu", "memory", "disk", "tiers"} <= {finding["check"] for finding in found["findings"]}
    shown = CliRunner().invoke(app, ["--folder", str(tmp_path)])
    assert shown.exit_code == told.exit_code
    assert "python" in shown.stdout
