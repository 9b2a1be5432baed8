"""What is installed or handed on is whole."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETTINGS = PYPROJECT["tool"]["setuptools"]


def test_type_checkers_of_other_projects_see_the_types() -> None:
    assert "py.typed" in SETTINGS["package-data"]["oldphoto_core"]
    assert (ROOT / "oldphoto_core" / "py.typed").is_file()


def test_a_source_distribution_can_be_tested_and_its_readme_followed() -> None:
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    assert {f"graft {folder}" for folder in ("benchmarks", "deploy", "docs", "tests")} <= set(manifest)


def test_the_licences_of_what_comes_along_are_named() -> None:
    """Whoever asks what may be done with the package asks its metadata; the desk's pages load files of others."""
    named = {path for pattern in PYPROJECT["project"]["license-files"] for path in ROOT.glob(pattern)}
    vendored = list((ROOT / "review" / "static" / "vendor").glob("*LICENSE*"))
    assert {ROOT / "LICENSE", *vendored} == named
    assert len(PYPROJECT["project"]["license"].split(" AND ")) == len(named)


@pytest.mark.parametrize(
    ("python", "environment"),
    [("python3", ".venv"), ("/usr/bin/python3", ".venv"), ("/opt/bin/python3.13", ".venv-python3.13")],
)
def test_another_python_is_tested_in_an_environment_of_its_own(python: str, environment: str) -> None:
    """An environment that is there already would be tested in its place, and nobody told."""
    made = subprocess.run(
        ["make", "--dry-run", "test", "check", f"PYTHON={python}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    programs = {line.split()[0] for line in made.stdout.splitlines() if "/bin/" in line.split()[0]} - {python}
    assert f"{environment}/bin/python" in programs
    assert {str(Path(program).parent) for program in programs} == {f"{environment}/bin"}
