"""Where Ray is looked for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.actors.processes import child

PROGRAM = """
from actors.ray_session import ray_session, require_worker
from actors.resources import EngineSettings
with ray_session(EngineSettings()):
    require_worker()
    print("connected")
"""


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{port}", "[::1]:{port}", "no-such-host.invalid:{port}", "127.0.0.1:99999"]
)
def test_a_cluster_that_is_not_there_is_told_and_not_waited_for(address: str) -> None:
    """Ray itself tries for many minutes. In a process of its own: the tests' one may have Ray."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        given = address.format(port=one.getsockname()[1])
    there = {**os.environ, "RAY_ADDRESS": given}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=there, timeout=120)
    assert done.returncode == 1
    assert f"EngineError: No Ray cluster answers at {given} (RAY_ADDRESS)" in done.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds Ray's process through /proc")
def test_processes_of_ray_that_do_not_come_up_are_told() -> None:
    """As on a machine that has too much to do: here one of them is held."""
    there = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=there
    ) as one:
        held = child(one, "raylet")
        try:
            os.kill(held, signal.SIGSTOP)
            out, err = one.communicate(timeout=300)
        finally:
            one.kill()
            with suppress(ProcessLookupError):
                os.kill(held, signal.SIGKILL)
    assert out == ""
    assert "EngineError: Ray cannot be started: The current node timed out" in err


def test_memory_too_full_for_any_worker_is_told() -> None:
    """Ray ends each worker then, also those that Ray Data waits for: nothing would ever begin."""
    there = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    there["RAY_memory_usage_threshold"] = "0.001"
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=there, timeout=300)
    assert done.returncode == 1
    assert "connected" not in done.stdout
    assert "EngineError: No worker of Ray stays alive: 1 worker(s) were killed" in done.stderr


STOPPED = """
import signal

def stop(number, frame):
    raise KeyboardInterrupt

for one in (signal.SIGTERM, signal.SIGINT):
    signal.signal(one, stop)
from actors.ray_session import ray_session
from actors.resources import EngineSettings
try:
    with ray_session(EngineSettings()):
        print("connected")
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds Ray's process through /proc")
@pytest.mark.parametrize("part", ["gcs_server", "raylet"])
def test_being_asked_to_stop_while_ray_starts_is_heard_by_who_listens(part: str) -> None:
    """Ray's own handlers end the process without a word, or leave it hanging."""
    there = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", STOPPED]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=there
    ) as one:
        try:
            child(one, part)
            one.send_signal(signal.SIGTERM)
            out, err = one.communicate(timeout=300)
        finally:
            one.kill()
    assert (one.returncode, out) == (0, "stopped\n"), err
