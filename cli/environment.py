"""What has to be in the environment before Prefect is imported.

Prefect reads its settings at import, talks to its makers' server by default, and fills a terminal with messages
that mean nothing to the person who started a restoration. Every value here is only a default: what the user
has set stays. (`actors.ray_engine` does the same for Ray.)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
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
    """Start Prefect's server and Ray, each beside the other, and import meanwhile what a run needs.

    A flow would start the one, wait, start the other, wait, and then import the rest. With ``PREFECT_API_URL`` no
    server is started, with ``RAY_ADDRESS`` no Ray. What fails here says so where it is needed.

    Imports come one after the other, because two threads that import hold each other up. Ray is started by this
    thread: its processes end with the thread that started them.
    """
    _import("prefect.server.api.server")
    beside = [_begun(_start_prefect)]
    _import(*(["actors.ray_engine"] if executor == "ray" else []))
    beside.append(_begun(lambda: _import("flows.restore_archive", "oldphoto_core.restore")))
    if executor == "ray":
        _tried(_start_ray)
    for thread in beside:
        thread.join()


def _import(*modules: str) -> None:
    for name in modules:
        _tried(lambda name=name: import_module(name))  # type: ignore[misc]


def _begun(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=_tried, args=(work,), daemon=True)
    thread.start()
    return thread


def _tried(work: Callable[[], object]) -> None:
    with suppress(Exception):
        work()


def _start_prefect() -> None:
    from prefect import get_client

    get_client(sync_client=True)


def _start_ray() -> None:
    from actors.ray_session import connect
    from actors.resources import EngineSettings

    connect(EngineSettings())
