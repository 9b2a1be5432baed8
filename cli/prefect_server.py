"""Prefect's server for the length of one command, where none is configured.

Prefect starts one by itself, but imports the whole server into the command's process first, and everything waits
for both. Here it is the first thing that is started, before anything is imported, and it is ready by the time
that it is needed. Unlike Prefect's own it ends with the command however that ends, and Ctrl-C does not reach it: a
run that is interrupted can still tell it so.

Run as a program this file is that server: it asks the system to be ended with its parent, and becomes
``prefect server start``.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

PATIENCE_S: Final = 180.0
"""A first start on a busy machine makes a fresh database."""
_HOST: Final = "127.0.0.1"
_CAUSE = re.compile(r"^(?:[\w.]+(?:Error|Exception): |Port \d+ is already).*", re.MULTILINE)
"""How a line begins by which Prefect or Python says why; more lines follow it."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class PrefectServer:
    """A server that was started and may not be ready yet."""

    process: subprocess.Popen[bytes]
    url: str
    said: IO[bytes]

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            EngineError: it ended, or does not answer in `PATIENCE_S` seconds.
        """
        until = time.monotonic() + PATIENCE_S
        while not _answers(self.url):
            if self.process.poll() is not None or time.monotonic() > until:
                from actors.errors import EngineError

                raise EngineError(
                    f"Prefect's server did not start: {self._cause()}. Its own database is prefect.db in "
                    "PREFECT_HOME (~/.prefect). If another command was making it just now, run again; if it is "
                    "damaged, or a newer version's, move it away: nothing of the archive is in it. Or say in "
                    "PREFECT_API_URL where a server runs already."
                )
            time.sleep(0.05)

    def _cause(self) -> str:
        if self.process.poll() is None:
            return f"it has not answered for {PATIENCE_S:.0f} seconds"
        self.said.seek(0)
        text = self.said.read().decode("utf-8", "replace").strip()
        lines = _CAUSE.findall(text) or text.splitlines() or [f"it ended with {self.process.returncode}"]
        return lines[-1].strip().rstrip(".")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.close()


def start_prefect_server() -> PrefectServer | None:
    """Start a server that lives as long as this process and tell Prefect of it; None where one is configured.

    Prefect must not have been imported yet. Several calls start one server.
    """
    if server_is_configured():
        return None
    port = _free_port()
    said = tempfile.TemporaryFile()  # noqa: SIM115 - it is read and closed with the server
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, str(os.getpid()), str(port)],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        # Nobody sees what it says, unless it does not start.
        env={**os.environ, "PREFECT_SERVER_LOGGING_LEVEL": "ERROR"},
        start_new_session=True,
    )
    server = PrefectServer(process, f"http://{_HOST}:{port}/api", said)
    # Registered before Prefect is imported, and so called after what Prefect still has to tell its server.
    atexit.register(server.stop)
    os.environ["PREFECT_API_URL"] = server.url
    _reach_without_proxy(_HOST)
    return server


def server_is_configured() -> bool:
    """Say whether the environment or a file of settings may name a server: then Prefect is left to find it."""
    if os.environ.get("PREFECT_API_URL"):
        return True
    # Unlike Path.expanduser this raises nothing for a user without a home.
    home = Path(os.path.expanduser(os.environ.get("PREFECT_HOME") or "~/.prefect"))
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    if Path("prefect.toml").exists():
        return True
    return any(
        re.search(rb"PREFECT_API_URL|tool\.prefect", path.read_bytes())
        for path in (profiles, Path(".env"), Path("pyproject.toml"))
        if path.is_file()
    )


def _reach_without_proxy(host: str) -> None:
    """Add a host to those that are asked directly: a network's proxy (``http_proxy``) cannot reach this machine."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    # Nobody is asked through a proxy then; that is only understood where it stands alone.
    if given.strip() != "*":
        given = ",".join(filter(None, [given, host]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = given


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((_HOST, 0))
        return int(one.getsockname()[1])


def _become_server(parent: int, port: str) -> None:
    """Never returns. Other systems than Linux cannot end a process with its parent: there `stop` has to."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("its command has ended already")
    # It is nearly all imports: see `oldphoto_core.imports`.
    gc.set_threshold(100_000)
    # As Prefect's own starter says it: of its services only those that record what a run tells it. This server is not
    # there to schedule anything.
    os.environ["PREFECT__SERVER_EPHEMERAL"] = "1"
    os.environ["PREFECT_SERVER_UI_ENABLED"] = "false"
    sys.argv = ["prefect", "server", "start", "--host", _HOST, "--port", port]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _become_server(int(sys.argv[1]), sys.argv[2])
