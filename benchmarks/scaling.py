"""How the flow scales: from one worker to two, and from 100 photos to 2,000; and what the catalog costs.

    python -m benchmarks.scaling                                    # a quarter of an hour on two cores
    python -m benchmarks.scaling --number 60 --side 256             # the runs of many photos: small copies, minutes
    python -m benchmarks.scaling --number 8 --sizes 6 12 --rows 200

Every worker has one thread, so that two workers have twice the processor of one. Cost per photo is the time
between the first and the last outcome, so start-up does not count. The catalog is measured by itself: so many
outcomes recorded in batches as a run records them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import PHOTOS, lay_out, plot, python, report


def main() -> None:
    """Measure workers, sizes and the catalog, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder of photographs")
    parser.add_argument("--number", type=int, default=100, help="photos for the comparison of workers")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 500, 2000], help="photos a run")
    parser.add_argument("--side", type=int, help="reduce the photos of the growing runs to so many pixels")
    parser.add_argument("--rows", type=int, default=5000, help="outcomes recorded in the catalog")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oldphoto-scaling-") as folder:
        by_workers = {
            workers: run(given.photos, Path(folder, f"workers-{workers}"), given.number, workers)
            for workers in given.workers
        }
        by_size = {
            size: run(given.photos, Path(folder, f"photos-{size}"), size, max(given.workers), given.side)
            for size in given.sizes
        }
        recorded = catalog_rate(Path(folder), given.rows)
    rates = [by_workers[workers]["photos_per_s"] for workers in given.workers]
    costs = [1 / one["photos_per_s"] for one in by_size.values()]
    figures = {
        "workers": by_workers,
        "speed_up": rates[-1] / rates[0],
        "side": given.side,
        "runs": by_size,
        "cost_of_a_photo_s": dict(zip(by_size, costs, strict=True)),
        "largest_deviation": max(abs(cost / costs[0] - 1) for cost in costs),
        "catalog_rows_per_s": recorded,
        "catalog_share": max(1 / cost for cost in costs) / recorded,
    }
    report("scaling", figures)
    plot(
        "scaling",
        {"cost of a photo": (list(by_size), costs)},
        x="photos in the run",
        y="seconds",
    )


def run(photos: Path, folder: Path, number: int, workers: int, side: int | None = None) -> dict[str, Any]:
    """Restore so many photos with so many workers of one thread."""
    scans = lay_out(photos, folder / "scans", number, side)
    return python(
        "benchmarks.flow_run", str(scans), str(folder / "out"), "--workers", str(workers), threads=1
    )


def catalog_rate(folder: Path, rows: int) -> float:
    """Return how many outcomes a second the catalog records, each with its files, events and measurements."""
    from actors.rows import OutcomeRow
    from flows.recording import OutcomeRecorder
    from oldphoto_core.fixity import sha256_bytes
    from oldphoto_core.photo import Outcome
    from schemas.ingest_records import AssetRecord
    from schemas.records import DerivativeKind, DerivativeRecord, EventRecord, EventType
    from schemas.repository import Catalog

    kinds = (DerivativeKind.RESTORED, DerivativeKind.MASK, DerivativeKind.PROBABILITY, DerivativeKind.SIDECAR)
    measured = {f"measure_{number}": number / 7 for number in range(10)}
    with Catalog.open(f"sqlite:///{folder / 'catalog.db'}") as catalog:
        collection = catalog.collection_id("benchmark")
        recipe = catalog.recipe_id(sha256_bytes(b"{}"), "{}")
        run_id = catalog.start_run(None, collection, recipe, {})
        assets = [
            AssetRecord(f"{number:06d}.tif", f"/scans/{number:06d}.tif", 1, "mark", f"{number:064x}")
            for number in range(rows)
        ]
        catalog.record_assets(collection, assets, run_id)
        catalog.plan(collection, recipe, run_id)
        items = [item for page in catalog.iter_pending(run_id, 500) for item in page]
        outcomes = [
            OutcomeRow(
                item.work_item_id,
                item.key,
                item.sha256,
                Outcome.DONE,
                tier="restored",
                derivatives=tuple(
                    DerivativeRecord(kind, None, f"/out/{kind}/{item.key}", item.sha256, 1, "image/png")
                    for kind in kinds
                ),
                measurements=measured,
                events=tuple(EventRecord(EventType.CREATION, detail={"files": []}) for _ in range(2)),
            )
            for item in items
        ]
        began = time.perf_counter()
        with OutcomeRecorder(catalog, run_id) as recorder:
            for row in outcomes:
                recorder.add([row])
        return rows / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
