"""Importing large libraries without searching for garbage meanwhile."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch Python's collector of cycles off, and leave what was made meanwhile out of its later searches.

    Imports make hundreds of thousands of objects that stay: to go through them again and again, in case some do not,
    takes a tenth to a fifth of the time that torch's or Prefect's import takes, and later a quarter of a second each
    time that everything is searched.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def import_uncollected(name: str) -> None:
    """Import a module in this way, if it is not there yet."""
    if name not in sys.modules:
        with uncollected():
            import_module(name)
