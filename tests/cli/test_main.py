"""What `oldphoto` says of itself."""

from __future__ import annotations

from typer.testing import CliRunner

import oldphoto_core
from cli.main import build_app


def test_it_tells_its_version() -> None:
    told = CliRunner().invoke(build_app(), ["--version"])
    assert (told.exit_code, told.output) == (0, f"oldphoto {oldphoto_core.__version__}\n")


def test_without_a_command_it_helps() -> None:
    told = CliRunner().invoke(build_app(), [])
    assert "restore" in told.output
    assert "Batch restoration of scanned photograph archives" in told.output
