"""The stages as Ray actors: one streaming dataset per window of photos, and what to do when workers die.

Why it is set up as it is (measured, Ray 2.60):

* One photo per block. When a worker is killed, Ray gives up whole blocks, and a neighbour must not be lost.
* ``max_restarts=100, max_task_retries=2, max_errored_blocks=-1``: a photo that kills its worker each time is
  given up after three attempts and the rest goes on. Without the first the dataset fails, without the second
  the photo loops for ever, and with few restarts the dataset hangs.
* A given-up photo has no row. Missing ones are therefore tried once more, each alone in a worker of its own:
  one that only stood in line behind the killer comes through, the killer is quarantined.
* A window is a dataset of its own, because Ray keeps books on every block of a dataset. Ray Data cannot hand
  actors from one dataset to the next, so that each window pays their start (about 6 s with torch) again.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset
from ray.data.exceptions import ExecutionTimeoutError, SystemException
from ray.exceptions import (
    GetTimeoutError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    WorkerCrashedError,
)

from actors.errors import EngineError, EngineLostError
from actors.inline import settled
from actors.job import RestoreJob
from actors.packing import pack, unpack
from actors.ray_session import WHERE_RAY_TELLS, machines, ray_session, require_parts, require_worker
from actors.resources import EngineSettings, Plan, Resources, StageGroup, plan_resources
from actors.restorer import RestorerFactory
from actors.rows import InputRow, OutcomeRow, PhotoRow
from actors.stages.fused import ALL_STAGES, FusedStage, RayStage, StageName, bound_threads
from actors.waiting import OverdueError, within
from oldphoto_core.photo import Outcome
from schemas.records import EventOutcome, EventRecord, EventType

_log = logging.getLogger(__name__)
_MAX_RESTARTS = 100
_PASSES = 3
_PATIENCE = {"compact": 1, "paper": 20}
"""How much longer than `EngineSettings` says a photo may take: the networks differ so much in cost."""
_KILLED = (RayActorError, OutOfMemoryError, WorkerCrashedError)


def run_ray(
    items: Iterable[InputRow],
    job: RestoreJob,
    settings: EngineSettings,
    restorer_factory: RestorerFactory | None,
) -> Generator[OutcomeRow]:
    """Yield each photo's outcome once, in no particular order.

    Raises:
        EngineError: no worker can be started.
    """
    source = iter(items)
    job = replace(job, at_once=settings.photos_per_worker)
    settings = replace(
        settings,
        photo_timeout_s=settings.photo_timeout_s * _PATIENCE[job.config],
        megapixel_timeout_s=settings.megapixel_timeout_s * _PATIENCE[job.config],
    )
    with ray_session(settings):
        require_worker()
        while window := list(islice(source, settings.window)):
            plan = plan_resources(machines(), photos=len(window), device=job.device, settings=settings)
            yield from _run_window(window, RayEngine(job, settings, restorer_factory, plan))


@dataclass(frozen=True)
class RayEngine:
    """One window's plan, carried out.

    Args:
        job: the run's instructions.
        settings: how the engine runs.
        factory: builds the networks; the shipped ones when None.
        plan: which stages share a worker, and what each worker gets.
    """

    job: RestoreJob
    settings: EngineSettings
    factory: RestorerFactory | None
    plan: Plan

    def stream(self, items: Sequence[InputRow]) -> Generator[OutcomeRow]:
        """Yield outcomes as the dataset produces them; photos whose workers were killed are missing."""
        for row in self._dataset(items).iter_rows():
            yield settled(unpack(row))

    def patience(self, items: Sequence[InputRow]) -> float:
        """Return how many seconds the largest of the photos may take; one beyond the limits is not decoded."""
        largest = min(max((item.pixels for item in items), default=0), self.job.limits.max_pixels)
        return max(self.settings.photo_timeout_s, self.settings.megapixel_timeout_s * largest / 1e6)

    def lone_worker(self) -> Any:
        """Start a worker for one photo at a time, with all stages, and wait until it is ready."""
        given = next(group for group in self.plan if StageName.DETECT in group.stages).resources
        remote: Any = ray.remote(num_cpus=given.cpus, num_gpus=given.gpus, max_restarts=0)(_LoneWorker)
        worker = remote.remote(self.job, self.factory, given.threads)
        try:
            ray.get(worker.ready.remote(), timeout=self.settings.photo_timeout_s)
        except RayError as error:
            raise EngineError(f"No worker can be started. {_cause(error)}") from error
        return worker

    def _dataset(self, items: Sequence[InputRow]) -> Dataset:
        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.enable_operator_progress_bars = False
        context.print_on_execution_start = False
        context.max_errored_blocks = -1
        context.execution_no_progress_timeout_s = self.patience(items)
        context.execution_options.preserve_order = False
        with DataContext.current(context):
            rows = [pack(PhotoRow(item)) for item in items]
            dataset: Dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
            for group in self.plan:
                dataset = self._mapped(dataset, group)
        return dataset

    def _mapped(self, dataset: Dataset, group: StageGroup) -> Dataset:
        stage: Any = RayStage
        given = group.resources
        with warnings.catch_warnings():
            # Ray 2.60 deprecates passing the two options about restarts and offers no other way to set them.
            warnings.simplefilter("ignore", DeprecationWarning)
            return dataset.map(
                stage,
                fn_constructor_args=(self.job, group.stages, self.factory, given.threads),
                compute=_pool(given, self.settings.photos_per_worker),
                num_cpus=given.cpus,
                num_gpus=given.gpus or None,
                memory=given.memory or None,
                max_restarts=_MAX_RESTARTS,
                max_task_retries=self.settings.task_retries,
            )


def _pool(given: Resources, at_once: int) -> ActorPoolStrategy:
    size = {"size": given.concurrency}
    if given.grows:
        size = {"min_size": 1, "initial_size": given.concurrency, "max_size": given.most}
    return ActorPoolStrategy(
        **size,
        # None in line beyond those in hand: photos behind one that kills the worker use up attempts too.
        max_tasks_in_flight_per_actor=at_once,
        max_concurrent_calls_per_actor=at_once,
        enable_true_multi_threading=at_once > 1,
    )


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


def _run_window(window: Sequence[InputRow], engine: RayEngine) -> Iterator[OutcomeRow]:
    waiting = {item.work_item_id: item for item in window}
    for _ in range(_PASSES):
        before = len(waiting)
        items = list(waiting.values())
        try:
            for outcome in _watched(partial(engine.stream, items), engine.patience(items), engine):
                if waiting.pop(outcome.work_item_id, None) is not None:
                    yield outcome
            break
        except (RayError, ExecutionTimeoutError, SystemException) as error:
            _log.warning("The engine stopped with %d photos left: %s", len(waiting), _cause(error))
        if not waiting or len(waiting) == before:
            break
    if left := list(waiting.values()):
        longest = engine.settings.photo_timeout_s + engine.patience(left)
        yield from _watched(partial(_one_by_one, left, engine), longest, engine)


def _watched(
    make: Callable[[], Generator[OutcomeRow]], seconds: float, engine: RayEngine
) -> Iterator[OutcomeRow]:
    """Yield the outcomes; end the run where Ray itself does not keep to its limits, or parts of it are gone."""
    try:
        yield from within(seconds + engine.settings.grace_s, make, require_parts)
    except OverdueError as error:
        raise EngineLostError(
            f"Ray hangs: {error}. {WHERE_RAY_TELLS} The next run goes on from here."
        ) from error


def _one_by_one(items: Sequence[InputRow], engine: RayEngine) -> Generator[OutcomeRow]:
    """Try each photo that the dataset gave up alone; quarantine those that kill their worker again."""
    worker: Any = None
    try:
        for item in items:
            worker = worker or engine.lone_worker()
            try:
                yield ray.get(worker.restore.remote(item), timeout=engine.patience([item]))
            except (*_KILLED, GetTimeoutError) as error:
                ray.kill(worker)
                worker = None
                yield _given_up(item, engine, timed_out=isinstance(error, GetTimeoutError))
    finally:
        if worker is not None:
            ray.kill(worker)


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


def _cause(error: BaseException) -> str:
    """Return the last line of Ray's report: the error that the worker's constructor raised."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
