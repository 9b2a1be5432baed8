"""A command whose result is known ends with it, whatever becomes of telling Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.repository import Catalog

PROGRAM = """
import sys, threading, time
from actors.errors import EngineError
from cli.ending import Ending

def say():
    print("the result")
    return 3

# Prefect's services keep a process so when they have something left to tell.
threading.Thread(target=time.sleep, args=({services},)).start()
ending = Ending(say, patience={patience})
with ending.in_time():
    {telling}
sys.exit(ending.said())
"""


def ended(telling: str, *, patience: float = 600, services: float = 600) -> tuple[int, str, str]:
    program = PROGRAM.format(telling=telling, patience=patience, services=services)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("telling", "patience", "reason"),
    [
        ("ending.known(); time.sleep(600)", 0.1, "Prefect's server does not answer."),
        ("ending.known(); raise EngineError('It is away.')", 600, "It is away."),
    ],
)
def test_a_server_that_is_away_keeps_no_result_back(telling: str, patience: float, reason: str) -> None:
    code, out, err = ended(telling, patience=patience)
    assert (code, out) == (3, "the result\n")
    assert err.startswith(f"oldphoto: {reason} All of it is in the catalog")
    assert err.count("\n") == 1


def test_a_server_that_is_told_changes_nothing() -> None:
    assert ended("ending.known()", services=0) == (3, "the result\n", "")


def test_before_the_result_is_known_it_is_the_run_that_failed() -> None:
    code, out, err = ended("raise EngineError('It is away.')", services=0)
    assert (code, out) == (1, "")
    assert err.endswith("EngineError: It is away.\n")


REDO = """
import sys
from cli import engines
from cli.main import main
from cli.prefect_server import start_prefect_server
from cli.watcher import Watcher

started, heard = [], Watcher.redone

def start():
    started.append(start_prefect_server())
    return started[0]

def redone(watcher, summary):
    started[0].process.kill()
    started[0].process.wait()
    heard(watcher, summary)

engines.start_prefect_server, Watcher.redone = start, redone
sys.argv = ["oldphoto", "redo", {folder!r}]
main()
"""


def test_a_redo_ends_with_its_result_where_prefect_cannot_be_told(tmp_path: Path) -> None:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}"):
        pass
    ours = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run(
        [sys.executable, "-c", REDO.format(folder=str(tmp_path))],
        # It is asked once: how long Prefect goes on asking is not the question here.
        env={**ours, "PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_CLIENT_MAX_RETRIES": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = (0, "Nobody has asked for anything to be done again.\n")
    assert (done.returncode, done.stdout) == told, done.stderr
    assert "All of it is in the catalog" in done.stderr
