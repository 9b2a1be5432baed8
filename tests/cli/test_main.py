"""What `oldphoto` says of itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import oldphoto_core
from cli.main import build_app, main


def test_it_tells_its_version() -> None:
    told = CliRunner().invoke(build_app(), ["--version"])
    assert (told.exit_code, told.output) == (0, f"oldphoto {oldphoto_core.__version__}\n")


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(commands(get_command(build_app())))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_every_word_and_json_is_offered(words: tuple[str, ...]) -> None:
    """What stands in square brackets would be taken for markup, and be gone."""
    wide = {"COLUMNS": "200"}  # in a narrow column a long word is broken
    shown = set(CliRunner().invoke(build_app(), [*words, "--help"], env=wide).output.split())
    written = {word for one in COMMANDS[words].params for word in (one.help or "").split()}
    assert written - shown == set()
    assert "--json" in shown


def test_without_a_command_it_helps() -> None:
    told = CliRunner().invoke(build_app(), [])
    assert "restore" in told.output
    assert "Batch restoration of scanned photograph archives" in told.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["runs", "--catalog", "s3://bucket/out"], 2),
        (["flagged", "--format", "csv", "--json"], 2),
        (["stats", "--catalog", "nowhere"], 1),
    ],
)
def test_an_error_is_told_in_a_line_and_has_its_exit_code(
    arguments: list[str],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["oldphoto", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (code, "")
    assert told.err.startswith("oldphoto: ")
    assert told.err.count("\n") == 1
