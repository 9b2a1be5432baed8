"""Finding the processes that Ray starts, through /proc."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest


def child(process: subprocess.Popen[str], name: str) -> int:
    """Return the process called so that ``process`` starts, as soon as there is one."""
    while process.poll() is None:
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                number, _, rest = status.read_text().partition(" (")
                found, _, more = rest.rpartition(") ")
                if found == name and int(more.split()[1]) == process.pid:
                    return int(number)
        time.sleep(0.01)
    pytest.fail(f"it ended without starting {name}")
