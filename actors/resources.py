"""What each worker gets, decided in one place and handed to Ray as data.

`plan_resources` is a pure function of the machines and the settings; `actors.stream` carries its plan out.

Without a GPU all stages share one worker and pixels never leave it: workers × threads = CPUs, with as many workers
as memory allows, because encoding and decoding use one thread whatever the networks do; while the networks have
one photo, the next is read and the one before waits for the disk. With GPUs the network stages share a worker that
holds a fraction of a GPU, so that one's transfers overlap another's computing, and reading and writing get workers
of their own on the CPUs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from actors.stages.fused import ALL_STAGES, NETWORK_STAGES, StageName

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True)
class EngineSettings:
    """How the engine runs; none of it changes a pixel's meaning, so none of it is part of the recipe.

    Attributes:
        object_store_bytes: Ray's shared memory when this process starts Ray; it bounds the photos in flight.
        worker_bytes: memory that one worker is expected to need for its largest photo.
        workers: fixed number of network workers; None plans it.
        most_workers: how many network workers there may be once a cluster has grown; None: as many as planned.
        photos_per_worker: while the networks have one photo, a worker reads the next and writes the one before.
        workers_per_gpu: how many network workers share one GPU.
        window: photos per Ray dataset. A window's bookkeeping is in memory; each costs its workers' start.
        photo_timeout_s: no photo may take longer; also how long a whole window may stand still. Both are longer where
            there are large photos.
        megapixel_timeout_s: so many seconds for each of its megapixels, if that is more.
        grace_s: how much later the run is ended where Ray does not end a window that stands still.
        task_retries: how often a photo is tried again after its worker was killed.
        batch_seconds: outcomes are handed on at least this often while they keep coming.
    """

    object_store_bytes: int = 512 * MIB
    worker_bytes: int = 3 * GIB
    workers: int | None = None
    most_workers: int | None = None
    photos_per_worker: int = 2
    workers_per_gpu: int = 2
    window: int = 5000
    photo_timeout_s: float = 3600.0
    megapixel_timeout_s: float = 20.0
    grace_s: float = 300.0
    task_retries: int = 2
    batch_seconds: float = 0.5


@dataclass(frozen=True)
class Machine:
    """One node: its CPUs, GPUs, and bytes of memory for workers."""

    cpus: int
    gpus: float
    memory: int


@dataclass(frozen=True)
class Resources:
    """What one worker of a group gets, and how many of them there are.

    Attributes:
        cpus, gpus: shares that Ray reserves.
        threads: for the numerical libraries.
        concurrency: workers at the start.
        memory: bytes that Ray reserves on the worker's node; 0 reserves none.
        most: workers at the most, where the cluster grows; 0 is ``concurrency``.
    """

    cpus: float
    gpus: float
    threads: int
    concurrency: int
    memory: int = 0
    most: int = 0

    @property
    def grows(self) -> bool:
        """Whether workers may be added."""
        return self.most > self.concurrency


@dataclass(frozen=True)
class StageGroup:
    """Stages that share a worker, and what that worker gets."""

    stages: tuple[StageName, ...]
    resources: Resources


Plan = tuple[StageGroup, ...]


def plan_resources(
    machines: Iterable[Machine],
    *,
    photos: int,
    device: str = "auto",
    settings: EngineSettings | None = None,
) -> Plan:
    """Return the groups of stages in order, with what each worker gets.

    Args:
        machines: the nodes.
        photos: how many photos there are to do; no more workers than that are started.
        device: ``cpu`` leaves GPUs alone.
        settings: see `EngineSettings`.
    """
    settings = settings or EngineSettings()
    nodes = [machine for machine in machines if machine.cpus > 0]
    if not nodes:
        # A cluster that starts its nodes on demand: modest workers make it start some.
        workers = max(1, min(settings.workers or 1, photos))
        most = min(settings.most_workers or workers, photos)
        return (StageGroup(ALL_STAGES, Resources(1, 0, 1, workers, settings.worker_bytes, most)),)
    gpus = sum(int(node.gpus) for node in nodes) if device != "cpu" else 0
    return _gpu_plan(nodes, gpus, photos, settings) if gpus else _cpu_plan(nodes, photos, settings)


def _cpu_plan(nodes: list[Machine], photos: int, settings: EngineSettings) -> Plan:
    wanted = settings.workers or sum(_fitting(node, settings) for node in nodes)
    workers = max(1, min(wanted, photos))
    # Threads must fit the smallest node that is to host a worker.
    threads = max(1, min(sum(node.cpus for node in nodes) // workers, min(node.cpus for node in nodes)))
    memory = min(settings.worker_bytes, *(node.memory // max(1, node.cpus // threads) for node in nodes))
    most = min(settings.most_workers or workers, photos)
    return (StageGroup(ALL_STAGES, Resources(threads, 0, threads, workers, memory, most)),)


def _gpu_plan(nodes: list[Machine], gpus: int, photos: int, settings: EngineSettings) -> Plan:
    workers = max(1, min(settings.workers or gpus * settings.workers_per_gpu, photos))
    cpus = sum(node.cpus for node in nodes)
    # A GPU worker needs little of a CPU; the rest reads and writes, and writing is the dearer of the two.
    beside_gpu = min(0.5, cpus / 2 / workers)
    left = cpus - workers * beside_gpu
    readers = max(1, min(int(left / 3), photos))
    writers = max(1, min(int(left * 2 / 3), photos))
    each = min(1.0, _rounded_down(left / (readers + writers)))
    networks = Resources(
        _rounded_down(beside_gpu),
        1.0 / settings.workers_per_gpu,
        max(1, cpus // (2 * workers)),
        workers,
        min(settings.worker_bytes, *(_share_beside_gpu(node, settings) for node in nodes if node.gpus)),
        min(settings.most_workers or workers, photos),
    )
    return (
        StageGroup((StageName.READ,), Resources(each, 0, 1, readers)),
        StageGroup(NETWORK_STAGES, networks),
        StageGroup((StageName.WRITE,), Resources(each, 0, 1, writers)),
    )


def _rounded_down(share: float) -> float:
    """Return ``share`` in the ten-thousandths that Ray counts in, so that the sum still fits."""
    return math.floor(share * 10_000) / 10_000


def _share_beside_gpu(node: Machine, settings: EngineSettings) -> int:
    return node.memory // max(1, int(node.gpus) * settings.workers_per_gpu)


def _fitting(node: Machine, settings: EngineSettings) -> int:
    return max(1, min(node.cpus, node.memory // settings.worker_bytes))
