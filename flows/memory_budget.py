"""Memory that threads share: each holds what it reads, and waits until there is room."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class MemoryBudget:
    """Lets threads hold bytes in memory up to a total; who needs more than the total waits to be alone."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, size: int) -> Iterator[Callable[[int], None]]:
        """Hold ``size`` bytes inside the block, waiting until there is room.

        What it gives holds another number of bytes instead. Whoever calls that has nothing in memory: all that was
        held is given back first, or two that want more would wait for each other.
        """
        held = 0

        def hold(wanted: int) -> None:
            nonlocal held
            share = min(wanted, self._total)
            with self._changed:
                self._free += held
                held = 0
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._free >= share)
                self._free -= share
                held = share

        try:
            hold(size)
            yield hold
        finally:
            hold(0)
