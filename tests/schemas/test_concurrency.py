"""Laws of several writers at a time: nothing is refused, lost, doubled or given one name twice."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from schemas import sqlite_files
from schemas.errors import CatalogUnavailableError, TakenOverError
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter
from schemas.rules import FlagRuleRecord
from schemas.tables import Asset
from tests.schemas.archive import Archive, done, full, lawful, photo, table_sizes
from tests.schemas.test_tallies import assert_true

WRITERS = 4


def test_runs_that_list_the_same_source_at_once(catalog: Catalog) -> None:
    # The same stem is wished for by up to four keys, whose order differs from writer to writer.
    keys = [f"{number // 4:02}{suffix}" for number, suffix in enumerate([".tif", ".jpg", ".png", ""] * 10)]
    archives = [Archive(catalog, settings={"writer": number}) for number in range(WRITERS)]
    runs = [catalog.start_run(None, one.collection, one.recipe, {}) for one in archives]
    ready = Barrier(WRITERS)

    def write(number: int) -> int:
        records = [photo(key) for key in (keys if number % 2 else reversed(keys))]
        ready.wait()
        catalog.record_assets(archives[number].collection, records, runs[number], batch=7)
        return catalog.plan(archives[number].collection, archives[number].recipe, runs[number]).inputs

    with ThreadPoolExecutor(WRITERS) as pool:
        assert list(pool.map(write, range(WRITERS))) == [len(keys)] * WRITERS
    sizes = table_sizes(catalog)
    assert (sizes["asset"], sizes["content"], sizes["location"]) == (len(keys),) * 3
    assert sizes["work_item"] == len(keys) * WRITERS
    with catalog.engine.connect() as connection:
        stems = list(connection.scalars(sa.select(Asset.stem)))
    assert len(set(stems)) == len(keys)


def test_an_outcome_told_by_several_at_once_counts_once(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run, _ = archive.start([photo(f"{number}.tif") for number in range(8)])
    (items,) = catalog.iter_pending(run, 8)
    ready = Barrier(WRITERS)

    def tell(_: int) -> int:
        ready.wait()
        return catalog.record_outcomes(run, [done(item) for item in items])

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sorted(pool.map(tell, range(WRITERS))) == [0, 0, 0, 8]
    assert table_sizes(catalog)["derivative"] == 8


def test_work_claimed_by_several_at_once_is_handed_out_once(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run, _ = archive.start([photo(f"{number}.tif") for number in range(30)])
    ready = Barrier(WRITERS)

    def claim(_: int) -> list[int]:
        ready.wait()
        return [item.work_item_id for page in catalog.iter_pending(run, 3) for item in page]

    with ThreadPoolExecutor(WRITERS) as pool:
        handed = [item for items in pool.map(claim, range(WRITERS)) for item in items]
    assert len(handed) == len(set(handed)) == 30


def test_a_run_that_is_planned_by_several_at_once(catalog: Catalog) -> None:
    archive = Archive(catalog)
    source = [photo(f"{number}.tif") for number in range(10)]
    runs = [catalog.start_run(None, archive.collection, archive.recipe, {}) for _ in range(WRITERS)]
    for run in runs:
        catalog.record_assets(archive.collection, source, run)
    ready = Barrier(WRITERS)

    def plan(run: int) -> None:
        ready.wait()
        catalog.plan(archive.collection, archive.recipe, run)

    with ThreadPoolExecutor(WRITERS) as pool:
        results = [pool.submit(plan, run) for run in runs]
    failures = [error for one in results if (error := one.exception()) is not None]
    states = [row["state"] for row in catalog.runs()]
    # Each takes the others' work over; who comes late finds that it is over for its run.
    assert states.count("running") == 1
    assert all(isinstance(error, TakenOverError) for error in failures)
    (last,) = [row["run"] for row in catalog.runs() if row["state"] == "running"]
    assert len(archive.work(last)) == 10
    assert all(lawful(catalog.counts(run)) for run in runs)


def test_runs_reviewers_and_a_new_threshold_at_once(catalog: Catalog) -> None:
    """One recipe and another over the same photos, in turn: each goes before what the other made."""
    source = [photo(f"{number:02}.tif") for number in range(24)]

    def restore(tier: str) -> None:
        for turn in range(4):
            some = [photo(one.key, f"{one.key} {turn % 2}") for one in source]
            Archive(catalog, settings={"tier": tier}).run(some, full)

    def review() -> None:
        for _ in range(12):
            list(catalog.decide_many(QueueFilter(), Decision.APPROVE, "", "ada", limit=6))

    def reflag() -> None:
        for number in range(12):
            threshold = 0.1 + number % 3 / 10
            catalog.reflag([FlagRuleRecord("mask-share", "mask_share", threshold, "warning", "Much.", 2)])

    jobs = [lambda: restore("conserved"), lambda: restore("enhanced"), review, reflag]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for one in [pool.submit(job) for job in jobs]:
            one.result()
    assert_true(catalog)
    assert catalog.verify_audit().problem is None


def test_who_holds_the_lock_of_a_file_is_told_of(
    tmp_path: Path, new_catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an open transaction in a database browser: neither server nor disk is to be looked at."""
    path = Path(shutil.copy(new_catalog, tmp_path / "catalog.db"))
    monkeypatch.setattr(sqlite_files, "BUSY_SECONDS", 0)
    with Catalog.open(f"sqlite:///{path}") as catalog, closing(sqlite3.connect(path)) as browser:
        browser.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogUnavailableError, match=r"is locked\. Another program is writing to it"):
            catalog.collection_id("plates")
        browser.rollback()
        assert catalog.collection_id("plates") == 1
