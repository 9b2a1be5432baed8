"""What a run needs is there before the flow begins, and ends with the command: Prefect's server and Ray."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from actors.errors import EngineError
from cli import prefect_server
from cli.environment import QUIET
from cli.prefect_server import PrefectServer, server_is_configured

PROGRAM = """
import os, sys, urllib.request
from cli.engines import engines
with engines({executor!r}):
    there = [name in sys.modules for name in ("flows.restore_archive", "torch")]
    ray_there = "ray" in sys.modules
    if ray_there:
        from actors.ray_session import ray_session
        from actors.resources import EngineSettings
        import ray
        with ray_session(EngineSettings()):
            ray_there = ray.get(ray.put("an answer")) == "an answer"
    url = os.environ["PREFECT_API_URL"]
    answers = urllib.request.urlopen(url + "/health").status if "127.0.0.1:9/" not in url else None
    print(*there, ray_there, answers, url, flush=True)
    {then}
"""


def program(executor: str, then: str = "") -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(executor=executor, then=then)]


def environment(**variables: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}, **variables}


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("executor", "expected"), [("ray", "True False True"), ("inline", "True True False")]
)
def test_the_engines_answer_and_what_the_executor_needs_is_imported(executor: str, expected: str) -> None:
    done = subprocess.run(program(executor), check=True, capture_output=True, text=True, env=environment())
    told, _, url = done.stdout.strip().splitlines()[-1].rpartition(" ")
    assert told == f"{expected} 200"
    assert done.stderr == ""
    assert not answers(url)


def test_a_server_that_exists_already_is_not_started_again() -> None:
    given = environment(PREFECT_API_URL="http://127.0.0.1:9/api")
    done = subprocess.run(program("inline"), check=True, capture_output=True, text=True, env=given)
    assert done.stdout.split()[-2:] == ["None", "http://127.0.0.1:9/api"]


@pytest.mark.parametrize(("given", "expected"), [("museum.example", "museum.example,127.0.0.1"), ("*", "*")])
def test_a_networks_proxy_is_not_asked_for_the_server(given: str, expected: str) -> None:
    told = """
    from prefect import flow
    @flow
    def restore_one(): return 1
    print(restore_one(), os.environ["no_proxy"], os.environ["NO_PROXY"])
    """
    behind = environment(http_proxy="http://127.0.0.1:9", no_proxy=given)
    done = subprocess.run(program("inline", told), check=True, capture_output=True, text=True, env=behind)
    assert done.stdout.splitlines()[-1] == f"1 {expected} {expected}"


def test_a_configured_server_that_is_not_there_is_named_with_a_remedy() -> None:
    told = """
    from prefect import flow
    @flow
    def restore_one(): return 1
    restore_one()
    """
    given = environment(PREFECT_API_URL="http://me:secret@127.0.0.1:9/api")
    done = subprocess.run(program("inline", told), check=False, capture_output=True, text=True, env=given)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "actors.errors.EngineError: Prefect's server at http://127.0.0.1:9/api cannot be used"
    )
    assert "unset PREFECT_API_URL" in last
    assert "secret" not in last


def test_what_a_run_tells_prefect_is_kept(tmp_path: Path) -> None:
    """A flow run and its task runs are in Prefect's database after the command; a later server shows them."""
    told = """
    from prefect import flow, task
    @task
    def read(): return 1
    @flow
    def restore_one(): return read()
    restore_one()
    """
    home = environment(PREFECT_HOME=str(tmp_path))
    done = subprocess.run(program("inline", told), check=True, capture_output=True, text=True, env=home)
    assert done.stderr == ""
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as database:
        runs = [
            database.execute(f"select name, state_name from {table}").fetchall()
            for table in ("flow_run", "task_run")
        ]
    assert [[state for _, state in rows] for rows in runs] == [["Completed"], ["Completed"]]
    assert runs[1][0][0].startswith("read")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_the_server_ends_with_a_command_that_is_killed() -> None:
    with subprocess.Popen(
        program("inline", "import time; time.sleep(600)"),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as command:
        assert command.stdout is not None
        url = command.stdout.readline().split()[-1]
        assert answers(url)
        command.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while answers(url) and time.monotonic() < until:
        time.sleep(0.1)
    assert not answers(url)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", "[tool.prefect.api]\nurl = 'http://prefect:4200/api'\n", True),
        ("pyproject.toml", "[project]\nname = 'archive'\ndependencies = ['prefect']\n", False),
        ("prefect.toml", "[api]\nurl = 'http://prefect:4200/api'\n", True),
        (".env", "PREFECT_API_URL=http://prefect:4200/api\n", True),
        ("home/profiles.toml", "[profiles.museum]\nPREFECT_API_URL = 'http://prefect:4200/api'\n", True),
        ("home/profiles.toml", "[profiles.museum]\nPREFECT_LOGGING_LEVEL = 'INFO'\n", False),
    ],
)
def test_a_server_that_a_file_of_settings_names_is_left_to_prefect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("PREFECT_API_URL", "PREFECT_PROFILES_PATH"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    assert not server_is_configured()
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert server_is_configured() is expected


def no_home(folder: Path) -> None:
    (folder / "home").write_text("not a folder", encoding="utf-8")


def damaged_database(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "prefect.db").write_bytes(b"no database at all" * 1000)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [(no_home, ".*"), (damaged_database, r"\(sqlite3.DatabaseError\) file is not a database")],
)
def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Path], None], reason: str
) -> None:
    prepare(tmp_path)
    match = rf"did not start: \S+: {reason}\. .*PREFECT_API_URL"
    with started(tmp_path, monkeypatch) as server, pytest.raises(EngineError, match=match):
        server.wait()


def test_a_port_that_somebody_took_meanwhile_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        # The other one takes connections and answers nothing.
        port = other.getsockname()[1]
        monkeypatch.setattr(prefect_server, "_free_port", lambda: port)
        monkeypatch.setattr(prefect_server, "_answers", lambda url: False)
        match = f"did not start: Port {port} is already in use"
        with started(tmp_path, monkeypatch) as server, pytest.raises(EngineError, match=match):
            server.wait()


@contextmanager
def started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectServer]:
    """Start a server whose home is ``folder / "home"``."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(folder / "home"))
    # What a command sets before it starts one.
    monkeypatch.setattr(os, "environ", {**os.environ, **QUIET})
    server = prefect_server.start_prefect_server()
    assert isinstance(server, PrefectServer)
    yield server
    server.stop()
