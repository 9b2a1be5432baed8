"""Run many photos through the stages and yield what became of each, as it becomes known.

The promise: every input row comes out exactly once, whatever happens to workers; nothing comes out that did
not go in. Recording outcomes is the caller's part, and so is deciding what is still pending.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace

from actors.executors import Executor
from actors.inline import run_inline
from actors.job import RestoreJob
from actors.resources import EngineSettings
from actors.restorer import RestorerFactory
from actors.rows import InputRow, OutcomeRow
from oldphoto_core.errors import UsageError
from storage import open_store

_LARGEST_BATCH = 500


def run_stream(
    items: Iterable[InputRow],
    job: RestoreJob,
    *,
    executor: Executor = "ray",
    settings: EngineSettings | None = None,
    restorer_factory: RestorerFactory | None = None,
    sweep: bool = True,
) -> Generator[list[OutcomeRow]]:
    """Yield small batches of outcome rows until every row of ``items`` has come out once.

    Whoever may stop early closes it (`contextlib.closing`): that ends the workers and takes away what they left.

    Args:
        items: the planned photos, read lazily, a window at a time; millions are fine.
        job: the run's instructions.
        executor: ``ray`` starts workers (in the cluster of ``RAY_ADDRESS``, or else on this machine);
            ``inline`` restores one photo after the other in this process.
        settings: how the engine runs; see `EngineSettings`.
        restorer_factory: builds the networks in each worker; the shipped ones when not given.
        sweep: remove what killed writers left in the destination, before and after; it is gone through as a
            whole, so whoever streams often does that himself.

    Raises:
        UsageError: an unknown executor, or a source or destination that cannot be opened.
        EngineError: no worker can be started at all, for example because weights are missing.
    """
    settings = settings or EngineSettings()
    job = _with_stores_ready(job)
    if sweep:
        open_store(job.destination).sweep_partials()
    try:
        with closing(_outcomes(items, job, executor, settings, restorer_factory)) as outcomes:
            yield from in_batches(outcomes, settings.batch_seconds)
    finally:
        if sweep:
            # Workers that were stopped in the middle of a file have left it under a temporary name.
            open_store(job.destination).sweep_partials()


def require_engine(executor: Executor) -> None:
    """Look whether there is an engine to work with later, as far as that costs nothing.

    Raises:
        EngineError: the cluster of ``RAY_ADDRESS`` does not answer.
    """
    if executor == "ray" and os.environ.get("RAY_ADDRESS"):
        from actors.ray_session import require_cluster

        require_cluster()


def in_batches(outcomes: Iterable[OutcomeRow], seconds: float) -> Iterator[list[OutcomeRow]]:
    """Gather rows that come fast, and hand on at once those that come slowly."""
    batch: list[OutcomeRow] = []
    handed_on = float("-inf")
    for outcome in outcomes:
        batch.append(outcome)
        if time.monotonic() - handed_on >= seconds or len(batch) >= _LARGEST_BATCH:
            yield batch
            batch, handed_on = [], time.monotonic()
    if batch:
        yield batch


def _outcomes(
    items: Iterable[InputRow],
    job: RestoreJob,
    executor: Executor,
    settings: EngineSettings,
    restorer_factory: RestorerFactory | None,
) -> Generator[OutcomeRow]:
    if executor == "inline":
        return run_inline(items, job, restorer_factory)
    if executor == "ray":
        # Importing Ray takes a second that the inline executor need not spend.
        from actors.ray_engine import run_ray

        return run_ray(items, job, settings, restorer_factory)
    raise UsageError(f"No executor is called {executor!r}. Choose ray or inline.")


def _with_stores_ready(job: RestoreJob) -> RestoreJob:
    """Open both stores before any worker starts, and make addresses absolute."""
    source = open_store(job.source)
    destination = open_store(job.destination, create=True)
    return replace(job, source=source.uri, destination=destination.uri)
