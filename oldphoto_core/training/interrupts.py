"""Ctrl-C in a training: a step is done whole or not at all, so that what is saved can be gone on from exactly."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Hold interrupts back; the function that is given says whether there was one.

    Python hands signals to its main thread only: elsewhere nothing is held back.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def left_to_the_trainer() -> Iterator[None]:
    """Start processes that ignore a Ctrl-C, which every process of a terminal gets, from their first moment on.

    They take over what is ignored when they start, whichever way that is; what they could say themselves comes
    after their imports, which take seconds where they are no copies of this process. A Ctrl-C in the moment in which
    this process starts them is lost. As with :func:`held_back`, only the main thread can do so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
