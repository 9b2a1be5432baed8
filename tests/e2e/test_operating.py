"""The commands of docs/operating.md, as they stand there and in their order, over a small archive of that name."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build_app
from schemas import session
from tests.e2e.conftest import Command
from tests.flows.material import write_photos

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")
BLOCKS = [
    [line.split(" #")[0].strip() for line in block.splitlines()]
    for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.fixture
def answers(
    oldphoto: Command, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """What each block's commands printed; ``restore`` as JSON. All of them end with 0."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OLDPHOTO_CATALOG", raising=False)
    catalog = Path("RESULTS/catalog.db")

    def said(command: str) -> str:
        program, *arguments = shlex.split(command)
        if program == "python":
            return subprocess.run(
                [sys.executable, *arguments], check=True, text=True, stdout=subprocess.PIPE
            ).stdout
        if arguments[0] == "restore":
            more = ("--weights", weights, "--executor", "inline", "--json")
            ended = oldphoto(*arguments, *more)
            assert ended.code == 0, (command, ended.err)
            return ended.out
        result = CliRunner().invoke(build_app(), arguments)
        assert result.exit_code == 0, (command, result.output, result.exception)
        return result.stdout

    night, again, backup, lost, moved, upgraded = BLOCKS
    found: dict[str, list[str]] = {}
    write_photos(Path("SCANS"), 2)
    Path("SCANS/KEY").write_text("this was never a photograph")
    begin = ("restore", "SCANS", "RESULTS", "--collection", "plates", "--executor", "inline")
    first = oldphoto(*begin, "--weights", weights)
    assert first.code == 3, first.err
    found["night"] = [said(command) for command in night]
    found["again"] = [said(command) for command in again]
    found["backup"] = [said(command) for command in backup]

    write_photos(Path("SCANS"), 3)
    found["since"] = [said("oldphoto restore SCANS RESULTS --collection plates")]
    for file in Path("RESULTS").glob("catalog.db*"):
        file.unlink()
    shutil.copyfile("COPY.db", catalog)
    found["lost"] = [said(command) for command in lost]

    Path("SCANS").rename("NEWSCANS")
    Path("RESULTS").rename("NEWRESULTS")
    found["moved"] = [said(command) for command in moved]

    Path("NEWSCANS").rename("SCANS")
    Path("NEWRESULTS").rename("RESULTS")
    session.downgrade(f"sqlite:///{catalog}", "0004")
    found["upgraded"] = [said(command) for command in upgraded]
    return found


def test_the_pages_commands_do_what_it_says(answers: dict[str, list[str]]) -> None:
    _, quarantined, failed, photo = answers["night"]
    assert "KEY" in quarantined
    assert "KEY" not in failed
    assert "quarantine" in photo
    assert json.loads(answers["again"][0])["already_done"] == 3
    assert "all sound" in answers["backup"][1]
    assert json.loads(answers["since"][0])["done"] == 1
    assert answers["lost"][0].startswith("1 photos")
    assert "Of 3 known photos" in answers["moved"][0]
    for told in (answers["moved"][1], answers["upgraded"][1]):
        assert {name: json.loads(told)[name] for name in ("already_done", "pending")} == {
            "already_done": 4,
            "pending": 0,
        }
