"""What a run needs is there before the flow begins: Prefect's server, and what its executor works with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from cli.environment import get_ready, prepare_environment
prepare_environment()
get_ready({executor!r})
from prefect.server.api.server import SubprocessASGIServer
server = SubprocessASGIServer()
print("torch" in sys.modules, "ray" in sys.modules, server.server_process is not None, end=" ")
if server.server_process is not None:
    import httpx
    print(httpx.get(server.api_url + "/health").status_code, end=" ")
    server.stop()
"""


def printed(executor: str, **variables: str) -> str:
    program = [sys.executable, "-c", PROGRAM.format(executor=executor)]
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    done = subprocess.run(
        program, check=True, capture_output=True, text=True, env={**environment, **variables}
    )
    return done.stdout.strip()


@pytest.mark.parametrize(("executor", "expected"), [("ray", "True True"), ("inline", "True False")])
def test_the_server_answers_and_what_the_executor_needs_is_imported(executor: str, expected: str) -> None:
    assert printed(executor) == f"{expected} True 200"


def test_a_server_that_exists_already_is_not_started_again() -> None:
    assert printed("inline", PREFECT_API_URL="http://127.0.0.1:9/api") == "True False False"
