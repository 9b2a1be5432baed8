"""Slowing down whoever guesses passwords: after a few failures, waiting times that double."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

FREE_FAILURES = 5
"""For one account."""
FREE_FAILURES_OF_ADDRESS = 60
"""For one address, behind which a whole house may sit."""
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_ENTRIES = 50_000


class Throttle:
    """Counts failures per name (an account, an address).

    Args:
        free: so many failures cost no waiting.
        clock: seconds, never going back.
    """

    def __init__(self, free: int = FREE_FAILURES, clock: Callable[[], float] = time.monotonic) -> None:
        self.free, self.clock = free, clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._guard = threading.Lock()

    def wait(self, name: str) -> float:
        """Return how many seconds must pass before this name may try again; 0 for now."""
        now = self.clock()
        with self._guard:
            return self._wait(name, now)

    def failed(self, name: str) -> None:
        """Note a failure."""
        now = self.clock()
        with self._guard:
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
        if count < self.free:
            return 0.0
        pause: float = min(_FIRST_WAIT * 2.0 ** min(count - self.free, 20), _LONGEST_WAIT)
        return max(0.0, last + pause - now)
