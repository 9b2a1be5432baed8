"""The stages as Ray actors: one streaming dataset per window of photos, and what to do when workers die (Ray 2.60).

* A given-up photo has no row. Missing ones are therefore tried once more, each alone in a worker of its own:
  one that only stood in line behind the killer comes through, the killer is quarantined.
* A window is a dataset of its own, because Ray keeps books on every block of a dataset. Ray Data cannot hand
  actors from one dataset to the next, so that each window pays their start (about 6 s with torch) again.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

from ray.data.exceptions import ExecutionTimeoutError, SystemException
from ray.exceptions import RayError

from actors.errors import EngineLostError
from actors.job import RestoreJob
from actors.ray_alone import PhotosAlone, cause
from actors.ray_dataset import PhotoDataset, RayEngine
from actors.ray_session import WHERE_RAY_TELLS, machines, ray_session, require_parts, require_worker
from actors.resources import EngineSettings, plan_resources
from actors.restorer import RestorerFactory
from actors.rows import InputRow, OutcomeRow
from actors.waiting import OverdueError, within

_log = logging.getLogger(__name__)
_PASSES = 3
_PATIENCE = {"compact": 1, "paper": 20}
"""How much longer than `EngineSettings` says a photo may take: the networks differ so much in cost."""


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


def _run_window(window: Sequence[InputRow], engine: RayEngine) -> Generator[OutcomeRow]:
    waiting = {item.work_item_id: item for item in window}
    for _ in range(_PASSES):
        before = len(waiting)
        items = list(waiting.values())
        watched = _watched(PhotoDataset(items, engine), engine.patience(items), engine)
        try:
            with closing(watched) as outcomes:
                for outcome in outcomes:
                    if waiting.pop(outcome.work_item_id, None) is not None:
                        yield outcome
            break
        except (RayError, ExecutionTimeoutError, SystemException) as error:
            _log.warning("The engine stopped with %d photos left: %s", len(waiting), cause(error))
        if not waiting or len(waiting) == before:
            break
    if left := list(waiting.values()):
        longest = engine.settings.photo_timeout_s + engine.patience(left)
        yield from _watched(PhotosAlone(left, engine), longest, engine)


def _watched(work: PhotoDataset | PhotosAlone, seconds: float, engine: RayEngine) -> Generator[OutcomeRow]:
    """Yield the outcomes; end the run where Ray itself does not keep to its limits, or parts of it are gone."""
    try:
        yield from within(seconds + engine.settings.grace_s, work.outcomes, require_parts, work.stop)
    except OverdueError as error:
        raise EngineLostError(
            f"Ray hangs: {error}. {WHERE_RAY_TELLS} The next run goes on from here."
        ) from error
