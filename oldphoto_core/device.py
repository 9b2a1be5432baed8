"""Which device the networks run on, and how tiles get there and back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core import processor
from oldphoto_core.errors import UsageError
from oldphoto_core.threads import cores

_log = logging.getLogger(__name__)
R = TypeVar("R")
TensorFunction = Callable[[Tensor], Tensor]
BATCH_PIXELS = 8 << 20
"""A batch for a GPU has about so many pixels."""
_LANES = 4
_MOST_WORKERS = 12
_RECORDED_VALUES = 8 << 20
_MOST_RECORDINGS = 8


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


def computes_in_bfloat16(device: torch.device) -> bool:
    """Say whether a device computes in bfloat16 itself: emulated, it is slower than ``float32`` and no better."""
    if device.type == "cpu":
        return processor.computes_in_bfloat16()
    return torch.cuda.is_bf16_supported(including_emulation=False)


class DeviceLink:
    """The way of tiles to the networks and back.

    On the CPU it does nothing: tiles are used where they lie, one at a time. A GPU is *streamed* to: several
    threads each take a large batch all the way, stored pixels (one or two bytes a sample) travel through
    page-locked memory, and while one thread's batch is computed the others read, convert and write.

    Args:
        device: where the networks are.
        streamed: whether it is streamed to; by default a GPU is. Tests and benchmarks do the same on a CPU.
    """

    def __init__(self, device: torch.device, *, streamed: bool | None = None) -> None:
        self.device = device
        self.streamed = device.type != "cpu" if streamed is None else streamed
        self._launcher = ThreadPoolExecutor(1, thread_name_prefix="launcher")

    @property
    def type(self) -> str:
        """``cpu`` or ``cuda``."""
        return self.device.type

    @property
    def lanes(self) -> int:
        """How many batches are under way at once: one is computed, the others are read or written."""
        return _LANES if self.streamed else 1

    @property
    def workers(self) -> int:
        """How many threads may do what the device leaves to the processor."""
        return min(_MOST_WORKERS, cores()) if self.streamed else 1

    def batch(self, tile: int) -> int:
        """Return how many tiles of this side go through the networks at once."""
        return max(1, BATCH_PIXELS // (tile * tile)) if self.streamed else 1

    def to_device(self, tensor: Tensor) -> Tensor:
        """Return ``tensor`` on the device; the copy to a GPU does not wait."""
        if self.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True, memory_format=torch.channels_last)

    def launched(self, launch: Callable[[], R]) -> R:
        """Return ``launch()``, which hands work to the networks, in inference mode.

        On a device that is streamed to, one thread does so for all lanes, as long as the link lives: one batch lies
        in the device's memory at a time, and what cuDNN works out for a shape it keeps for the thread that asked.
        Threads of one photo only would have it worked out again for each photo.
        """

        def inferring() -> R:
            with torch.inference_mode():
                return launch()

        return self._launcher.submit(inferring).result() if self.streamed else inferring()

    def buffer(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return room in main memory, page-locked for a GPU, to be filled and sent."""
        return torch.empty(shape, dtype=dtype, pin_memory=self.type != "cpu")

    def sent(self, filled: Tensor) -> Tensor:
        """Return a filled buffer on the device; the copy to a GPU does not wait."""
        return filled.to(self.device, non_blocking=True)

    def fetch(self, tensor: Tensor) -> Fetch:
        """Begin to copy ``tensor`` from the device into main memory, its dtype kept."""
        if self.type == "cpu":
            return Fetch(tensor.contiguous(), None)
        held = self.buffer(tuple(tensor.shape), tensor.dtype)
        held.copy_(tensor, non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record()
        return Fetch(held, done)

    def repeated(self, function: TensorFunction) -> TensorFunction:
        """Return ``function``; on a GPU one that records what it launches, and replays it for equal shapes."""
        return function if self.type == "cpu" else Replayed(function, recorded_graph)

    def to_host(self, tensor: Tensor) -> Tensor:
        """Return ``tensor`` as ``float32`` in main memory, complete."""
        return tensor.float().cpu()


@dataclass(frozen=True)
class Fetch:
    """A copy from the device that is under way."""

    held: Tensor
    done: torch.cuda.Event | None

    def array(self) -> NDArray[Any]:
        """Return what was copied, once it is there; other threads run meanwhile."""
        if self.done is not None:
            self.done.synchronize()
        array: NDArray[Any] = self.held.numpy()
        return array


class Replayed:
    """A function that is recorded for each shape that comes again and again, and replayed from then on.

    Launching a compact network's many small kernels one by one can take longer than running them. A recording
    is used only after it has given what the function gives; one that fails is not tried again. A large tensor is
    never recorded: there the launching is nothing, and a recording keeps all memory that its work takes.

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
        if tensor.numel() > _RECORDED_VALUES or len(self._recordings) >= _MOST_RECORDINGS:
            return self.function(tensor)
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
    # What other threads do with the device while this one records is theirs: they wait for copies.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = function(held)

    def replay(tensor: Tensor) -> Tensor:
        held.copy_(tensor)
        graph.replay()
        return result.clone()

    return replay
