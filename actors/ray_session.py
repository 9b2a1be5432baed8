"""Connecting to Ray, quietly: what it prints by itself must not get into a pipe that reads our JSON."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray._private import auto_init_hook
from ray._private import utils as _ray_utils
from ray._private import worker as _ray_worker

from actors.errors import EngineError, EngineLostError
from actors.processes import children, ended
from actors.resources import EngineSettings, Machine
from schemas.undisturbed import Undisturbed

_log = logging.getLogger(__name__)
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    # Keeps CUDA visible to workers that hold no share of a GPU; the default is about to change to this.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Ray has idle processes ready for the first actors: what every one of ours imports, they import ahead.
    "RAY_preload_python_modules": "actors.preload",
}
_HOST_AND_PORT = re.compile(r"\[?(?P<host>[^/\[\]]+)\]?:(?P<port>\d+)")
_ANSWER_S = 15.0
_WORKER_S = 180.0
_STAY_S = 1.0
"""Ray looks at the memory four times in it."""
_SHUTDOWN_S = 60.0
_WORKERS_END_S = 5.0
_VITAL = {"raylet", "gcs_server"}
WHERE_RAY_TELLS = "What its parts say is in session_latest/logs in /tmp/ray (or in RAY_TMPDIR)."
_probes: list[Any] = []
"""Tasks that stay for a moment in a worker of the Ray that was started here; nobody waits for them at its start."""
_NOTICE = b"Set ray log level from environment variable"


@contextmanager
def ray_session(settings: EngineSettings) -> Iterator[None]:
    """Use the Ray that this process is connected to; else ``RAY_ADDRESS``; else start one and stop it.

    Raises:
        EngineError: the cluster cannot be reached, or Ray cannot start here.
    """
    if ray.is_initialized():
        yield
        return
    _require_answer(os.environ.get("RAY_ADDRESS", ""))
    # Ray would start itself anew for a thread that still asks it something after the end.
    auto_init_hook.enable_auto_connect = False
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with _own_handlers(), _without_its_notice():
            ray.init(**_arguments(settings), log_to_driver=False, logging_level=logging.ERROR)
    # Ray has no error of its own for processes that take longer than 30 s to start: it raises just this.
    except Exception as error:
        raise EngineError(_told(error)) from error
    _hush()
    try:
        if not os.environ.get("RAY_ADDRESS"):
            remote: Any = ray.remote(num_cpus=0, max_retries=0)(_stay)
            _probes.append(remote.remote())
        yield
    except EngineLostError:
        # To leave it would hang too, or end this process before it has told why.
        _probes.clear()
        atexit.unregister(_ray_worker.shutdown)
        atexit.register(_end_without_ray)
        raise
    except BaseException:
        _shut_down()
        raise
    else:
        _shut_down()


def _told(error: Exception) -> str:
    """Return what kept Ray from starting, and the remedy."""
    address = os.environ.get("RAY_ADDRESS")
    if address and "No node info found" in str(error.__cause__):
        return (
            f"This machine is no node of the Ray cluster at {address} (RAY_ADDRESS), as one that begins a run has to "
            f"be. Begin it on a node, or make this one that lends nothing: ray start --address={address} --num-cpus=0"
        )
    return (
        f"Ray cannot be started: {str(error).strip().rstrip('.')}. {WHERE_RAY_TELLS} Check the disk there, the "
        "memory and RAY_ADDRESS, or use the inline executor."
    )


def _shut_down() -> None:
    """Leave Ray, and end what was started of it here; where a part of it does not answer, without asking.

    Its workers have ended too when this returns: one that lived on would go on writing into the destination.
    """
    _probes.clear()
    leaving = threading.Thread(target=ray.shutdown, name="leaving Ray", daemon=True)
    with ended(children(_raylet()), _WORKERS_END_S):
        leaving.start()
        leaving.join(_SHUTDOWN_S)
        if leaving.is_alive():
            _kill_parts()


def _end_without_ray() -> None:
    """End this process, which has said why, and what was started of Ray: never left, it crashes on the way out."""
    _kill_parts()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _kill_parts() -> None:
    if (node := _own_node()) is not None:
        node.kill_all_processes(check_alive=False, allow_graceful=False)


def require_parts() -> None:
    """Do nothing while the processes of the Ray that was started here live.

    Ray itself ends this process, without a word, as soon as it needs one that is gone: a dozen seconds later.

    Raises:
        EngineLostError: one has ended.
    """
    node = _own_node()
    ended = {name for name, _ in node.dead_processes()} if node is not None else set()
    if ended & _VITAL:
        raise EngineLostError(
            f"A process of Ray ended in the middle of the run ({', '.join(sorted(ended & _VITAL))}). "
            f"{WHERE_RAY_TELLS} Perhaps it was killed for want of memory: then free some, or work with fewer "
            "--workers. The next run goes on from here."
        )


def _own_node() -> Any:
    """Return Ray's handle on the processes that it started for this one; in a cluster there are none."""
    return getattr(_ray_worker, "_global_node", None)


