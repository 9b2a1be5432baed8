"""Trouble that is over is told of no more: one row for each photo's bytes, and none once they were restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from schemas import session
from schemas.records import OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision
from tests.schemas.archive import Archive, done, failed, photo, refused
from tests.schemas.history import eventful
from tests.schemas.test_present import decide

SCANS = [photo("a.tif"), photo("b.tif")]


def other(archive: Archive, tier: str = "conserved") -> Archive:
    """The same photos under another recipe."""
    return Archive(archive.catalog, settings={"tier": tier})


def troubled(catalog: Catalog, **narrowed: Any) -> list[tuple[str, str]]:
    """Key and recipe of what is listed; totals say the same number where they can be asked."""
    listed = [
        row for state in ("failed", "quarantined") for row in catalog.flagged(outcome=state, **narrowed)
    ]
    if not narrowed:
        told = Counter(row["outcome"] for row in listed)
        totals: Counter[str] = Counter()
        for row in catalog.stats("outcome"):
            if row["outcome"] in ("failed", "quarantined"):
                totals[row["outcome"]] += row["photos"]
        assert totals == told
    return sorted((row["key"], row["recipe"]) for row in listed)


def _fails_at(key: str) -> Callable[[PendingItem], OutcomeRecord]:
    return lambda item: failed(item) if item.key == key else done(item)


def test_what_another_recipe_restored_is_in_trouble_no_more(catalog: Catalog) -> None:
    old = Archive(catalog)
    for _ in range(3):
        old.run(SCANS, _fails_at("a.tif"))
    assert troubled(catalog) == [("a.tif", old.recipe_sha)]
    first = catalog.flagged(outcome="failed")[0]["run"]
    other(old).run(SCANS)
    assert troubled(catalog) == []
    assert troubled(catalog, run_id=first) == [("a.tif", old.recipe_sha)], "what came of a run stays its own"
    assert troubled(catalog, recipe=old.recipe_sha[:9]) == [("a.tif", old.recipe_sha)], "and of a recipe"
    counts = old.run(SCANS)
    assert counts["failed"] == 1, "given up: it ends with exit code 3, so the list tells of it"
    assert troubled(catalog) == [("a.tif", old.recipe_sha)]
    old.work(old.start(SCANS, retry=True)[0])
    assert troubled(catalog) == []


def test_what_failed_under_a_new_recipe_is_listed_beside_the_earlier_result(catalog: Catalog) -> None:
    old = Archive(catalog)
    old.run(SCANS)
    new = other(old)
    new.run(SCANS, _fails_at("b.tif"))
    assert troubled(catalog) == [("b.tif", new.recipe_sha)]


def test_a_former_recipe_that_restores_it_after_all_ends_the_trouble(catalog: Catalog) -> None:
    """Its work item is older than the one that failed since; the run is not."""
    old = Archive(catalog)
    old.run(SCANS, _fails_at("a.tif"))
    new = other(old)
    new.run(SCANS, _fails_at("a.tif"))
    assert troubled(catalog) == [("a.tif", new.recipe_sha)]
    old.run(SCANS)
    assert troubled(catalog) == []


def test_a_file_that_no_recipe_can_process_is_listed_once(catalog: Catalog) -> None:
    for tier in ("enhanced", "conserved", "restored"):
        last = Archive(catalog, settings={"tier": tier})
        last.run([*SCANS, refused("note.txt")])
        assert troubled(catalog) == [("note.txt", last.recipe_sha)]
    other(last).start([photo("note.txt", "corrected")])
    assert troubled(catalog) == [], "other bytes lie there"


def test_what_is_only_pending_under_a_new_recipe_stays_listed(catalog: Catalog) -> None:
    old = Archive(catalog)
    old.run(SCANS, _fails_at("a.tif"))
    other(old).start(SCANS)
    assert troubled(catalog) == [("a.tif", old.recipe_sha)]


@pytest.fixture
def redo(catalog: Catalog) -> tuple[Archive, int, int]:
    """A redo of `a.tif` that failed: its recipe, the result that was looked at, and the review."""
    first = Archive(catalog)
    first.run(SCANS)
    (item,) = (row["work_item"] for row in catalog.flagged(outcome="done") if row["key"] == "a.tif")
    review = decide(catalog, item, Decision.REDO)
    again = other(first, "redone")
    parameters = {"redo_of": item, "review": review}
    run = catalog.start_run("flow", again.collection, again.recipe, parameters)
    catalog.record_assets(again.collection, SCANS[:1], run)
    catalog.plan(again.collection, again.recipe, run)
    again.work(run, failed)
    catalog.finish_run(run, seconds=1.0)
    return again, item, review


def test_a_redo_that_failed_is_trouble_while_it_is_asked_for(redo: tuple[Archive, int, int]) -> None:
    again, item, _ = redo
    catalog, listed = again.catalog, [("a.tif", again.recipe_sha)]
    assert troubled(catalog) == listed
    approval = decide(catalog, item, Decision.APPROVE)
    assert troubled(catalog) == [], "fine after all"
    catalog.undo(approval, "ada")
    assert troubled(catalog) == listed


def test_a_redo_that_was_taken_back_is_no_trouble(redo: tuple[Archive, int, int]) -> None:
    again, _, review = redo
    again.catalog.undo(review, "ada")
    assert troubled(again.catalog) == []


def test_every_photo_is_told_of_and_none_twice(catalog: Catalog) -> None:
    """Of each photo whose work has ended a result or a trouble is listed, of the same bytes never two troubles."""
    eventful(catalog, reviewed=True)
    archive = Archive(catalog)
    Archive(catalog, settings={"tier": "restored"}).run([photo("f.tif"), photo("q.tif")])
    other(archive).run([photo("f.tif"), refused("x.txt"), photo("s.tif")], failed)
    listed = [
        row
        for state in ("done", "skipped", "failed", "quarantined")
        for row in catalog.flagged(outcome=state, limit=1000)
    ]
    with session.read(catalog.engine) as connection:
        ended = "SELECT asset FROM results WHERE outcome IN ('done', 'skipped', 'failed', 'quarantined')"
        assert {row["asset"] for row in listed} == set(connection.scalars(sa.text(ended)))
    bad = [row for row in listed if row["outcome"] in ("failed", "quarantined")]
    assert len({(row["asset"], row["sha256"]) for row in bad}) == len(bad) == len(troubled(catalog)) > 0
