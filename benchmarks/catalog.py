"""What questions to a large catalog cost, on SQLite and PostgreSQL, and whether that grows with its size.

    python -m benchmarks.catalog                              # 100,000 and 1,000,000 photos, SQLite, minutes
    python -m benchmarks.catalog --postgres                   # on PostgreSQL as well (a server of its own)
    python -m benchmarks.catalog --rows 10000000              # 10 M photos: 20 GB

Every figure is the median of several calls on a warm catalog, in milliseconds: by the clock, and the processor's
time of this process beside it (on a busy machine the clock measures the neighbours). ``insert`` is photos a second
through the same methods that a run uses. The floors: page time grows at most 1.5 times from 100,000 to 1 M photos,
and a first page takes at most 50 ms in SQLite. SQLite works in this process, so its growth is judged by processor
time; PostgreSQL's by the clock.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.catalog_rows import PER_RUN, fill
from benchmarks.common import RESULTS, plot, report
from schemas.ingest_records import AssetRecord
from schemas.records import (
    DerivativeRecord,
    FlagRecord,
    MaskRecord,
    OutcomeRecord,
    PendingItem,
)
from schemas.repository import Catalog
from schemas.review_records import QueueFilter, QueueOrder

SIZES = (100_000, 1_000_000)
PAGE = 50
INSERTED = 2_000
CPU = ", processor"
PAGES = (
    "flagged",
    "flagged, next",
    "flagged, deep",
    "flagged, filtered",
    "queue",
    "queue, deep",
    "queue by value",
    "queue of a collection",
)
"""Questions for a page: these are held to the floors."""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 1 when a floor is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), metavar="PHOTOS")
    parser.add_argument("--postgres", action="store_true", help="measure PostgreSQL as well")
    parser.add_argument("--repeat", type=int, default=15, metavar="CALLS")
    parser.add_argument("--folder", type=Path, help="where catalogs are made (and removed again)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {"unit": "ms, median", "photos": options.rows}
    for database in ("sqlite", "postgresql") if options.postgres else ("sqlite",):
        figures[database] = {}
        for rows in options.rows:
            measured = measure(database, rows, options.repeat, options.folder)
            figures[database][str(rows)] = measured
            # A long run that is stopped has told what it knows by then.
            print(f"{database}, {rows:,} photos: {json.dumps(measured)}", file=sys.stderr)
    figures["floors"] = floors(figures, options.rows)
    report("catalog", figures, options.out)
    draw(figures, options.rows, options.out)
    return 0 if all(floor["met"] for floor in figures["floors"]) else 1


def measure(database: str, rows: int, repeat: int, folder: Path | None) -> dict[str, float]:
    """Make a catalog of so many photos, ask it everything, and remove it again."""
    with catalog_url(database, folder) as url, Catalog.open(url) as catalog:
        began = time.perf_counter()
        fill(catalog.engine, rows, lambda done: print(f"{database}: {done:,} photos", file=sys.stderr))
        figures = {"seconds to make": round(time.perf_counter() - began, 1)}
        for name, ask in questions(catalog, rows).items():
            figures[name], figures[name + CPU] = median_ms(ask, repeat)
        figures |= insert_rates(catalog)
        return figures


def questions(catalog: Catalog, rows: int) -> dict[str, Callable[[], object]]:
    """Return what is asked, by name."""
    middle = rows // 2
    since = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=rows // PER_RUN - 7)
    first = catalog.flagged(limit=PAGE)
    deep = catalog.review_queue(limit=1)
    assert deep.next is not None
    halfway = f"2~{middle}"
    digest = catalog.dossiers(after=middle, limit=1)[0]["sha256"]
    key = catalog.dossiers(after=middle, limit=1)[0]["key"]
    wanted: dict[str, Any] = {
        "flag": "mask-share",
        "minimum": 0.8,
        "collection": "collection 3",
        "since": since,
    }
    by_value = QueueFilter(flag="mask-share", order=QueueOrder.VALUE)
    return {
        "flagged": lambda: catalog.flagged(limit=PAGE),
        "flagged, next": lambda: catalog.flagged(limit=PAGE, after=first[-1]["work_item"]),
        "flagged, deep": lambda: catalog.flagged(limit=PAGE, after=middle),
        "flagged, filtered": lambda: catalog.flagged(limit=PAGE, **wanted),
        "queue": lambda: catalog.review_queue(limit=PAGE),
        "queue, deep": lambda: catalog.review_queue(limit=PAGE, after=halfway),
        "queue by value": lambda: catalog.review_queue(by_value, limit=PAGE),
        "queue of a collection": lambda: catalog.review_queue(
            QueueFilter(collection="collection 3"), limit=PAGE
        ),
        "queue, part of a key": lambda: catalog.review_queue(QueueFilter(text="777"), limit=PAGE),
        "queue counts": catalog.queue_counts,
        "show by key": lambda: catalog.show(key),
        "show by digest": lambda: catalog.show(digest[:12]),
        "history": lambda: catalog.history(middle + 1),
        **{
            f"stats by {by}": (lambda by=by: catalog.stats(by))
            for by in ("outcome", "collection", "flag", "run")
        },
    }


def median_ms(ask: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Return a call's median time by the clock and of the processor, in milliseconds, after one that warms up."""
    ask()
    times, worked = [], []
    for _ in range(repeat):
        began, used = time.perf_counter(), time.process_time()
        ask()
        times.append(time.perf_counter() - began)
        worked.append(time.process_time() - used)
    return round(1000 * statistics.median(times), 2), round(1000 * statistics.median(worked), 2)


