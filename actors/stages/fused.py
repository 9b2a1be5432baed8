"""Several stages in one worker: pixels pass from one to the next without leaving the process.

Which stages share a worker is data (`actors.resources`); this module builds them and runs them in order.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from enum import StrEnum
from itertools import groupby
from threading import Lock
from typing import Any

from actors.job import RestoreJob
from actors.packing import pack, unpack
from actors.restorer import PhotoRestorer, RestorerFactory, shipped_restorer
from actors.rows import PhotoRow
from actors.stages.boundary import Stage, guarded
from actors.stages.detect import DetectStage
from actors.stages.enhance import EnhanceStage
from actors.stages.read import ReadStage
from actors.stages.restore import RestoreStage
from actors.stages.scan import ScanStage
from actors.stages.write import WriteStage


class StageName(StrEnum):
    """The stages in the order in which a photo passes them."""

    READ = "read"
    SCAN = "scan"
    DETECT = "detect"
    RESTORE = "restore"
    ENHANCE = "enhance"
    WRITE = "write"


ALL_STAGES = tuple(StageName)
NETWORK_STAGES = (StageName.SCAN, StageName.DETECT, StageName.RESTORE, StageName.ENHANCE)


class FusedStage:
    """Runs ``names`` on a photo, each inside its own failure boundary.

    Built once per worker: the networks are loaded here, once for all stages that need them.

    Args:
        job: the run's instructions.
        names: which stages, in order.
        restorer_factory: builds the networks; the shipped ones when not given.
    """

    def __init__(
        self,
        job: RestoreJob,
        names: Sequence[StageName] = ALL_STAGES,
        restorer_factory: RestorerFactory | None = None,
    ) -> None:
        needs_networks = not set(NETWORK_STAGES).isdisjoint(names)
        restorer = (restorer_factory or shipped_restorer)(job) if needs_networks else None
        built = {name: guarded(_build(name, job, restorer), job.software) for name in names}
        self._parts = [
            (networks, [built[name] for name in part])
            for networks, part in groupby(names, key=NETWORK_STAGES.__contains__)
        ]
        self._networks = Lock()

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` after all stages; a settled one comes back as it is.

        Several threads may call: one at a time is in the networks, the others read and write meanwhile.
        """
        for networks, stages in self._parts:
            with self._networks if networks else nullcontext():
                for stage in stages:
                    photo = stage(photo)
        return photo


class RayStage:
    """A `FusedStage` at the border to Ray: rows are packed dictionaries, and the process's threads are
    bounded.

    Args:
        job, names, restorer_factory: see `FusedStage`.
        threads: how many threads the numerical libraries may use in this worker.
    """

    def __init__(
        self,
        job: RestoreJob,
        names: Sequence[StageName],
        restorer_factory: RestorerFactory | None,
        threads: int,
    ) -> None:
        self.fused = FusedStage(job, names, restorer_factory)
        bound_threads(threads)

    def __call__(self, packed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the packed photo after the stages."""
        return pack(self.fused(unpack(packed)))


def bound_threads(threads: int) -> None:
    """Keep the numerical libraries to ``threads`` threads: workers share one machine.

    Call it after the networks were built; where none were, torch was never imported and stays so.
    """
    import cv2

    cv2.setNumThreads(threads)
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)


def _build(name: StageName, job: RestoreJob, restorer: PhotoRestorer | None) -> Stage:
    if name is StageName.READ:
        return ReadStage(job)
    if name is StageName.WRITE:
        return WriteStage(job)
    if restorer is None:
        raise ValueError(f"the {name} stage needs networks")
    if name is StageName.SCAN:
        return ScanStage(job, restorer)
    if name is StageName.DETECT:
        return DetectStage(restorer)
    return RestoreStage(job, restorer) if name is StageName.RESTORE else EnhanceStage(job, restorer)