@contextmanager
def workers_ended(actor: str) -> Iterator[None]:
    """Surround what ends the actors of this class: leave once their processes have ended. Ray does not wait for that.

    Those of the Ray that was started here; in a cluster they may be on other machines.
    """
    with ended(children(_raylet(), (f"ray::{actor}",)), _WORKERS_END_S):
        yield


def _raylet() -> int | None:
    """Return the process that started the workers here; None in a cluster."""
    parts = getattr(_own_node(), "all_processes", {})
    return next((part.process.pid for part in parts.get("raylet", ())), None)


def require_worker() -> None:
    """Do nothing where a worker of the Ray that was started here has come up, and stayed for a moment.

    While the memory is nearly full, Ray ends each worker soon after its start. Ray Data has workers of its own, which
    it starts again without end, and waits for without a limit and without a word.

    Raises:
        EngineError: none starts, or it was ended at once.
    """
    try:
        while _probes:
            ray.get(_probes.pop(), timeout=_WORKER_S)
    except ray.exceptions.RayError as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise EngineError(
            f"No worker of Ray stays alive: {said}. Free memory, have fewer other programs run, or use the inline "
            "executor."
        ) from error


def _stay() -> None:
    time.sleep(_STAY_S)


def require_cluster() -> None:
    """Do nothing where a Ray is in use, or could be as far as can be told without beginning to use it.

    Raises:
        EngineError: ``RAY_ADDRESS`` names a cluster that does not answer.
    """
    if not ray.is_initialized():
        _require_answer(os.environ.get("RAY_ADDRESS", ""))


def _require_answer(address: str) -> None:
    """Do nothing where a cluster listens at ``host:port``, or where the address is of another kind.

    Ray itself tries for many minutes, and says nothing meanwhile.

    Raises:
        EngineError: nothing listens there.
    """
    found = _HOST_AND_PORT.fullmatch(address)
    if found is None:
        return
    try:
        socket.create_connection((found["host"], int(found["port"])), timeout=_ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise EngineError(
            f"No Ray cluster answers at {address} (RAY_ADDRESS): {error}. Start it with `ray start --head`, correct "
            "the address, or unset RAY_ADDRESS to work on this machine."
        ) from error


@contextmanager
def _own_handlers() -> Iterator[None]:
    """Keep what this process does when it is asked to stop, and let it do that once Ray has started.

    Ray installs handlers that end the process without a word. And it forks: an exception from a handler at that
    moment is lost, and leaves the lock of the logs taken, on which other threads wait for good.
    """
    utils: Any = _ray_utils
    install, utils.set_sigterm_handler = utils.set_sigterm_handler, lambda handler: None
    try:
        with Undisturbed():
            yield
    finally:
        utils.set_sigterm_handler = install


@contextmanager
def _without_its_notice() -> Iterator[None]:
    """Keep one line off standard error: that the level of Ray's log is the one set above; all else passes, late."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            os.write(2, b"".join(line for line in said if _NOTICE not in line))


def machines() -> list[Machine]:
    """Return the living nodes of the cluster."""
    nodes: Any = ray.nodes
    resources = [node["Resources"] for node in nodes() if node.get("Alive")]
    return [
        Machine(int(has.get("CPU", 0)), float(has.get("GPU", 0)), int(has.get("memory", 0)))
        for has in resources
    ]


def _arguments(settings: EngineSettings) -> dict[str, Any]:
    if address := os.environ.get("RAY_ADDRESS"):
        return {"address": address}
    # Without "local" Ray would join any cluster that happens to run on this machine.
    return {
        "address": "local",
        "include_dashboard": False,
        "object_store_memory": settings.object_store_bytes,
    }


def _hush() -> None:
    """Send Ray's notices about killed workers to the log; by default they go to standard output.

    Every such photo gets an outcome that says what happened. Ray's own log files keep all of it.
    """
    # It gives its logger the handlers. At the top it would make Ray's processes wait for a second.
    importlib.import_module("ray.data")

    if hasattr(_ray_worker, "print_to_stdstream"):
        _ray_worker.print_to_stdstream = _notice
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)


def _notice(data: dict[str, Any], *_: object, **__: object) -> None:
    for line in data.get("lines", ()):
        _log.info("Ray: %s", line)
