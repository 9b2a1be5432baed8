"""What has to be in the environment before Prefect is imported.

Prefect reads its settings at import, talks to its makers' server by default, and fills a terminal with messages
that mean nothing to the person who started a restoration. Every value here is only a default: what the user
has set stays. (`actors.ray_engine` does the same for Ray.)
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from importlib import import_module
from typing import Final

QUIET: Final[dict[str, str]] = {
    # A failed run is told once, by the command line, and not by the engine before it.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    # A run inside this process starts a server that is stopped with it; its farewell is not news.
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # On a busy machine the first start migrates a fresh database for longer than the default 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "DO_NOT_TRACK": "1",
}


def prepare_environment() -> None:
    """Set quiet defaults; it has to be called before anything imports Prefect."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def get_ready(executor: str) -> None:
    """Start Prefect's server and import, while it starts, what a run with this executor needs.

    A flow would start the server and wait for it with nothing to do, and then import the rest. The server comes
    first, and alone: two threads that import hold each other up. With ``PREFECT_API_URL`` none is started. What
    fails here says so where it is needed.
    """
    with suppress(ImportError):
        import_module("prefect.server.api.server")
    server = threading.Thread(target=_start_server, name="prefect-server", daemon=True)
    server.start()
    modules = ["flows.restore_archive", "oldphoto_core.restore"]
    for name in [*modules, "actors.ray_engine"] if executor == "ray" else modules:
        with suppress(ImportError):
            import_module(name)
    server.join()


def _start_server() -> None:
    from prefect import get_client

    with suppress(Exception):
        get_client(sync_client=True)
