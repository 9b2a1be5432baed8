"""How long the desk takes for a queue page, over HTTP, on catalogs of growing size (SQLite).

    python -m benchmarks.review_desk [--rows 100000 1000000] [--catalog FILE]

Prints, for the first page, a filtered one, a later one and a photo's page, the median and the slowest of the
repeats in milliseconds, and the processor's time (desk and client together; the same on a busy machine).
Nothing is cached between requests; thumbnails are separate requests and not counted.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from benchmarks.catalog_rows import fill
from review.app import create_app
from review.desk import Desk
from review.serve import bind
from review.settings import DeskSettings
from schemas.repository import Catalog

TARGET_MS = 200.0
_WORD = "benchmark"


def main(arguments: list[str] | None = None) -> int:
    """Measure each size and print a JSON object a line; 1 if a queue page is slower than the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--catalog", type=Path, help="measure this SQLite file instead")
    given = parser.parse_args(arguments)
    slow = False
    for rows in given.rows if given.catalog is None else [0]:
        with tempfile.TemporaryDirectory() as folder:
            file = given.catalog or Path(folder) / "catalog.db"
            with Catalog.open(f"sqlite:///{file}") as catalog:
                if given.catalog is None:
                    fill(catalog.engine, rows)
                figures = measure(catalog, Path(folder), given.repeat)
        print(json.dumps({"rows": rows or str(file), "milliseconds": figures}))
        slow |= any(ms["median"] > TARGET_MS for name, ms in figures.items() if name.startswith("queue"))
    return int(slow)


def measure(catalog: Catalog, folder: Path, repeat: int) -> dict[str, dict[str, float]]:
    """Return median and maximum in milliseconds by question."""
    desk = Desk(catalog, DeskSettings(roots=(), cache=folder / "cache"), _WORD)
    with running(desk) as address, httpx.Client(base_url=address, timeout=120) as client:
        client.get(f"/sign-in/link?token={_WORD}")
        first = client.get("/queue").text
        later = re.search(r'hx-get="(/queue\?[^"]*after=[^"]+)"', first)
        photo = re.search(r'href="(/photo/\d+)', first)
        assert later is not None
        assert photo is not None
        paths = {
            "queue, first page": "/queue",
            "queue, next page": later[1].replace("&amp;", "&"),
            "queue, one flag": "/queue?flag=mask-share",
            "queue, one flag by value": "/queue?flag=mask-share&order=value",
            "queue, all photos": "/queue?unflagged=1&decision=any",
            "photo": photo[1],
        }
        return {name: timed(client, path, repeat) for name, path in paths.items()}


def timed(client: httpx.Client, path: str, repeat: int) -> dict[str, float]:
    """Ask ``repeat`` times."""
    taken, worked = [], []
    for _ in range(repeat):
        began, began_work = time.perf_counter(), time.process_time()
        client.get(path).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - began_work) * 1000)
    times = {
        "median": statistics.median(taken),
        "slowest": max(taken),
        "processor": statistics.median(worked),
    }
    return {name: round(value, 1) for name, value in times.items()}


@contextmanager
def running(desk: Desk) -> Iterator[str]:
    """Serve the desk in a thread."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(desk), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    raise SystemExit(main())
