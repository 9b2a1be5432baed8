"""A small memory for what was looked up a moment ago; safe to share between threads."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Remembers up to ``most`` values for ``seconds``.

    Args:
        look_up: makes a value that is not remembered.
        most: how many to keep.
        seconds: how long to keep them.
    """

    def __init__(self, look_up: Callable[[Key], Value], most: int = 2000, seconds: float = 60.0) -> None:
        self.look_up, self.most, self.seconds = look_up, most, seconds
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, key: Key) -> Value:
        """Return the value of a key; raises what ``look_up`` raises."""
        now = time.monotonic()
        with self._guard:
            kept = self._kept.get(key)
            if kept is not None and now - kept[0] < self.seconds:
                return kept[1]
        value = self.look_up(key)
        self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value."""
        with self._guard:
            self._kept[key] = (time.monotonic(), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
