"""Seeing to it that processes end.

Linux hands out handles on processes: one cannot come to mean another process that has got the same number since.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic

_KILLED_S = 10.0


@contextmanager
def ended(processes: Iterable[int], seconds: float) -> Iterator[None]:
    """Surround what makes ``processes`` end: leave once they have; those that have not ``seconds`` later are killed.

    Where there are no such handles (macOS), nobody is waited for.
    """
    with ExitStack() as held:
        handles = set()
        for process in processes:
            # One that has just ended has no handle any more.
            with suppress(OSError, AttributeError):
                handles.add(handle := os.pidfd_open(process))
                held.callback(os.close, handle)
        yield
        running = _wait(handles, seconds)
        for handle in running:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        _wait(running, _KILLED_S)


def children(parent: int | None, titles: tuple[str, ...] = ("",)) -> list[int]:
    """Return the processes that ``parent`` has started and whose command lines begin with one of the ``titles``."""
    return [process for process in _children(parent) if _title(process).startswith(titles)] if parent else []


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # The name, in parentheses, may hold blanks and parentheses itself; state and parent follow it.
        with suppress(OSError, IndexError):
            _, _, rest = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
            if int(rest.split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _title(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace")
    return ""


def _wait(handles: set[int], seconds: float) -> set[int]:
    """Return those whose processes still run after ``seconds``."""
    poller, running = select.poll(), set(handles)
    for handle in running:
        poller.register(handle, select.POLLIN)
    latest = monotonic() + seconds
    while running and (left := latest - monotonic()) > 0:
        for handle, _ in poller.poll(left * 1000):
            poller.unregister(handle)
            running.discard(handle)
    return running
