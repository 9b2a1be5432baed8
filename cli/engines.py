"""The engines of one command: Prefect's server and Ray, started side by side while the flow is imported."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module

from cli.environment import check_home, prepare_environment
from cli.prefect_server import server_is_configured, start_prefect_server
from oldphoto_core.imports import uncollected

_LATE = ("prefect.flow_engine", "prefect.task_engine", "fastapi.encoders")
"""What Prefect imports only when a flow is called."""


@contextmanager
def engines(executor: str) -> Iterator[None]:
    """Have ready what a flow with this executor needs.

    Three things take seconds and hardly depend on each other: Prefect's server and Ray, which are processes of their
    own, and importing the flow. What fails to start is tried again, and said, where it is needed.

    Raises:
        EngineError: Prefect's server does not start, or there is no place for its and Ray's files.
    """
    prepare_environment()
    check_home(executor, own_server=not server_is_configured())
    server = start_prefect_server()
    with ExitStack() as stack:
        with uncollected():
            if executor == "ray":
                _start_ray(stack)
            _import_flow(executor)
        if server is not None:
            server.wait()
        yield


def _start_ray(stack: ExitStack) -> None:
    """Start Ray in this thread: its processes are made to end with the thread that started them."""
    with suppress(ImportError):
        from actors.errors import EngineError
        from actors.ray_session import ray_session
        from actors.resources import EngineSettings

        # While Ray's processes start, this thread only waits.
        importing = threading.Thread(target=_import_flow, args=("ray",), name="import", daemon=True)
        importing.start()
        with suppress(EngineError):
            stack.enter_context(ray_session(EngineSettings()))
        importing.join()


def _import_flow(executor: str) -> None:
    # The inline executor restores in this process; with Ray, torch is imported in the workers only.
    engine = "actors.ray_engine" if executor == "ray" else "oldphoto_core.restore"
    for name in ("flows.restore_archive", engine, *_LATE):
        with suppress(ImportError):
            import_module(name)
