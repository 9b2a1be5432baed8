"""A small soak: two processes of a run are killed at random; the next run finishes, and nothing is torn or twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak_kills import digests, examine, torment
from tests.flows.material import write_photos

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the run's processes through /proc")
def test_random_kills_cost_no_photo(
    environment: dict[str, str], tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    write_photos(tmp_path / "scans", 24, width=200, height=150)
    masters = digests(tmp_path / "scans")
    soak = torment(tmp_path, kills=2, seed=3, pause=(1.0, 15.0), options=("--weights", str(weights)))
    assert soak.killed.total() == 2
    assert examine(tmp_path, masters) == []
