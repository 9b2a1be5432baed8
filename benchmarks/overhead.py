"""What the flow adds: photos a second through Prefect, Ray, files and catalog, against the bare restorer.

    python -m benchmarks.overhead                                   # 200 real photographs, a few minutes
    python -m benchmarks.overhead --number 12 --photos FOLDER

Both sides have the same photographs and the same number of threads: the bare loop in one process, the flow in
as many workers as it plans. The flow also writes picture, mask, probability and sidecar, hashes everything and
keeps the catalog. Start-up stands apart: from the command until the first finished photo, less the time that its
worker, which has one share of the threads, worked on it.
The two are run in turn, ``--rounds`` times, and the medians compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import PHOTOS, lay_out, plot, python, report


def main() -> None:
    """Measure both, in turn, and report the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder of photographs")
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oldphoto-overhead-") as folder:
        scans = lay_out(given.photos, Path(folder, "scans"), given.number)
        rounds = [measured(scans, Path(folder, f"out-{turn}"), given.threads) for turn in range(given.rounds)]
    bare = median(one["bare"]["photos_per_s"] for one in rounds)
    flow = median(one["flow"]["photos_per_s"] for one in rounds)
    figures: dict[str, Any] = {
        "photos": given.number,
        "threads": given.threads,
        "bare_photos_per_s": bare,
        "flow_photos_per_s": flow,
        "flow_to_bare": flow / bare,
        "startup_s": median(
            one["flow"]["first_photo_s"] - one["flow"]["first_photo_took_s"] for one in rounds
        ),
        "rounds": rounds,
    }
    report("overhead", figures)
    plot(
        "overhead",
        {"photos a second": (["bare loop", "flow"], [bare, flow])},  # type: ignore[dict-item]
        x="",
        y="photos a second",
        bars=True,
    )


def measured(scans: Path, destination: Path, threads: int) -> dict[str, Any]:
    """Run the bare loop, then the flow."""
    bare = python("benchmarks.bare_loop", str(scans), "--threads", str(threads), threads=threads)
    return {"bare": bare, "flow": python("benchmarks.flow_run", str(scans), str(destination))}


if __name__ == "__main__":
    main()
