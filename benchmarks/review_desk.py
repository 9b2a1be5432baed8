"""How long the desk takes for a queue page, over HTTP, on catalogs of growing size.

    python -m benchmarks.review_desk                           # 100,000 and 1,000,000 photos, SQLite, minutes
    python -m benchmarks.review_desk --postgres                # on PostgreSQL as well (a server of its own)
    python -m benchmarks.review_desk --catalog URL [URL …]     # catalogs that are there already
    python -m benchmarks.review_desk --browser                 # also in a headless Chromium

Minimum, median and slowest of the repeats in milliseconds, and the processor's time (desk and client together;
the same on a busy machine). Pages are asked for in turn, so a neighbour's minute of work falls on all of them.
Nothing is cached between requests; thumbnails are requests of their own and not counted. ``--browser`` tells
when Chromium shows the page and when it is ready to be used. The floor: every median for the queue of the
largest catalog is at most 200 ms; 1 is returned otherwise.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from benchmarks.catalog import catalog_url
from benchmarks.catalog_rows import fill
from benchmarks.common import RESULTS, report
from review.app import create_app
from review.desk import Desk, new_link_token
from review.filters import QueueQuery, place_of
from review.serve import bind
from review.settings import DeskSettings
from schemas.repository import Catalog

TARGET_MS = 200.0
SIZES = (100_000, 1_000_000)
_PAINTED = """() => {
    const page = performance.getEntriesByType('navigation')[0];
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    return [paint ? paint.startTime : page.domContentLoadedEventEnd, page.domContentLoadedEventEnd];
}"""


def main(arguments: list[str] | None = None) -> int:
    """Measure each catalog and report; 1 if a queue page is slower than the target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), metavar="PHOTOS")
    parser.add_argument("--postgres", action="store_true", help="measure PostgreSQL as well")
    parser.add_argument("--catalog", nargs="+", metavar="URL", help="measure these catalogs instead")
    parser.add_argument("--browser", action="store_true", help="measure in Chromium as well")
    parser.add_argument("--repeat", type=int, default=25, metavar="CALLS")
    parser.add_argument("--folder", type=Path, help="where catalogs are made (and removed again)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    figures: dict[str, Any] = {"unit": "ms"}
    for database, url in catalogs(given):
        with Catalog.open(url, create=False) as catalog:
            photos = sum(row["photos"] for row in catalog.stats("outcome"))
            figures.setdefault(database, {})[str(photos)] = found = measure(catalog, given)
        print(f"{database}, {photos:,} photos: {json.dumps(found)}", file=sys.stderr)
    figures["floors"] = floors(figures)
    report("review_desk", figures, given.out)
    return 0 if all(floor["met"] for floor in figures["floors"]) else 1


def catalogs(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield (database, URL): the catalogs that were named, or new ones that are gone after their turn."""
    for url in given.catalog or ():
        yield url.partition(":")[0].partition("+")[0], url
    if given.catalog:
        return
    for database in ("sqlite", "postgresql") if given.postgres else ("sqlite",):
        for rows in given.rows:
            with catalog_url(database, given.folder) as url:
                with Catalog.open(url) as catalog:
                    fill(catalog.engine, rows)
                yield database, url


def measure(catalog: Catalog, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return what each page took."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(catalog, DeskSettings(roots=(), cache=Path(folder)), word := new_link_token())
        with running(desk) as address, httpx.Client(base_url=address, timeout=120) as client:
            client.get(f"/sign-in/link?token={word}")
            paths = pages(catalog, client)
            figures = by_http(client, paths, given.repeat)
            if given.browser:
                figures |= by_browser(address, dict(client.cookies), paths["queue, first page"], given.repeat)
            return figures


def pages(catalog: Catalog, client: httpx.Client) -> dict[str, str]:
    """Return the addresses of what is measured, by name."""
    first = client.get("/queue").text
    later = re.search(r'hx-get="(/queue\?[^"]*after=[^"]+)"', first)
    photo = re.search(r'href="(/photo/\d+)', first)
    assert later is not None
    assert photo is not None
    usual = QueueQuery().filter()
    middle = catalog.review_queue(usual, limit=1).rows[0].item_id // 2
    halfway = catalog.review_queue(usual, after=f"2~{middle}", limit=1).rows[0]
    collection = QueueQuery(collection="collection 3")
    return {
        "queue, first page": "/queue",
        "queue, next page": later[1].replace("&amp;", "&"),
        "queue, halfway down": f"/queue?after={place_of(halfway, usual)}",
        "queue, one flag": "/queue?flag=mask-share",
        "queue, one flag by value": "/queue?flag=mask-share&order=value",
        "queue, one severity": "/queue?severity=serious",
        "queue, one collection": collection.address(),
        "queue, all photos": "/queue?unflagged=1&decision=any",
        "queue, part of a name": "/queue?text=777",
        "queue, a name that is not there": "/queue?text=nowhere",
        "photo": photo[1],
        "deciding on many": "/batch?flag=mask-share",
    }


def by_http(client: httpx.Client, paths: dict[str, str], repeat: int) -> dict[str, dict[str, float]]:
    """Ask for every page ``repeat`` times, in turn, after one round that warms up."""
    taken: dict[str, list[float]] = {name: [] for name in paths}
    worked: dict[str, list[float]] = {name: [] for name in paths}
    for turn in range(repeat + 1):
        for name, path in paths.items():
            began, began_work = time.perf_counter(), time.process_time()
            client.get(path).raise_for_status()
            if turn:
                taken[name].append((time.perf_counter() - began) * 1000)
                worked[name].append((time.process_time() - began_work) * 1000)
    return {name: summary(taken[name]) | {"processor": _median(worked[name])} for name in paths}


def by_browser(address: str, cookies: dict[str, str], path: str, repeat: int) -> dict[str, dict[str, float]]:
    """Open the page in Chromium ``repeat`` times, after one that fills its cache of scripts and styles."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    shown, ready = [], []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900})
        context.add_cookies(
            [{"name": name, "value": value, "url": address} for name, value in cookies.items()]
        )
        tab = context.new_page()
        for turn in range(repeat + 1):
            # Until nothing is asked for any more: thumbnails of one page would be in the next one's way.
            tab.goto(path, wait_until="networkidle")
            painted, usable = tab.evaluate(_PAINTED)
            if turn:
                shown.append(painted)
                ready.append(usable)
        browser.close()
    return {"queue in Chromium, shown": summary(shown), "queue in Chromium, ready": summary(ready)}


def summary(times: list[float]) -> dict[str, float]:
    """Return minimum, median and maximum of milliseconds."""
    measures: dict[str, Callable[[list[float]], float]] = {"minimum": min, "median": _median, "slowest": max}
    return {name: round(of(times), 1) for name, of in measures.items()}


def floors(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the floor of each database's largest catalog with the slowest of the queue's medians."""
    found = []
    for database in ("sqlite", "postgresql"):
        if sizes := figures.get(database):
            largest = max(sizes, key=int)
            queue = {name: ms["median"] for name, ms in sizes[largest].items() if name.startswith("queue")}
            worst = max(queue, key=lambda name: queue[name])
            words = f"{database}: every queue page of {int(largest):,} photos in at most {TARGET_MS:.0f} ms"
            found.append({"floor": words, "is": queue[worst], "of": worst, "met": queue[worst] <= TARGET_MS})
    return found


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


def _median(times: list[float]) -> float:
    return round(statistics.median(times), 1)


if __name__ == "__main__":
    raise SystemExit(main())
