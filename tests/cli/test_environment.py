"""What a run needs is there before the flow begins: Prefect's server, and what its executor works with."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import sys
from cli.environment import get_ready, prepare_environment
prepare_environment()
get_ready({executor!r})
from prefect.server.api.server import SubprocessASGIServer
server = SubprocessASGIServer()
print("torch" in sys.modules, "ray" in sys.modules, server.server_process is not None, end=" ")
if "ray" in sys.modules:
    import ray
    from actors.ray_session import EngineSettings, ray_session
    print(ray.is_initialized(), end=" ")
    with ray_session(EngineSettings()):
        print(ray.get(ray.remote(lambda: 6 * 7).remote(), timeout=60), end=" ")
    print(ray.is_initialized(), end=" ")
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


def test_the_server_answers_and_the_networks_are_imported() -> None:
    assert printed("inline") == "True False True 200"


def test_ray_runs_already_and_the_session_that_uses_it_stops_it() -> None:
    assert printed("ray") == "True True True True 42 False 200"


def test_a_server_that_exists_already_is_not_started_again() -> None:
    assert printed("inline", PREFECT_API_URL="http://127.0.0.1:9/api") == "True False False"
