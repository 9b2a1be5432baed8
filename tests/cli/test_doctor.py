from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from typer.testing import CliRunner

from cli import doctor, installed


def test_every_package_that_the_project_asks_for_is_looked_at() -> None:
    if installed.version_of("oldphoto") is None:
        pytest.skip("runs uninstalled: nobody knows what is asked for")
    looked_at = {found.check.removeprefix("package ") for found in doctor.check_packages()}
    assert {"oldphoto", "torch", "sqlalchemy", "scipy", "lxml", "bagit", "uvicorn"} <= looked_at


@pytest.mark.parametrize(
    ("asked", "version", "fits"),
    [
        ("fastapi<0.151", "0.150.0", True),
        ("fastapi<0.151", "0.151.0", False),
        ("sqlalchemy>=2.0.16,<2.1", "2.0.15", False),
        ("sqlalchemy>=2.0.16,<2.1", "2.1.0b2", False),
        ("torch>=2.6,<=2.13.0", "2.13.0+cpu", True),
        ("opencv-python-headless<5", "5.0.0.1", False),
    ],
)
def test_a_version_fits_what_is_asked_for(asked: str, version: str, fits: bool) -> None:
    assert installed.fits(Requirement(asked), version) is fits


@pytest.mark.parametrize("asked", ["pytest<1", "no-such-package>=2"])
def test_a_package_that_is_missing_or_of_another_version_is_a_problem_with_its_remedy(asked: str) -> None:
    found = doctor.check_requirement(Requirement(asked))
    assert (found.level, found.remedy) == ("problem", f"pip install '{asked}'")


def test_opencv_installed_twice_is_a_problem() -> None:
    assert doctor.check_opencv(["opencv-python-headless"]) == []
    (found,) = doctor.check_opencv(["opencv-python", "opencv-python-headless"])
    assert found.level == "problem"


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/dev/null/home")
    (found,) = doctor.check_files_of_engines()
    assert found.level == "problem"
    assert "HOME" in found.remedy


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
