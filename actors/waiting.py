"""Waiting with a deadline for what is made by code that has none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic
from typing import TypeVar

_log = logging.getLogger(__name__)
_Made = TypeVar("_Made")
_LOOK_S = 1.0
_STOP_S = 20.0


class OverdueError(Exception):
    """Nothing came in time."""


class _End:
    """Nothing more comes; with an error, because of that."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error


def _nothing() -> None:
    """Do nothing."""


def within(
    seconds: float,
    make: Callable[[], Generator[_Made]],
    look: Callable[[], None] = _nothing,
    stop: Callable[[], None] = _nothing,
) -> Generator[_Made]:
    """Yield what ``make`` yields; a thread of its own does the waiting, one item ahead.

    Where the caller stops early, or is interrupted, the generator is stopped and closed before this returns; where
    that takes too long, with its next item, or with the process. One that is overdue, or of no use, is left alone.

    Args:
        seconds: how long an item may keep the caller waiting.
        make: called in the thread.
        look: called every second while nothing comes; it raises where waiting on is of no use.
        stop: ends the generator from outside: it is called in another thread, while an item is waited for.

    Raises:
        OverdueError: an item was not there in time. The thread waits on.
        Exception: whatever ``make``, its generator or ``look`` raised.
    """
    handed: Queue[_Made | _End] = Queue(maxsize=1)
    stopped = Event()

    def put(item: _Made | _End) -> None:
        while not stopped.is_set():
            with suppress(Full):
                handed.put(item, timeout=_LOOK_S)
                break

    def fetch() -> None:
        try:
            with closing(make()) as source:
                for item in source:
                    put(item)
                    if stopped.is_set():
                        return
        except Exception as error:  # noqa: BLE001 — it is raised again where it is waited for
            put(_End(error))
        else:
            put(_End())

    fetching = Thread(target=fetch, name="within", daemon=True)
    fetching.start()
    try:
        while True:
            item = _awaited(handed, seconds, look)
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    except BaseException as error:
        stopped.set()
        # All others mean that the caller ends: GeneratorExit, KeyboardInterrupt, what Prefect makes of a SIGTERM.
        if not isinstance(error, Exception):
            _end(fetching, stop)
        raise


def _end(fetching: Thread, stop: Callable[[], None]) -> None:
    latest = monotonic() + _STOP_S

    def stop_it() -> None:
        try:
            stop()
        except Exception as error:  # noqa: BLE001 — the caller ends for a reason of its own, which is told
            _log.warning("What was worked on could not be stopped: %s", error)

    # What is to be stopped may hang.
    stopping = Thread(target=stop_it, name="stopping", daemon=True)
    stopping.start()
    for thread in (stopping, fetching):
        thread.join(max(0.0, latest - monotonic()))


def _awaited(handed: Queue[_Made | _End], seconds: float, look: Callable[[], None]) -> _Made | _End:
    latest = monotonic() + seconds
    while True:
        with suppress(Empty):
            return handed.get(timeout=_LOOK_S)
        if monotonic() > latest:
            raise OverdueError(f"nothing came for {seconds:.0f} s")
        look()
