"""What is installed or handed on is whole."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETTINGS = PYPROJECT["tool"]["setuptools"]
PACKAGES = {name.rstrip("*") for name in SETTINGS["packages"]["find"]["include"]}
BROUGHT_BY = {"botocore": "boto3", "urllib3": "botocore", "starlette": "fastapi", "httpx": "prefect"}
"""Parts of a library that is declared: its errors, its responses. With another one they would be others as well."""
NOT_IMPORTED = {"python-multipart"}
"""FastAPI imports it where a page has a form."""


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


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    """A library that only comes along with another one is gone when that one does without it."""
    project = PYPROJECT["project"]
    always = {_distribution(one) for one in project["dependencies"]}
    extras = project["optional-dependencies"]
    chosen = {_distribution(one) for name, extra in extras.items() if name != "dev" for one in extra}
    from_module = packages_distributions()
    theirs = {module for module in _imported() if module not in sys.stdlib_module_names | PACKAGES}
    used = {_distribution(name) for module in theirs for name in from_module.get(module, [module])}
    assert used - always - chosen == set(BROUGHT_BY)
    assert always - used == NOT_IMPORTED


@pytest.mark.parametrize(("part", "whole"), BROUGHT_BY.items())
def test_what_comes_along_is_asked_for_by_what_brings_it(part: str, whole: str) -> None:
    assert part in {_distribution(one) for one in requires(whole) or [] if "extra ==" not in one}


def _imported() -> Iterator[str]:
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def _distribution(requirement: str) -> str:
    """Return what a requirement names, as package registries compare names."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


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
