"""Importing large libraries without searching for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch Python's collector of cycles off.

    Imports make hundreds of thousands of objects that stay: to go through them again and again, in case some do not,
    takes a tenth to a fifth of the time that torch's or Prefect's import takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
