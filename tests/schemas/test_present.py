"""Law: of several results of a photo one is present: that is asked about, shown, counted and exported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from lxml import etree

from schemas.exports.approval import objection
from schemas.exports.premis import premis_document
from schemas.records import DONE_AGAIN
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, Standing
from schemas.rules import FlagRuleRecord
from tests.schemas.archive import Archive, failed, flag, full, photo
from tests.schemas.test_tallies import assert_true

SCANS = [photo("a.tif"), photo("b.tif")]
PREMIS = "{http://www.loc.gov/premis/v3}"
RULE = FlagRuleRecord("mask-share", "mask_share", 0.2, "serious", "Much.", 2)


@pytest.fixture
def first(catalog: Catalog) -> Archive:
    archive = Archive(catalog)
    archive.run(SCANS, full)
    return archive


def other(archive: Archive, tier: str = "conserved") -> Archive:
    """The same collection under another recipe."""
    return Archive(archive.catalog, settings={"tier": tier})


def shown(catalog: Catalog, key: str = "a.tif") -> int:
    found: int = catalog.show(key)[0]["work_item"]
    return found


def queued(catalog: Catalog, decision: Standing = Standing.UNDECIDED) -> list[tuple[str, int]]:
    return sorted((row.key, row.item_id) for row in catalog.review_queue(QueueFilter(decision=decision)).rows)


def assert_present(catalog: Catalog, item: int, replaced: list[int], key: str = "a.tif") -> None:
    """Every reader agrees on which result of a photo is the present one, all undecided."""
    assert shown(catalog, key) == item
    assert [i for k, i in queued(catalog) if k == key] == [item]
    assert [i for k, i in queued(catalog, Standing.REPLACED) if k == key] == sorted(replaced)
    for rows in (catalog.flagged(), catalog.flagged(outcome="done")):
        assert [row["work_item"] for row in rows if row["key"] == key] == [item]
    assert {catalog.history(one)["present"] for one in (item, *replaced)} == {item}
    told = {one["work_item"]: one["decision"] for one in catalog.show(key)[0]["work_items"]}
    assert {one: told[one] for one in (item, *replaced)} == {item: "undecided"} | dict.fromkeys(
        replaced, "replaced"
    )
    assert catalog.calibrate([RULE])[0] == len(queued(catalog))
    assert sum(row["open"] for row in catalog.stats("flag") if row["flag"] == "mask-share") == len(
        queued(catalog)
    )
    with catalog.engine.connect() as connection:
        asked = "SELECT work_item FROM results WHERE present AND key = ?"
        if connection.dialect.name == "postgresql":
            asked = asked.replace("?", "%s")
        assert [row[0] for row in connection.exec_driver_sql(asked, (key,))] == [item]
    assert_true(catalog)


def test_a_newer_result_takes_the_place_of_an_older_one(first: Archive) -> None:
    before = shown(first.catalog)
    other(first).run(SCANS, full)
    assert_present(first.catalog, shown(first.catalog), [before])
    assert shown(first.catalog) > before


def test_a_new_scan_takes_the_place_of_the_one_it_replaced(first: Archive) -> None:
    before = shown(first.catalog)
    first.run([photo("a.tif", "scanned again"), SCANS[1]], full)
    assert_present(first.catalog, shown(first.catalog), [before])
    assert_present(first.catalog, shown(first.catalog, "b.tif"), [], "b.tif")


def test_a_run_that_has_not_come_so_far_hides_nothing(first: Archive) -> None:
    before = shown(first.catalog), shown(first.catalog, "b.tif")
    run, _ = other(first).start(SCANS)
    (item,) = next(first.catalog.iter_pending(run, 1))
    assert (shown(first.catalog), shown(first.catalog, "b.tif")) == before
    assert first.catalog.show("a.tif")[0]["outcome"] == "done"
    first.catalog.record_outcomes(run, [full(item)])
    assert_present(first.catalog, item.work_item_id, [before[0]])
    assert_present(first.catalog, before[1], [], "b.tif")


def test_of_two_runs_at_once_one_result_is_present(catalog: Catalog) -> None:
    scans = [photo(f"{number:02}.tif") for number in range(40)]
    archives = [Archive(catalog), other(Archive(catalog))]
    runs = [archive.start(scans)[0] for archive in archives]

    def work(place: int) -> int:
        return len(archives[place].work(runs[place], full, batch=2))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, (0, 1))) == [40, 40]
    newer = [row["work_item"] for row in catalog.flagged(limit=100)]
    assert sorted(newer) == list(range(41, 81))
    assert len(queued(catalog, Standing.REPLACED)) == 40
    assert_true(catalog)


def test_a_failure_takes_no_results_place(first: Archive) -> None:
    before = shown(first.catalog)
    other(first).run(SCANS, failed)
    assert_present(first.catalog, before, [])


def test_a_new_scan_takes_no_place_before_it_has_a_result(first: Archive) -> None:
    catalog, before = first.catalog, shown(first.catalog)
    row = catalog.queue_row(before)
    review = catalog.decide(before, Decision.APPROVE, "", "ada", row.output_sha256, None)
    for verdict, outcome in ((None, "pending"), (failed, "failed")):
        run, _ = first.start([photo("a.tif", "scanned again"), SCANS[1]])
        if verdict is not None:
            first.work(run, verdict)
        (dossier,) = catalog.show("a.tif")
        assert (dossier["outcome"], objection(dossier)) == ("done", None), (
            "what was approved can be published"
        )
        assert [one["outcome"] for one in dossier["work_items"]] == [outcome, "done"], (
            "the new scan is told of"
        )
        master = etree.fromstring(premis_document(dossier)).find(f"{PREMIS}object[2]")
        assert master.findtext(f".//{PREMIS}messageDigest") == row.sha256
        assert master.find(f"{PREMIS}storage") is None, "another file lies there by now"
    catalog.undo(review.review_id, "ada")
    assert_present(catalog, before, [])
    first.work(first.start([photo("a.tif", "scanned again"), SCANS[1]])[0], full)
    assert_present(catalog, shown(catalog), [before])


def test_a_photo_without_any_result_has_no_present_one(catalog: Catalog) -> None:
    Archive(catalog).run(SCANS, failed)
    assert catalog.history(shown(catalog))["present"] is None


def test_a_profile_that_was_tried_is_left_by_asking_for_the_former_one(first: Archive) -> None:
    catalog = first.catalog
    before, tried = shown(catalog), other(first)
    tried.run(SCANS, full)
    between = shown(catalog)
    counts = first.run(SCANS, full)
    assert counts["already_done"] == 2
    assert_present(catalog, before, [between])
    # And there again, and back.
    tried.run(SCANS, full)
    assert_present(catalog, between, [before])
    first.run(SCANS, full)
    assert_present(catalog, before, [between])
    # What is new is present, whatever was set aside.
    other(first, "restored").run(SCANS, full)
    assert_present(catalog, shown(catalog), [before, between])
    assert shown(catalog) > between


def test_the_former_scan_is_back(first: Archive) -> None:
    before = shown(first.catalog)
    first.run([photo("a.tif", "another"), SCANS[1]], full)
    between = shown(first.catalog)
    first.run(SCANS, full)
    assert_present(first.catalog, before, [between])


def test_asking_for_some_photos_leaves_the_others(first: Archive) -> None:
    before = shown(first.catalog)
    other(first).run(SCANS, full)
    between = shown(first.catalog), shown(first.catalog, "b.tif")
    first.run(SCANS[:1], full)
    assert_present(first.catalog, before, [between[0]])
    assert shown(first.catalog, "b.tif") == between[1]


def redone(archive: Archive, before: int) -> int:
    """Start, plan and work off a run over `a.tif` that somebody wanted; return it."""
    catalog = archive.catalog
    run = catalog.start_run("flow", archive.collection, archive.recipe, {"redo_of": before})
    catalog.record_assets(archive.collection, SCANS[:1], run)
    catalog.plan(archive.collection, archive.recipe, run)
    asked = flag(DONE_AGAIN, 1.0, "notice")
    archive.work(run, lambda item: replace(full(item), flags=(*full(item).flags, asked)))
    catalog.finish_run(run, seconds=1.0)
    return run


def decide(catalog: Catalog, item: int, decision: Decision, reviewer: str = "ada") -> int:
    row = catalog.queue_row(item)
    return catalog.decide(item, decision, "", reviewer, row.output_sha256, row.last_review).review_id


def test_a_redone_photo_stays_when_its_archive_is_asked_for_again(first: Archive) -> None:
    catalog, before = first.catalog, shown(first.catalog)
    redone(other(first, "redone"), before)
    again = shown(catalog)
    assert again > before
    first.run(SCANS, full)
    assert_present(catalog, again, [before])


def test_a_redo_that_leads_to_an_earlier_result_makes_that_present_and_undecided(first: Archive) -> None:
    """Whatever was decided on it before the redo that led away from it."""
    catalog, before = first.catalog, shown(first.catalog)
    decide(catalog, before, Decision.APPROVE)
    asked = decide(catalog, before, Decision.REDO)
    assert catalog.redo_waits(asked)
    again = catalog.redo_ended(asked, redone(other(first, "redone"), before))
    assert again is not None
    assert again > before
    assert not catalog.redo_waits(asked)
    assert_present(catalog, again, [])
    back = decide(catalog, again, Decision.REDO, "ben")
    run = redone(first, again)
    assert catalog.counts(run)["already_done"] == 1
    assert catalog.redo_ended(back, run) == before
    assert_present(catalog, before, [])
    assert catalog.pending_redos(first.name) == []
    undone = [one for one in catalog.reviews(before) if one.decision is Decision.UNDO]
    assert [one.undoes for one in undone] == [asked, asked - 1]
    assert all(one.reviewer.startswith("oldphoto") and "ben asked" in one.reason for one in undone)
    assert catalog.verify_audit().problem is None
    assert catalog.redo_ended(back, run) is None, "it was taken"
    first.run(SCANS, full)
    assert_present(catalog, before, [])


@pytest.mark.parametrize("decision", [Decision.APPROVE, Decision.REJECT, Decision.REDO])
def test_what_was_decided_on_an_earlier_result_since_stays(first: Archive, decision: Decision) -> None:
    catalog, before = first.catalog, shown(first.catalog)
    again = catalog.redo_ended(decide(catalog, before, Decision.REDO), redone(other(first, "redone"), before))
    assert again is not None
    since = decide(catalog, before, decision)
    back = decide(catalog, again, Decision.REDO)
    assert catalog.redo_ended(back, redone(first, again)) == before
    assert shown(catalog) == before
    assert catalog.queue_row(before).decision == decision.value
    assert catalog.redo_waits(since) == (decision is Decision.REDO)
    assert_true(catalog)


def test_a_request_that_was_overruled_meanwhile_leads_nowhere(first: Archive) -> None:
    catalog, before = first.catalog, shown(first.catalog)
    again = catalog.redo_ended(decide(catalog, before, Decision.REDO), redone(other(first, "redone"), before))
    assert again is not None
    back = decide(catalog, again, Decision.REDO)
    run = redone(first, again)
    approval = decide(catalog, again, Decision.APPROVE)
    assert catalog.redo_ended(back, run) is None
    assert shown(catalog) == again
    catalog.undo(approval, "ada")
    catalog.undo(back, "ada")
    assert catalog.redo_ended(back, run) is None, "it was taken back"
    assert_present(catalog, again, [])


def test_a_decision_stays_with_the_result_that_it_is_about(first: Archive) -> None:
    catalog = first.catalog
    row = next(row for row in catalog.review_queue().rows if row.key == "a.tif")
    review = catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    other(first).run(SCANS, full)
    assert queued(catalog, Standing.APPROVE) == [("a.tif", row.item_id)]
    assert objection(catalog.show("a.tif")[0]) == (
        "an earlier result was approved, and nobody has decided on the present one"
    )
    assert objection(catalog.show("b.tif")[0]) == "nobody has decided on it"
    catalog.undo(review.review_id, "ada")
    assert_present(catalog, shown(catalog), [row.item_id])


def test_one_that_was_replaced_can_still_be_decided_on(first: Archive) -> None:
    """It may belong to the sample of a lot."""
    catalog = first.catalog
    row = next(row for row in catalog.review_queue().rows if row.key == "a.tif")
    other(first).run(SCANS, full)
    catalog.decide(row.item_id, Decision.REJECT, "faded", "ada", row.output_sha256, None)
    assert queued(catalog, Standing.REJECT) == [("a.tif", row.item_id)]
    assert_true(catalog)


def test_a_rule_is_said_to_mark_photos_not_results(first: Archive) -> None:
    row = next(row for row in first.catalog.review_queue().rows if row.key == "a.tif")
    first.catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    other(first).run(SCANS, full)
    assert [one.photos for one in first.catalog.reflag([RULE])] == [2]
    assert_true(first.catalog)
