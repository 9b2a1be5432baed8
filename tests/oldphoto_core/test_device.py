"""Laws of the way to the device: nothing is lost, reordered or changed on it."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from torch import Tensor

from oldphoto_core.device import DeviceLink, Replayed
from oldphoto_core.threads import done_in_threads
from oldphoto_core.tiling import Grid, Window, run_windows


def _tiles(shapes: list[tuple[int, int]]) -> list[tuple[Window, Tensor]]:
    windows = list(Grid(64 * len(shapes), 64, 64, 0, 1).windows())[: len(shapes)]
    pairs = zip(windows, shapes, strict=True)
    return [(window, torch.full((2, *shape), float(number))) for number, (window, shape) in enumerate(pairs)]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_batches_hold_neighbours_of_one_shape_and_kind_only(batch: int) -> None:
    tiles = _tiles([(8, 8), (8, 8), (8, 8), (8, 5), (8, 8), (8, 8)])
    seen: list[tuple[int, ...]] = []

    def function(stacked: Tensor) -> Tensor:
        seen.append(tuple(stacked.shape))
        return stacked + 1

    done = list(run_windows(function, tiles, batch=batch, kind=lambda tile: bool(tile[0, 0, 0] >= 5)))
    assert [window for window, _ in done] == [window for window, _ in tiles]
    assert all(torch.equal(result, tile + 1) for (_, result), (_, tile) in zip(done, tiles, strict=True))
    assert max(shape[0] for shape in seen) == min(batch, 3)
    if batch == 100:
        assert seen == [(3, 2, 8, 8), (1, 2, 8, 5), (1, 2, 8, 8), (1, 2, 8, 8)]


class Recorder:
    """Stands for the GPU: a recording that replays the function, or something else."""

    def __init__(self, error: float = 0.0, fails: bool = False) -> None:
        self.error, self.fails = error, fails
        self.recorded: list[tuple[int, ...]] = []
        self.replayed = 0

    def __call__(self, function: object, example: Tensor) -> object:
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.recorded.append(tuple(example.shape))

        def replay(tensor: Tensor) -> Tensor:
            self.replayed += 1
            return 2 * tensor + self.error

        return replay


def _double(tensor: Tensor) -> Tensor:
    return 2 * tensor


def test_a_shape_that_comes_again_is_recorded_once_and_replayed() -> None:
    recorder = Recorder()
    function = Replayed(_double, recorder, after=3)  # type: ignore[arg-type]
    for shape in [(2, 3)] * 6 + [(4, 4)] * 2:
        tensor = torch.rand(shape)
        assert torch.equal(function(tensor), 2 * tensor)
    assert recorder.recorded == [(2, 3)]
    assert recorder.replayed == 1 + 3


@pytest.mark.parametrize("recorder", [Recorder(error=0.5), Recorder(fails=True)])
def test_a_recording_that_errs_or_fails_is_never_used(recorder: Recorder) -> None:
    function = Replayed(_double, recorder, after=1)  # type: ignore[arg-type]
    for _ in range(4):
        tensor = torch.rand(3)
        assert torch.equal(function(tensor), 2 * tensor)
    assert recorder.replayed <= 1


def test_on_the_cpu_nothing_is_copied_batched_or_recorded() -> None:
    link = DeviceLink(torch.device("cpu"))
    tensor = torch.rand(1, 3, 4, 4)
    assert link.to_device(tensor) is tensor
    assert link.batch(64) == 1
    assert link.repeated(_double) is _double
    assert (link.lanes, link.workers) == (1, 1)


def test_what_is_large_is_never_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oldphoto_core.device._RECORDED_VALUES", 10)
    recorder = Recorder()
    function = Replayed(_double, recorder, after=1)  # type: ignore[arg-type]
    for size in (11, 11, 10, 10):
        function(torch.rand(size))
    assert recorder.recorded == [(10,)]


def test_there_are_never_more_recordings_than_memory_is_meant_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oldphoto_core.device._MOST_RECORDINGS", 2)
    recorder = Recorder()
    function = Replayed(_double, recorder, after=1)  # type: ignore[arg-type]
    for size in (3, 4, 5, 5, 3):
        tensor = torch.rand(size)
        assert torch.equal(function(tensor), 2 * tensor)
    assert recorder.recorded == [(3,), (4,)]


@pytest.mark.parametrize("streamed", [True, False])
def test_all_lanes_launch_from_one_thread_for_as_long_as_the_link_lives(streamed: bool) -> None:
    """Photo after photo: plans that a thread keeps for a shape are there for the next photo."""
    link = DeviceLink(torch.device("cpu"), streamed=streamed)
    launchers: set[int] = set()
    under_way, most = 0, 0

    def launch() -> Tensor:
        nonlocal under_way, most
        launchers.add(threading.get_ident())
        under_way += 1
        most = max(most, under_way)
        time.sleep(0.002)
        under_way -= 1
        return torch.ones(2, requires_grad=True) * 2

    made: list[Tensor] = []
    for _ in range(3):
        done_in_threads(lambda _: made.append(link.launched(launch)), range(8), link.lanes)
    assert len(made) == 24
    assert all(one.is_inference() and one.tolist() == [2, 2] for one in made)
    assert most == 1
    assert (launchers == {threading.get_ident()}) is not streamed
    assert len(launchers) == 1


@pytest.mark.parametrize("streamed", [True, False])
def test_what_launching_raises_is_raised_where_it_was_asked_for(streamed: bool) -> None:
    link = DeviceLink(torch.device("cpu"), streamed=streamed)

    def launch() -> None:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        link.launched(launch)
    assert link.launched(lambda: 3) == 3
