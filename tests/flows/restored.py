"""A small archive restored for real, in this process and without Prefect's engine."""

from __future__ import annotations

from pathlib import Path

from flows.recording import recorded_run
from flows.request import RestoreRequest
from flows.restore_archive import ingest_source, plan_work, restore_photos
from flows.workplace import open_workplace
from tests.flows.material import write_broken, write_photos

HOSTILE = ("=HYPERLINK(1)'; DROP TABLE asset; --.png", "<script>alert(1)</script>.png", "ä&ö ☃.png")
"""Names that mean something to a spreadsheet, a database, a browser."""


def restore_inline(request: RestoreRequest) -> None:
    """Do what the flow does, up to the report."""
    with open_workplace(request) as place, recorded_run(place, None) as run:
        ingest_source.fn(place, run)
        restore_photos.fn(place, run, plan_work.fn(place, run))


def small_archive(folder: Path, weights: Path) -> RestoreRequest:
    """Restore two photographs with plain names, three with hostile ones, and fail at two broken files."""
    scans = folder / "scans"
    scans.mkdir(parents=True)
    plain = write_photos(scans, 2)
    for name in HOSTILE:
        path = scans / name.replace("/", "∕")
        path.write_bytes(plain[0].read_bytes() + name.encode())
    write_broken(scans)
    request = RestoreRequest(str(scans), str(folder / "archive"), weights=str(weights), executor="inline")
    restore_inline(request)
    return request
