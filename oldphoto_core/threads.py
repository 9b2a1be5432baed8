"""Do the same to many things in several threads, in order and with a bounded number under way.

NumPy, OpenCV and copies to and from a GPU let other threads run meanwhile; pure Python does not.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield ``function(item)`` in the items' order, ``workers`` of them being made at a time.

    One worker is this thread itself: an item is taken when its result is asked for. What making a result raises
    is raised here, in its place. Leaving early waits for what has begun and begins nothing more.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def done_in_threads(function: Callable[[T], None], items: Iterable[T], workers: int) -> None:
    """Do ``function(item)`` for every item; see :func:`in_threads`."""
    for _ in in_threads(function, items, workers):
        pass