def insert_rates(catalog: Catalog) -> dict[str, float]:
    """Return photos a second into the filled catalog: listing them, and recording what became of them."""
    collection, recipe = catalog.collection_id("collection 3"), 1
    run = catalog.start_run(None, collection, recipe, {})
    records = [_record(number) for number in range(INSERTED)]
    began = time.perf_counter()
    catalog.record_assets(collection, records, run)
    listed = time.perf_counter()
    catalog.plan(collection, recipe, run)
    planned = time.perf_counter()
    for items in catalog.iter_pending(run, 500):
        catalog.record_outcomes(run, [_outcome(item) for item in items])
    recorded = time.perf_counter()
    catalog.finish_run(run, seconds=1.0)
    return {
        "insert: photos listed a second": round(INSERTED / (listed - began)),
        "insert: photos planned a second": round(INSERTED / (planned - listed)),
        "insert: outcomes recorded a second": round(INSERTED / (recorded - planned)),
    }


def _record(number: int) -> AssetRecord:
    return AssetRecord(
        f"new/{number:07}.tif",
        f"/scans/new/{number:07}.tif",
        9,
        "now",
        f"{number:064x}",
        format="TIFF",
        width=4000,
        height=3000,
        bit_depth=8,
    )


def _outcome(item: PendingItem) -> OutcomeRecord:
    names = ("restored", "mask", "probability", "sidecar")
    files = tuple(
        DerivativeRecord(name, None, f"/out/{name}/{item.derivative_stem}", item.sha256, 9, "image/tiff")
        for name in names
    )
    flags = (FlagRecord("mask-share", "warning", 0.8, 0.75, 1, "A large part was masked."),)
    return OutcomeRecord(
        item.work_item_id,
        "done",
        tier="enhanced",
        seconds=1.5,
        derivatives=files,
        mask=MaskRecord(0.1, 3, files[1].uri, item.sha256),
        flags=flags if item.work_item_id % 4 == 0 else (),
        measurements={"mask_share": 0.1, "megapixels": 12.0, "colour_drift": 1.0},
    )


def floors(figures: dict[str, Any], rows: list[int]) -> list[dict[str, Any]]:
    """Return each floor with the figure that is held against it."""
    smallest, largest = str(min(rows)), str(max(rows))
    found: list[dict[str, Any]] = []
    for database in ("sqlite", "postgresql"):
        if database not in figures:
            continue
        for name in PAGES:
            many = figures[database][largest][name]
            if smallest != largest:
                judged = name + CPU if database == "sqlite" else name
                growth = figures[database][largest][judged] / figures[database][smallest][judged]
                found.append(
                    {
                        "floor": f"{database}: {name} grows at most 1.5 times",
                        "is": round(growth, 2),
                        "met": growth <= 1.5,
                    }
                )
            if database == "sqlite" and name in ("flagged", "queue"):
                found.append({"floor": f"sqlite: {name} in at most 50 ms", "is": many, "met": many <= 50})
    return found


def draw(figures: dict[str, Any], rows: list[int], out: Path) -> None:
    """Plot the pages' times against the catalog's size."""
    if len(rows) < 2:
        return
    series = {
        f"{name} ({database})": (rows, [figures[database][str(size)][name] for size in rows])
        for database in ("sqlite", "postgresql")
        if database in figures
        for name in ("flagged", "queue", "queue by value", "show by key")
    }
    plot("catalog", series, x="photos in the catalog", y="ms", out=out)


@contextmanager
def catalog_url(database: str, folder: Path | None) -> Iterator[str]:
    """Yield the URL of an empty catalog that is removed afterwards."""
    if database == "postgresql":
        from tests.schemas.conftest import PostgresServer, _programs

        server = PostgresServer(_programs())
        try:
            server.start()
            yield server.url
        finally:
            server.stop()
        return
    with tempfile.TemporaryDirectory(dir=folder) as place:
        yield f"sqlite:///{Path(place) / 'catalog.db'}"


if __name__ == "__main__":
    sys.exit(main())
