"""Where Ray is looked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

PROGRAM = """
from actors.ray_session import ray_session
from actors.resources import EngineSettings
with ray_session(EngineSettings()):
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


TIMED_OUT = """
import ray

def init(**_):
    raise Exception("The current node timed out during startup.")

ray.init = init
"""


def test_a_node_that_does_not_come_up_is_told_with_a_remedy() -> None:
    """Ray waits for it for half a minute, and has no error of its own for that."""
    there = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", TIMED_OUT + PROGRAM]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=there, timeout=120)
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert "EngineError: Ray cannot be started: The current node timed out during startup. What" in told
    assert "use the inline executor" in told
