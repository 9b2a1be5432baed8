"""Slowing down whoever guesses passwords: after a few failures, waiting times that double.

A try counts as a failure from its beginning: checking a password takes a while, and guesses that are sent together
would all be checked before the first of them had failed.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_FAILURES = 5
"""For one account."""
FREE_FAILURES_OF_ADDRESS = 60
"""For one address, behind which a whole house may sit."""
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 900.0
_FORGOTTEN_AFTER = 3600.0
_MOST_ENTRIES = 50_000


@dataclass(frozen=True)
class _Failures:
    """How many there were, when the last one was, and when the one before it."""

    count: int
    last: float
    before: float


class Throttle:
    """Counts failures per name (an account, an address); safe to share between threads.

    Args:
        free: so many failures cost no waiting.
        clock: seconds, never going back.
    """

    def __init__(self, free: int = FREE_FAILURES, clock: Callable[[], float] = time.monotonic) -> None:
        self.free, self.clock = free, clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._guard = threading.Lock()

    def claim(self, name: str) -> float:
        """Count a failure in advance and return 0; or return how many seconds must pass before the next try."""
        now = self.clock()
        with self._guard:
            found = self._failures.pop(name, _Failures(0, now, now))
            if now - found.last > _FORGOTTEN_AFTER:
                found = _Failures(0, now, now)
            wait = self._wait(found, now)
            self._failures[name] = found if wait > 0 else _Failures(found.count + 1, now, found.last)
            while len(self._failures) > _MOST_ENTRIES:
                self._failures.popitem(last=False)
        return wait

    def give_back(self, name: str) -> None:
        """Take back the failure that was counted last: the try did not fail."""
        with self._guard:
            if found := self._failures.get(name):
                self._failures[name] = _Failures(max(0, found.count - 1), found.before, found.before)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        with self._guard:
            self._failures.pop(name, None)

    def _wait(self, found: _Failures, now: float) -> float:
        if found.count < self.free:
            return 0.0
        pause: float = min(_FIRST_WAIT * 2.0 ** min(found.count - self.free, 20), _LONGEST_WAIT)
        return max(0.0, found.last + pause - now)
