"""The photos of a window as one streaming dataset of Ray's.

Why it is set up as it is (measured, Ray 2.60):

* One photo per block. When a worker is killed, Ray gives up whole blocks, and a neighbour must not be lost.
* ``max_restarts=100, max_task_retries=2, max_errored_blocks=-1``: a photo that kills its worker each time is
  given up after three attempts and the rest goes on. Without the first the dataset fails, without the second
  the photo loops for ever, and with few restarts the dataset hangs.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset

from actors.inline import settled
from actors.job import RestoreJob
from actors.packing import pack, unpack
from actors.ray_session import workers_ended
from actors.resources import EngineSettings, Plan, Resources, StageGroup
from actors.restorer import RestorerFactory
from actors.rows import InputRow, OutcomeRow, PhotoRow
from actors.stages.fused import RayStage

_MAX_RESTARTS = 100
_ACTOR = "MapWorker"
"""What Ray Data calls the actors of a dataset."""


@dataclass(frozen=True)
class RayEngine:
    """How photos are worked on in a window.

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

    def patience(self, items: Sequence[InputRow]) -> float:
        """Return how many seconds the largest of the photos may take; one beyond the limits is not decoded."""
        largest = min(max((item.pixels for item in items), default=0), self.job.limits.max_pixels)
        return max(self.settings.photo_timeout_s, self.settings.megapixel_timeout_s * largest / 1e6)


class PhotoDataset:
    """Photos on their way through the stages."""

    def __init__(self, items: Sequence[InputRow], engine: RayEngine) -> None:
        self.items, self.engine = items, engine
        self._executor: Any = None

    def outcomes(self) -> Generator[OutcomeRow]:
        """Yield outcomes as the dataset produces them; photos whose workers were killed are missing."""
        dataset = self._built()
        self._keep_executor(dataset)
        # Nothing ahead, unlike `iter_rows`: an outcome would wait for the next one, be that a glass plate's.
        tables: Iterable[Any] = dataset.iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        )
        for table in tables:
            for row in table.to_pylist():
                yield settled(unpack(row))

    def stop(self) -> None:
        """End the workers, and with them `outcomes`, which another thread waits for.

        Ray Data has no word for it of its own: it ends a dataset when its next row has come, which may take minutes.
        """
        if self._executor is not None:
            with workers_ended(_ACTOR):
                self._executor.shutdown(force=True)

    def _keep_executor(self, dataset: Any) -> None:
        """Keep what runs the dataset from its beginning on; Ray Data itself does from the first row on only."""
        create = getattr(dataset, "_create_executor", None)
        if create is None:
            return

        def created() -> Any:
            self._executor = create()
            return self._executor

        dataset._create_executor = created

    def _built(self) -> Dataset:
        context = DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.enable_operator_progress_bars = False
        context.print_on_execution_start = False
        context.max_errored_blocks = -1
        context.execution_no_progress_timeout_s = self.engine.patience(self.items)
        context.execution_options.preserve_order = False
        with DataContext.current(context):
            rows = [pack(PhotoRow(item)) for item in self.items]
            dataset: Dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
            for group in self.engine.plan:
                dataset = self._mapped(dataset, group)
        return dataset

    def _mapped(self, dataset: Dataset, group: StageGroup) -> Dataset:
        engine, given = self.engine, group.resources
        stage: Any = RayStage
        with warnings.catch_warnings():
            # Ray 2.60 deprecates passing the two options about restarts and offers no other way to set them.
            warnings.simplefilter("ignore", DeprecationWarning)
            return dataset.map(
                stage,
                fn_constructor_args=(engine.job, group.stages, engine.factory, given.threads),
                compute=_pool(given, engine.settings.photos_per_worker),
                num_cpus=given.cpus,
                num_gpus=given.gpus or None,
                memory=given.memory or None,
                max_restarts=_MAX_RESTARTS,
                max_task_retries=engine.settings.task_retries,
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
