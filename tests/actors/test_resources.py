"""The plan: a pure function of the machines, the number of photos and the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.resources import GIB, EngineSettings, Machine, Resources, plan_resources
from actors.stages.fused import ALL_STAGES, NETWORK_STAGES, StageName

MACHINES = st.lists(
    st.builds(
        Machine,
        cpus=st.integers(1, 128),
        gpus=st.sampled_from([0.0, 1.0, 8.0]),
        memory=st.integers(GIB, 1024 * GIB),
    ),
    min_size=1,
    max_size=4,
)


@given(MACHINES, st.integers(1, 10_000), st.sampled_from(["auto", "cpu", "cuda"]))
def test_a_plan_has_every_stage_once_and_fits_the_machines(
    machines: list[Machine], photos: int, device: str
) -> None:
    plan = plan_resources(machines, photos=photos, device=device)
    assert tuple(stage for group in plan for stage in group.stages) == ALL_STAGES
    given = [group.resources for group in plan]
    assert all(1 <= one.concurrency <= photos and one.threads >= 1 and one.cpus > 0 for one in given)
    assert sum(one.gpus * one.concurrency for one in given) <= sum(machine.gpus for machine in machines)
    assert (
        sum(one.cpus * one.concurrency for one in given) <= sum(machine.cpus for machine in machines) + 1e-9
    )
    assert max(one.cpus for one in given) <= max(machine.cpus for machine in machines)
    assert all(one.memory <= max(machine.memory for machine in machines) for one in given)


@given(MACHINES, st.integers(1, 10_000))
def test_on_cpus_workers_and_threads_never_exceed_the_cpus(machines: list[Machine], photos: int) -> None:
    (group,) = plan_resources(machines, photos=photos, device="cpu")
    given = group.resources
    assert given.concurrency * given.threads <= sum(machine.cpus for machine in machines)
    assert given.gpus == 0


def workers_and_threads(machine: Machine, photos: int, **settings: int) -> tuple[int, int]:
    plan = plan_resources([machine], photos=photos, settings=EngineSettings(**settings))
    return plan[0].resources.concurrency, plan[0].resources.threads


@pytest.mark.parametrize(
    ("machine", "photos", "expected"),
    [
        (Machine(2, 0, 16 * GIB), 1000, (2, 1)),
        (Machine(2, 0, 16 * GIB), 1, (1, 2)),
        (Machine(2, 0, 4 * GIB), 1000, (1, 2)),
        (Machine(64, 0, 24 * GIB), 1000, (8, 8)),
    ],
)
def test_memory_and_photos_bound_the_workers_and_threads_use_the_rest(
    machine: Machine, photos: int, expected: tuple[int, int]
) -> None:
    assert workers_and_threads(machine, photos) == expected


def test_a_fixed_number_of_workers_is_kept() -> None:
    assert workers_and_threads(Machine(8, 0, 64 * GIB), 1000, workers=2) == (2, 4)


def test_memory_is_reserved_as_far_as_the_smallest_node_has_it() -> None:
    machines = [Machine(4, 0, 64 * GIB), Machine(4, 0, 8 * GIB)]
    (group,) = plan_resources(machines, photos=1000, settings=EngineSettings(worker_bytes=3 * GIB))
    given = group.resources
    assert 0 < given.memory <= 3 * GIB
    assert all(node.cpus // given.threads * given.memory <= node.memory for node in machines)


def test_workers_are_added_within_bounds_only() -> None:
    settings = EngineSettings(workers=2, most_workers=6)
    (group,) = plan_resources([Machine(8, 0, 64 * GIB)], photos=1000, settings=settings)
    assert group.resources.grows
    assert (group.resources.concurrency, group.resources.most) == (2, 6)
    (few,) = plan_resources([Machine(8, 0, 64 * GIB)], photos=2, settings=settings)
    assert not few.resources.grows


def test_a_gpu_is_shared_by_network_workers_only() -> None:
    plan = plan_resources([Machine(16, 1, 128 * GIB)], photos=1000)
    assert [group.stages for group in plan[::2]] == [(StageName.READ,), (StageName.WRITE,)]
    assert plan[1].stages == NETWORK_STAGES
    # Half a processor for each of the two network workers; a third of the others read, two thirds write.
    assert [group.resources for group in plan] == [
        Resources(1.0, 0, 1, 5),
        Resources(0.5, 0.5, 4, 2, memory=3 * GIB, most=2),
        Resources(1.0, 0, 1, 10),
    ]


def test_network_workers_beside_a_gpu_share_its_nodes_memory_and_may_grow() -> None:
    settings = EngineSettings(worker_bytes=8 * GIB, most_workers=6)
    machines = [Machine(4, 1, 10 * GIB), Machine(4, 0, GIB)]
    networks = plan_resources(machines, photos=5, settings=settings)[1].resources
    assert (networks.concurrency, networks.most, networks.memory) == (2, 5, 5 * GIB)


def test_a_gpu_is_left_alone_when_the_cpu_is_asked_for() -> None:
    assert len(plan_resources([Machine(16, 1, 128 * GIB)], photos=10, device="cpu")) == 1


def test_a_cluster_that_has_no_node_yet_gets_a_worker_to_start_one() -> None:
    (group,) = plan_resources([Machine(0, 0, 64 * GIB)], photos=10)
    assert group.stages == ALL_STAGES
    assert group.resources == Resources(1, 0, 1, 1, memory=3 * GIB, most=1)
    for photos, most in ((10, 6), (4, 4)):
        (group,) = plan_resources([], photos=photos, settings=EngineSettings(most_workers=6))
        assert (group.resources.concurrency, group.resources.most) == (1, most)


@pytest.mark.parametrize(("photos", "workers"), [(100, 32), (5, 5)])
def test_a_cluster_that_has_no_node_yet_starts_them_for_as_many_workers_as_were_asked_for(
    photos: int, workers: int
) -> None:
    """A single one would work through the first five thousand photos alone."""
    (group,) = plan_resources([], photos=photos, settings=EngineSettings(workers=32))
    assert group.resources == Resources(1, 0, 1, workers, EngineSettings().worker_bytes, workers)
