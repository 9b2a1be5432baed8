"""The `oldphoto` command as users run it: a process of its own, its own Prefect home, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.flows.material import write_weights

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
"""Seconds until a process that has to end is held to hang. Nothing here depends on speed."""

_MARK = f"OLDPHOTO_E2E={uuid4().hex}"


@dataclass(frozen=True)
class Ended:
    """A finished `oldphoto` process."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The JSON object in the last line of standard output."""
        found: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return found


Command = Callable[..., Ended]


def clean_environment(home: Path) -> dict[str, str]:
    """Return this environment without anybody's settings of ours, Prefect's, Ray's or AWS's."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "RAY_", "AWS_", "OLDPHOTO_"))
    }
    name, _, value = _MARK.partition("=")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**ours, "PREFECT_HOME": str(home), "PYTHONPATH": paths, name: value, "COLUMNS": "200"}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return clean_environment(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def oldphoto(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run the command line to its end and return what it said."""

    def run(*arguments: object, **more: str) -> Ended:
        process = start_oldphoto(arguments, {**environment, **more}, tmp_path)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            end_group(process, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"oldphoto {arguments} did not end; it said:\n{out}\n{err}")
        return Ended(process.returncode, out, err)

    return run


def start_oldphoto(
    arguments: tuple[object, ...], environment: dict[str, str], folder: Path
) -> subprocess.Popen[str]:
    """Start the command line in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_group(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> None:
    """Signal a process that we started, with its group, and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    try:
        process.wait(timeout=60)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Poll until something is so; fail, naming it, when it never becomes so."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience:.0f} s for {what}")
        time.sleep(0.05)


@pytest.fixture(autouse=True, scope="session")
def nothing_left_behind() -> Iterator[None]:
    """End what a killed driver leaves (Ray's agents): processes that carry this session's mark, by their id."""
    yield
    for status in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError, ProcessLookupError):
            if _MARK.encode() in status.read_bytes().split(b"\0"):
                os.kill(int(status.parent.name), signal.SIGKILL)
