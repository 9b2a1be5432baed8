"""Transactions that no signal cuts in two.

Ctrl-C, and what Prefect makes of a SIGTERM, are exceptions between any two steps of the main thread: also between
a transaction's beginning and the block that ends it, or in the pool while it holds its lock. What then records how
the work ended would wait, in the same thread, for its own lock.
"""

from __future__ import annotations

import signal
from threading import current_thread, main_thread
from types import FrameType, TracebackType
from typing import Any, Self

_STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")


class Undisturbed:
    """Puts off, as a context manager, what this process does when it is asked to stop, until the block has ended.

    Asked a second time in the same way, it does that at once: a database may not answer. Only Python functions are
    put off; the default, which ends the process, and being ignored stay. Signals disturb the main thread alone: in
    any other this does nothing.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._came: list[int] = []
        self._putting_off = False

    def __enter__(self) -> Self:
        if current_thread() is main_thread():
            for number in (getattr(signal, name) for name in _STOPPING if hasattr(signal, name)):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    signal.signal(number, self._hear)
        # Last: until then, and from `__exit__` on, a signal may cut these very methods short; `_hear` passes it on.
        self._putting_off = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._putting_off = False
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._hear:
                signal.signal(number, handler)
        for number in self._came:
            signal.raise_signal(number)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._putting_off and number not in self._came:
            self._came.append(number)
        else:
            self._before[number](number, frame)
