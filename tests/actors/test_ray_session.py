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
