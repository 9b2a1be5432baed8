"""A part of Ray ends or hangs in the middle of a run: the run ends, and says so. Ray itself does neither."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.actors.photos import save, scratched
from tests.actors.processes import child

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds Ray's process through /proc"),
]
PROGRAM = """
import sys
from pathlib import Path
from actors.resources import EngineSettings
from actors.stream import run_stream
from tests.actors.median_restorer import median_restorer
from tests.actors.photos import job_for, rows
here = Path(sys.argv[1])
names = sorted(path.name for path in (here / "scans").iterdir())
settings = EngineSettings(object_store_bytes=100 * 2**20, workers=1, photo_timeout_s=float(sys.argv[2]), grace_s=3)
job = job_for(here / "scans", here / "out")
for _ in run_stream(rows(here / "scans", names), job, settings=settings, restorer_factory=median_restorer):
    print("outcomes", flush=True)
"""


# The time limit holds for the first photo too, and so for the start of its worker on a busy machine.
@pytest.mark.parametrize(
    ("what", "limit_s", "said"),
    [
        (signal.SIGKILL, 600, "EngineLostError: A process of Ray ended in the middle of the run (raylet)"),
        (signal.SIGSTOP, 120, "EngineLostError: Ray hangs: nothing came for 123 s"),
    ],
)
def test_a_run_ends_with_ray_and_says_so(
    tmp_path: Path, what: signal.Signals, limit_s: int, said: str
) -> None:
    for number in range(300):
        save(tmp_path / "scans" / f"{number}.png", scratched(300, 400))
    there = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(limit_s)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=there
    ) as one:
        assert one.stdout is not None
        assert one.stderr is not None
        raylet = child(one, "raylet")
        try:
            assert one.stdout.readline() == "outcomes\n", one.stderr.read()
            os.kill(raylet, what)
            _, err = one.communicate(timeout=600)
        finally:
            one.kill()
            with suppress(ProcessLookupError):
                os.kill(raylet, signal.SIGKILL)
    assert one.returncode == 1, err
    assert said in err
