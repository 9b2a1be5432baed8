"""Slowing down whoever guesses passwords: after a few failures, waiting times that double."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

FREE_FAILURES = 5
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_ENTRIES = 50_000


class Throttle:
    """Counts failures per name (an account, an address).

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._guard = threading.Lock()

    def wait(self, *names: str) -> float:
        """Return how many seconds must pass before these names may try again; 0 for now."""
        now = self.clock()
        with self._guard:
            return max((self._wait(name, now) for name in names), default=0.0)

    def failed(self, *names: str) -> None:
        """Note a failure of each name."""
        now = self.clock()
        with self._guard:
            for name in names:
                count, last = self._failures.pop(name, (0, now))
                count = 0 if now - last > _FORGOTTEN_AFTER else count
                self._failures[name] = (count + 1, now)
            while len(self._failures) > _MOST_ENTRIES:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        with self._guard:
            self._failures.pop(name, None)

    def _wait(self, name: str, now: float) -> float:
        count, last = self._failures.get(name, (0, now))
        if count < FREE_FAILURES:
            return 0.0
        pause: float = min(_FIRST_WAIT * 2.0 ** min(count - FREE_FAILURES, 20), _LONGEST_WAIT)
        return max(0.0, last + pause - now)
