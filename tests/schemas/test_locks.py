"""Laws of PostgreSQL's locks: whoever writes at the same time waits for a moment at most, and nobody for each other.

SQLite has one writer at a time, and nothing of this can happen there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from schemas import listing, outcomes, present, rebuild, runs, session
from schemas.rebuild_records import Taken
from schemas.repository import Catalog
from schemas.review_records import Decision
from schemas.rules import FlagRuleRecord
from schemas.tables import WorkItem
from tests.schemas.archive import Archive, done, flag, full, photo
from tests.schemas.conftest import PostgresServer
from tests.schemas.test_relocation import lost, rebuilt
from tests.schemas.test_tallies import assert_true

pytestmark = pytest.mark.integration


@dataclass
class Others:
    """Somebody else at the same catalog, whose every wait for a lock ends in an error."""

    catalog: Catalog
    pool: ThreadPoolExecutor

    def start(self, job: object, *arguments: object) -> Future[object]:
        """Begin a job beside; return when it is over or waits for a lock."""
        future = self.pool.submit(job, *arguments)  # type: ignore[arg-type]
        query = sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not future.done():
            with session.read(self.catalog.engine) as connection:
                if connection.scalar(query):
                    break
            time.sleep(0.01)
        return future


@pytest.fixture
def url(postgres: PostgresServer, new_postgres_catalog: str) -> str:
    return postgres.copy("catalog", new_postgres_catalog)


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as opened:
        yield opened


@pytest.fixture
def others(catalog: Catalog) -> Iterator[Others]:
    with ThreadPoolExecutor(1) as pool:
        yield Others(catalog, pool)


def test_who_locks_rows_holds_up_nobody_who_refers_to_them(catalog: Catalog, url: str) -> None:
    """As a run that is planned, or records: decisions name its collection, itself and its work items."""
    archive = Archive(catalog)
    archive.run([photo("a.tif"), photo("b.tif")], full)
    first, second = catalog.flagged()
    impatient = f"{url}&options=-c%20lock_timeout%3D1000"
    with Catalog.open(impatient) as other, session.write(catalog.engine) as connection:
        listing.lock_collection(connection, archive.collection)
        runs.require_run(connection, first["run"] or 0, lock=True)
        present.results_beside(connection, [first["work_item"]])
        row = other.queue_row(second["work_item"])
        other.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
        other.add_mask_edit(first["work_item"], "0" * 64, "file:///out/masks/a.edit.png", "ada")
    assert_true(catalog)


def test_a_run_that_is_planned_does_not_wait_for_one_that_waits_for_it(
    catalog: Catalog, others: Others
) -> None:
    """Asking for a former recipe sets aside what another run is about to record, photos first."""
    archive = Archive(catalog)
    run, _ = archive.start([photo("a.tif")])
    ((item,),) = catalog.iter_pending(run, 1)

    def set_aside(connection: Connection) -> None:
        beside = sa.update(WorkItem).where(WorkItem.id == item.work_item_id)
        connection.execute(beside.values(set_aside=True))

    with session.write(catalog.engine) as connection:
        present.results_beside(connection, [item.work_item_id])
        recorded = others.start(catalog.record_outcomes, run, [done(item)])
        set_aside(connection)
    assert recorded.result(timeout=60) == 1
    assert_true(catalog)


def test_a_run_is_not_at_its_end_while_somebody_holds_what_is_left(catalog: Catalog, others: Others) -> None:
    """As a run that lives though another took its work over, and records; or one that is planned meanwhile."""
    archive, scans = Archive(catalog), [photo(f"{number}.tif") for number in range(3)]
    superseded, _ = archive.start(scans)
    (items,) = catalog.iter_pending(superseded, 3)
    run, _ = archive.start(scans)
    with session.write(catalog.engine) as connection:
        assert outcomes.record(connection, superseded, [done(item) for item in items]) == 0
        handed = others.start(archive.work, run)
    assert handed.result(timeout=60) == items
    assert catalog.finish_run(run, seconds=1.0)["pending"] == 0
    assert_true(catalog)


def test_counts_are_made_anew_while_a_run_records(catalog: Catalog, others: Others) -> None:
    """It adds to a count that is there, and makes one."""
    archive = Archive(catalog)
    run, _ = archive.start([photo("a.tif"), photo("b.tif")])
    ((first, second),) = catalog.iter_pending(run, 2)
    catalog.record_outcomes(run, [full(first)])
    with session.write(catalog.engine) as connection:
        found = (flag("mask-share", 0.3), flag("colour-drift", 9.0, "serious"))
        outcomes.record(connection, run, [done(second, flags=found)])
        reflagged = others.start(
            catalog.reflag, [FlagRuleRecord("lettering", "lettering", 9.0, "warning", "Letters.", 2)]
        )
    reflagged.result(timeout=60)
    assert_true(catalog)


def test_the_same_results_are_taken_back_once(catalog: Catalog, others: Others) -> None:
    archive = Archive(catalog)
    photos = [rebuilt(archive, f"{number}.tif", "/new") for number in range(3)]
    of = lost(archive)
    run = catalog.take_back(of, None, photos[:1]).run
    with session.write(catalog.engine) as connection:
        rebuild.take_back(connection, of, run, photos, "ada")
        again = others.start(catalog.take_back, of, run, photos)
    assert again.result(timeout=60) == Taken(0, 3, 0, run=run)
    assert_true(catalog)
