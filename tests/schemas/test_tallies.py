"""Counts that are kept instead of counted are true: after every kind of write, and whoever writes at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from schemas.errors import ReviewConflictError
from schemas.records import OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, QueueRow
from schemas.rules import FlagRuleRecord
from tests.schemas.archive import Archive, done, flag, full, photo, refused, unread

KEPT_AND_COUNTED = {
    "outcome_tally": (
        "SELECT run_id, state, photos, seconds FROM outcome_tally WHERE photos <> 0",
        "SELECT run_id, state, COUNT(*), SUM(COALESCE(seconds, 0)) FROM work_item "
        "WHERE state IN ('done', 'skipped', 'quarantined', 'failed') GROUP BY run_id, state",
    ),
    "tally": (
        "SELECT run_id, code, severity, decision, photos, lowest, highest FROM tally WHERE photos <> 0",
        "SELECT run_id, code, severity, decision, COUNT(*), MIN(value), MAX(value) FROM queue_entry "
        "GROUP BY run_id, code, severity, decision",
    ),
    "collection.photos": (
        "SELECT id, photos FROM collection",
        "SELECT c.id, COUNT(a.id) FROM collection c LEFT JOIN asset a ON a.collection_id = c.id GROUP BY c.id",
    ),
    "queue_entry": (
        "SELECT work_item_id, code FROM queue_entry",
        "SELECT id, '' FROM work_item WHERE state IN ('done', 'skipped') UNION "
        "SELECT f.work_item_id, f.code FROM flag f JOIN work_item w ON w.id = f.work_item_id "
        "WHERE w.state IN ('done', 'skipped')",
    ),
}


def assert_true(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        for name, statements in KEPT_AND_COUNTED.items():
            kept, counted = (
                sorted(tuple(row) for row in connection.execute(sa.text(statement)))
                for statement in statements
            )
            assert kept == counted, name


def _sometimes(item: PendingItem) -> OutcomeRecord:
    """A failure may have findings as well; they are nobody's to look at."""
    return replace(full(item), outcome="failed", seconds=0.5) if item.key.startswith("f") else full(item)


def test_every_kind_of_write_keeps_the_counts(catalog: Catalog) -> None:
    archive = Archive(catalog)
    records = [photo("a.tif"), photo("b.tif"), photo("f.tif"), refused("x.txt"), unread("u.tif")]
    for _ in range(5):
        archive.run(records, _sometimes)
        assert_true(catalog)
    archive.run([*records, photo("x.txt", "corrected"), photo("a.tif", "scanned again")], full)
    assert_true(catalog)
    run, _ = archive.start([photo("c.tif"), photo("d.tif")])
    archive.catalog.record_outcomes(run, [done(next(archive.catalog.iter_pending(run, 1))[0])])
    assert_true(catalog)
    archive.run([photo("c.tif"), photo("d.tif")], _sometimes)
    assert_true(catalog)
    catalog.reflag([FlagRuleRecord("mask-share", "mask_share", 0.9, "serious", "Much.", 2)])
    assert_true(catalog)
    for decision in (Decision.APPROVE, Decision.REDO):
        list(catalog.decide_many(QueueFilter(flagged_only=False), decision, "", "ada", limit=2))
        assert_true(catalog)
    row = next(row for row in catalog.review_queue(QueueFilter(decision=None)).rows if row.last_review)
    catalog.undo(row.last_review or 0, "ada")
    assert_true(catalog)


def test_the_span_of_values_is_that_of_what_counts(catalog: Catalog) -> None:
    archive = Archive(catalog)
    values = {"a.tif": 0.3, "b.tif": 0.5, "c.tif": 0.9, "d.tif": 0.4}

    def verdict(item: PendingItem) -> OutcomeRecord:
        return done(item, flags=(flag("mask-share", values[item.key]),))

    def span() -> tuple[object, ...]:
        assert_true(catalog)
        (row,) = catalog.stats("flag")
        return row["open"], row["closed"], row["lowest"], row["highest"]

    archive.run([photo(key) for key in values], verdict)
    assert span() == (4, 0, 0.3, 0.9)
    # Better scans of the worst and the best take their places: nothing is to be flagged there.
    archive.run([photo("a.tif", "again"), photo("b.tif"), photo("c.tif", "again"), photo("d.tif")], done)
    assert span() == (2, 0, 0.4, 0.5)
    rows = {row.key: row for row in catalog.review_queue().rows}
    reviews = {}
    for key, spans in (("b.tif", (1, 1, 0.4, 0.5)), ("d.tif", (0, 2, 0.4, 0.5))):
        row = rows[key]
        decided = catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
        reviews[key] = decided.review_id
        assert span() == spans
    # Where nothing is left, what was there says nothing of what comes back.
    catalog.undo(reviews["b.tif"], "ada")
    assert span() == (1, 1, 0.4, 0.5)


def _at_once(jobs: list[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result(timeout=120) for future in [pool.submit(job) for job in jobs]]


@pytest.fixture
def flagged(catalog: Catalog) -> list[QueueRow]:
    archive = Archive(catalog)
    archive.run(
        [photo(f"{number:02}.tif") for number in range(24)],
        lambda item: done(item, flags=(flag("mask-share", 0.3),)),
    )
    return list(catalog.review_queue().rows)


def test_one_of_many_reviewers_decides(catalog: Catalog, flagged: list[QueueRow]) -> None:
    row = flagged[0]

    def decide(name: str) -> bool:
        try:
            catalog.decide(row.item_id, Decision.APPROVE, "", name, row.output_sha256, row.last_review)
        except ReviewConflictError:
            return False
        return True

    told = _at_once([lambda name=name: decide(name) for name in ("ada", "ben", "cleo", "dee")])
    assert sorted(map(bool, told)) == [False, False, False, True]
    assert len(catalog.reviews(row.item_id)) == 1
    assert_true(catalog)


def test_reviewers_of_different_photos_do_not_hinder_each_other(
    catalog: Catalog, flagged: list[QueueRow]
) -> None:
    def work(name: str, rows: list[QueueRow]) -> int:
        for row in rows:
            review = catalog.decide(row.item_id, Decision.APPROVE, "", name, row.output_sha256, None)
            if row.item_id % 2:
                catalog.undo(review.review_id, name)
        return len(rows)

    names = ("ada", "ben", "cleo", "dee")
    jobs = [lambda name=name, part=flagged[place::4]: work(name, part) for place, name in enumerate(names)]
    assert _at_once(jobs) == [6, 6, 6, 6]
    report = catalog.verify_audit()
    assert (report.entries, report.broken) == (36, None)
    assert_true(catalog)
