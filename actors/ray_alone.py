"""Photos that a dataset of Ray's gave up, tried once more: each alone in a worker of its own."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayActorError, RayError, WorkerCrashedError

from actors.errors import EngineError
from actors.inline import settled
from actors.job import RestoreJob
from actors.ray_dataset import RayEngine
from actors.ray_session import workers_ended
from actors.restorer import RestorerFactory
from actors.rows import InputRow, OutcomeRow, PhotoRow
from actors.stages.fused import ALL_STAGES, FusedStage, StageName, bound_threads
from oldphoto_core.photo import Outcome
from schemas.records import EventOutcome, EventRecord, EventType

_KILLED = (RayActorError, OutOfMemoryError, WorkerCrashedError)


class PhotosAlone:
    """Photos one after the other; those that kill their worker again are quarantined."""

    def __init__(self, items: Sequence[InputRow], engine: RayEngine) -> None:
        self.items, self.engine = items, engine
        self._worker: Any = None

    def outcomes(self) -> Generator[OutcomeRow]:
        """Yield what became of each.

        Raises:
            EngineError: no worker can be started.
        """
        try:
            for item in self.items:
                if self._worker is None:
                    self._start()
                try:
                    yield ray.get(self._worker.restore.remote(item), timeout=self.engine.patience([item]))
                except (*_KILLED, GetTimeoutError) as error:
                    self.stop()
                    self._worker = None
                    yield _given_up(item, self.engine, timed_out=isinstance(error, GetTimeoutError))
        finally:
            self.stop()

    def stop(self) -> None:
        """End the worker."""
        if self._worker is not None:
            with workers_ended(_LoneWorker.__name__):
                ray.kill(self._worker)

    def _start(self) -> None:
        """Start a worker with all stages, and wait until it is ready."""
        engine = self.engine
        given = next(group for group in engine.plan if StageName.DETECT in group.stages).resources
        remote: Any = ray.remote(num_cpus=given.cpus, num_gpus=given.gpus, max_restarts=0)(_LoneWorker)
        self._worker = remote.remote(engine.job, engine.factory, given.threads)
        try:
            ray.get(self._worker.ready.remote(), timeout=engine.settings.photo_timeout_s)
        except RayError as error:
            raise EngineError(f"No worker can be started. {cause(error)}") from error


class _LoneWorker:
    """All stages in one process, for one photo at a time."""

    def __init__(self, job: RestoreJob, factory: RestorerFactory | None, threads: int) -> None:
        self.fused = FusedStage(job, ALL_STAGES, factory)
        bound_threads(threads)

    def ready(self) -> bool:
        """Answer once the worker has been built."""
        return True

    def restore(self, item: InputRow) -> OutcomeRow:
        """Return the photo's outcome."""
        return settled(self.fused(PhotoRow(item)))


def cause(error: BaseException) -> str:
    """Return the last line of Ray's report: the error that the worker's constructor raised."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


def _given_up(item: InputRow, engine: RayEngine, *, timed_out: bool) -> OutcomeRow:
    if timed_out:
        code = "timeout"
        problem = f"restoring it took longer than {engine.patience([item]):.0f} s, also when it ran alone"
    else:
        code = "worker-killed"
        attempts = engine.settings.task_retries + 2
        problem = (
            f"its worker was killed {attempts} times while processing it, the last time when it ran alone"
        )
    reason = (
        f"{problem}. Save the file anew with another program, or give the workers more memory (--memory) and "
        "run again with --retry."
    )
    event = EventRecord(
        EventType.QUARANTINE,
        outcome=EventOutcome.FAIL,
        detail={"error_class": code, "reason": reason},
        agent=engine.job.software,
    )
    row = PhotoRow(item).settle(Outcome.QUARANTINED, reason=reason, error_class=code, events=(event,))
    return settled(row)
