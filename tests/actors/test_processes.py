"""The processes of a process end with it: those that do by themselves, and those that do not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.processes import children, ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="handles on processes are Linux's")

PARENT = """
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for code in sys.argv[1:]]
for child in children:
    child.stdout.readline()
print(*(child.pid for child in children), flush=True)
children[0].wait()
"""
ENDS_A_MOMENT_LATER = """
import os, time
parent = os.getppid()
print(flush=True)
while os.getppid() == parent:
    time.sleep(0.01)
time.sleep(0.3)
"""
STAYS = "import time; print(flush=True); time.sleep(600)"


@pytest.mark.parametrize(("code", "seconds"), [(ENDS_A_MOMENT_LATER, 60.0), (STAYS, 0.1)])
def test_no_child_outlives_its_parent(code: str, seconds: float) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, code, code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        started = parent.stdout.readline().split()
        assert len(started) == 2
        with ended(children(parent.pid), seconds):
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            assert any(_runs(child) for child in started)
        assert not any(_runs(child) for child in started)


def test_where_nobody_was_started_nobody_is_waited_for() -> None:
    with ended(children(None), 600.0):
        pass
    with subprocess.Popen([sys.executable, "-c", ""]) as childless, ended(children(childless.pid), 600.0):
        childless.wait()


def test_children_are_told_apart_by_their_titles() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, STAYS], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        (child,) = map(int, parent.stdout.readline().split())
        assert children(parent.pid) == children(parent.pid, ("nothing", sys.executable)) == [child]
        assert children(parent.pid, ("nothing",)) == []
        with ended([child], 0.1):
            pass
        assert not _runs(b"%d" % child)


def _runs(process: bytes) -> bool:
    try:
        stat = Path(f"/proc/{int(process)}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
