"""One `restore-archive` run in this process, timed from outside: what the benchmarks of the flow start.

``python -m benchmarks.flow_run SOURCE DESTINATION`` prints one JSON object: when the first photo was finished and how
long its worker worked on it (the rest is start-up), and how many seconds passed between the first and the last batch
of outcomes (the stream alone).
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

STARTED = time.perf_counter()


@dataclass
class Clock:
    """Listens to a run and notes how many photos were finished when."""

    moments: list[tuple[float, int]] = field(default_factory=list)
    first: str = ""
    ingested: float = 0.0

    def progress(self, progress: object) -> None:
        """Note a moment."""
        now = time.perf_counter() - STARTED
        if getattr(progress, "phase", "") == "restore":
            self.first = self.first or str(getattr(progress, "note", ""))
            self.moments.append((now, int(getattr(progress, "finished", 0))))
        else:
            self.ingested = now

    def finished(self, details: object) -> None:
        """Do nothing: the run's own summary is used."""

    def redone(self, summary: object) -> None:
        """Do nothing."""


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source")
    parser.add_argument("destination")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--executor", default="ray")
    given = parser.parse_args()

    from cli.engines import engines

    clock = Clock()
    with engines(given.executor):
        from flows.progress import listening
        from flows.restore_archive import restore_archive

        with listening(clock):
            summary = restore_archive(
                given.source,
                given.destination,
                workers=given.workers,
                device=given.device,
                executor=given.executor,
            )
    (first, before), (last, after) = clock.moments[0], clock.moments[-1]
    streamed = after - before
    print(
        json.dumps(
            {
                "photos": after,
                "outcomes": {name: summary[name] for name in ("done", "skipped", "quarantined", "failed")},
                "ingest_s": clock.ingested,
                "first_photo_s": first,
                "first_photo_took_s": took(Path(given.destination, "catalog.db"), clock.first),
                "stream_s": last - first,
                "streamed": streamed,
                "photos_per_s": streamed / (last - first) if last > first else None,
                "seconds": time.perf_counter() - STARTED,
            }
        )
    )


def took(catalog: Path, key: str) -> float:
    """Return how many seconds the stages worked on a photo."""
    with closing(sqlite3.connect(catalog)) as database:
        (seconds,) = database.execute("select seconds from results where key = ?", [key]).fetchone()
    return float(seconds)


if __name__ == "__main__":
    main()
