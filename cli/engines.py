"""The engines of one command: Prefect's server and Ray, started side by side while the flow is imported."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module

from actors.errors import EngineError
from cli.environment import check_home, prepare_environment
from cli.prefect_server import server_is_configured, start_prefect_server
from oldphoto_core.imports import uncollected

_LATE = ("prefect.flow_engine", "prefect.task_engine", "fastapi.encoders")
"""What Prefect imports only when a flow is called."""
_OF_SERVER = ("Failed to reach API", "Found incompatible versions")
"""How Prefect begins what it says of a server, as a plain RuntimeError."""


@contextmanager
def engines(executor: str) -> Iterator[None]:
    """Have ready what a flow with this executor needs.

    Three things take seconds and hardly depend on each other: Prefect's server and Ray, which are processes of their
    own, and importing the flow. What fails to start is tried again, and said, where it is needed.

    Raises:
        EngineError: Prefect's server does not start, the one that is configured cannot be used, or there is no place
            for their and Ray's files.
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
        with _server_explained():
            yield


@contextmanager
def _server_explained() -> Iterator[None]:
    """Turn what Prefect raises where its server is not there, or not one for us, into a message with a remedy.

    Raises:
        EngineError: that happened.
    """
    import httpx

    try:
        yield
    except (httpx.HTTPError, RuntimeError) as error:
        said = str(error).strip().partition("\n")[0]
        # Prefect has no error of its own for these two.
        if isinstance(error, RuntimeError) and not said.startswith(_OF_SERVER):
            raise
        from prefect.settings import PREFECT_API_URL

        where = re.sub("//[^/@]*@", "//", str(PREFECT_API_URL.value()))
        raise EngineError(
            f"Prefect's server at {where} cannot be used: {said or type(error).__name__}. Check it, or unset "
            "PREFECT_API_URL (`prefect config view` says where it is set) to do without one. What is done is "
            "recorded; the next run goes on from there."
        ) from error


def _start_ray(stack: ExitStack) -> None:
    """Start Ray in this thread: its processes are made to end with the thread that started them."""
    with suppress(ImportError):
        from actors.ray_session import ray_session
        from actors.resources import EngineSettings

        # While Ray's processes start, this thread only waits.
        importing = threading.Thread(target=_import_flow, args=("ray",), name="import", daemon=True)
        importing.start()
        try:
            with suppress(EngineError):
                stack.enter_context(ray_session(EngineSettings()))
        finally:
            # Also on Ctrl-C: a process that ends while a thread of its loads libraries is aborted by the C library.
            importing.join()


def _import_flow(executor: str) -> None:
    # The inline executor restores in this process; with Ray, torch is imported in the workers only.
    engine = "actors.ray_engine" if executor == "ray" else "oldphoto_core.restore"
    for name in ("flows.restore_archive", engine, *_LATE):
        with suppress(ImportError):
            import_module(name)
