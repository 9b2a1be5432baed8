"""What the documentation tells people to type exists: commands, their options, modules; and pages that are linked."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.main import build_app
from oldphoto_core.flag_words import FLAG_NAMES

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(page for folder in ("docs", "deploy", "oldphoto_core") for page in (ROOT / folder).rglob("*.md")),
]
SNIPPET = re.compile(r"`([^`\n]+)`|^((?:oldphoto|python -m) .*(?:\\\n.*)*)$", re.MULTILINE)
APP = typer.main.get_command(build_app())


def snippets(page: Path) -> Iterator[str]:
    """Yield what stands in backticks, and lines of commands, without their comments."""
    for inline, line in SNIPPET.findall(page.read_text(encoding="utf-8")):
        yield (inline or line.split(" #")[0]).replace("\\\n", " ")


def commands(words: list[str]) -> list[Any]:
    """Return the commands that the first words name; ``a|b`` names two."""
    found: list[Any] = [APP]
    for word in words:
        # By what a group has: typer brings a click of its own.
        groups = [one for one in found if hasattr(one, "commands")]
        if not groups:
            break
        names = [name for name in word.split("|") if name]
        found = [group.commands[name] for group in groups for name in names if name in group.commands]
        assert found or word in ("--help", "…"), f"no command is called {word!r}"
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_options_exist(page: Path) -> None:
    for snippet in snippets(page):
        if not re.match(r"oldphoto [a-z]", snippet):
            continue
        named = commands(snippet.split()[1:])
        known = {name for one in named for p in one.params for name in (*p.opts, *p.secondary_opts)}
        assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", snippet)) <= known | {"--help"}, snippet


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_modules_exist(page: Path) -> None:
    for snippet in snippets(page):
        for module in re.findall(r"python -m ([a-z_.]+)", snippet):
            assert importlib.util.find_spec(module.rstrip(".")) is not None, snippet


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_linked_files_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def headings(page: Path) -> set[str]:
    """Return the names by which a page's headings are linked: as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_linked_headings_exist(page: Path) -> None:
    for target, heading in re.findall(
        r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")
    ):
        assert heading in headings(page.parent / target if target else page), f"{target}#{heading}"


def test_every_benchmark_is_listed() -> None:
    """Those that leave figures; the others are parts of these."""
    listed = re.findall(
        r"^python -m benchmarks\.(\w+) ", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    modules = [path for path in (ROOT / "benchmarks").glob("*.py") if path.name != "common.py"]
    assert set(listed) == {
        path.stem for path in modules if re.search(r"^ +report\(", path.read_text(), re.MULTILINE)
    }


def test_every_flag_is_explained() -> None:
    page = (ROOT / "docs" / "catalog.md").read_text(encoding="utf-8")
    assert [code for code in FLAG_NAMES if f"`{code}`" not in page] == []


def test_a_command_that_is_not_there_is_noticed() -> None:
    with pytest.raises(AssertionError, match="'restorr'"):
        commands(["restorr"])
