"""Which device the networks run on, and how tiles get there and back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from oldphoto_core.errors import UsageError

_log = logging.getLogger(__name__)
T = TypeVar("T")
TensorFunction = Callable[[Tensor], Tensor]
_GPU_BATCH_PIXELS = 8 << 20


def pick_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UsageError: an unknown name, or ``cuda`` where torch sees no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"No device is called {name!r}. Choose auto, cpu or cuda.")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("torch sees no CUDA device. Choose --device cpu, or install a CUDA build of torch.")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


class DeviceLink:
    """The way of tiles to the networks and back.

    On the CPU it does nothing: tiles are used where they lie, one at a time. On a GPU they travel in batches
    through page-locked memory, and the next ones are read and converted while the GPU works.

    Args:
        device: where the networks are.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @property
    def type(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.device.type

    def batch(self, tile: int) -> int:
        """Return how many tiles of this side go through the networks at once."""
        return 1 if self.type == "cpu" else max(1, _GPU_BATCH_PIXELS // (tile * tile))

    def ahead(self, tiles: Iterable[T]) -> Iterator[T]:
        """Yield ``tiles`` as they are; for a GPU, prepared in another thread up to two batches ahead."""
        return iter(tiles) if self.type == "cpu" else prefetched(tiles, 2 * self.batch(768))

    def to_device(self, tensor: Tensor) -> Tensor:
        """Return ``tensor`` on the device; the copy to a GPU does not wait."""
        if self.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True, memory_format=torch.channels_last)

    def repeated(self, function: TensorFunction) -> TensorFunction:
        """Return ``function``; on a GPU one that records what it launches, and replays it for equal shapes."""
        return function if self.type == "cpu" else Replayed(function, recorded_graph)

    def to_host(self, tensor: Tensor) -> Tensor:
        """Return ``tensor`` as ``float32`` in main memory, complete."""
        return tensor.float().cpu()


class Replayed:
    """A function that is recorded for each shape that comes again and again, and replayed from then on.

    Launching a compact network's many small kernels one by one can take longer than running them. A recording
    is used only after it has given what the function gives; one that fails is not tried again.

    Args:
        function: launches the same work for every tensor of one shape.
        record: takes the function and an example; returns what replays the recording.
        after: a shape is recorded when it comes for the so-manieth time.
    """

    def __init__(
        self,
        function: TensorFunction,
        record: Callable[[TensorFunction, Tensor], TensorFunction],
        after: int = 3,
    ) -> None:
        self.function, self.record, self.after = function, record, after
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._recordings: dict[tuple[int, ...], TensorFunction] = {}

    def __call__(self, tensor: Tensor) -> Tensor:
        """Return ``function(tensor)``."""
        shape = tuple(tensor.shape)
        if (replay := self._recordings.get(shape)) is not None:
            return replay(tensor)
        self._seen[shape] += 1
        expected = self.function(tensor)
        if self._seen[shape] == self.after:
            self._recordings[shape] = self._checked(tensor, expected)
        return expected

    def _checked(self, tensor: Tensor, expected: Tensor) -> TensorFunction:
        try:
            replay = self.record(self.function, tensor)
            if torch.allclose(replay(tensor), expected, rtol=1e-2, atol=1e-2):
                return replay
            _log.warning("a recording of shape %s gives other results; not used", tuple(tensor.shape))
        except RuntimeError as error:
            _log.warning("shape %s cannot be recorded: %s", tuple(tensor.shape), error)
        return self.function


def recorded_graph(function: TensorFunction, example: Tensor) -> TensorFunction:
    """Record ``function`` as a CUDA graph for tensors like ``example``, and return what replays it."""
    held = example.clone()
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        function(held)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function(held)

    def replay(tensor: Tensor) -> Tensor:
        held.copy_(tensor)
        graph.replay()
        return result.clone()

    return replay


def prefetched(items: Iterable[T], depth: int) -> Iterator[T]:
    """Yield ``items`` in order while another thread makes up to ``depth`` of them in advance.

    What making one raises is raised here, in its place. Leaving early stops the other thread.
    """
    source = iter(items)
    end = object()

    def following() -> T | object:
        return next(source, end)

    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as maker:
        waiting = [maker.submit(following) for _ in range(max(1, depth))]
        try:
            while (item := waiting.pop(0).result()) is not end:
                waiting.append(maker.submit(following))
                yield item  # type: ignore[misc]
        finally:
            for future in waiting:
                future.cancel()
