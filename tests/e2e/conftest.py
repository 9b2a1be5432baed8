"""The `oldphoto` command as users run it: a process of its own, its own Prefect home, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.flows.material import write_weights

ROOT = Path(__file__).resolve().parents[2]
PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}
"""For a Prefect server."""
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


@pytest.fixture(scope="session")
def with_server(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The same with a Prefect server that runs already; a command that starts its own takes seconds for it."""
    port = free_port()
    command = (*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
    url = f"http://127.0.0.1:{port}/api"
    with Started(command, {**environment, **QUIET}, Path(environment["PREFECT_HOME"]) / "server.log"):
        wait_until(lambda: answers(f"{url}/health"), "the Prefect server")
        yield {**environment, "PREFECT_API_URL": url}


@pytest.fixture
def oldphoto(with_server: dict[str, str], tmp_path: Path) -> Command:
    """Run the command line to its end and return what it said."""
    return command_in(with_server, tmp_path)


@pytest.fixture
def oldphoto_alone(environment: dict[str, str], tmp_path: Path) -> Command:
    """The same where nobody has set up anything: each command starts what it needs."""
    return command_in(environment, tmp_path)


def command_in(environment: dict[str, str], folder: Path) -> Command:
    """Return a function that runs the command line there to its end."""

    def run(*arguments: object, **more: str) -> Ended:
        process = start_oldphoto(arguments, {**environment, **more}, folder)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            end_group(process, signal.SIGKILL)
            out, err = process.communicate()
            pytest.fail(f"oldphoto {arguments} did not end; it said:\n{out}\n{err}")
        return Ended(process.returncode, out, err)

    return run


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(url: str) -> bool:
    """Say whether a server answers there."""
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


class Started:
    """A process of ours that runs while the block does, with a file for what it says."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
        self.command, self.environment, self.log = command, environment, log

    def __enter__(self) -> subprocess.Popen[str]:
        with self.log.open("w", encoding="utf-8") as said:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        return self.process

    def __exit__(self, *error: object) -> None:
        end_group(self.process)


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
