"""Laws of taking results back from their sidecars: as they tell it, once, and in nobody else's place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from schemas.errors import UnstorableKeyError
from schemas.rebuild_records import Taken
from schemas.records import COUNTS, OutcomeRecord, Plan
from schemas.repository import Catalog
from schemas.rules import FlagRuleRecord
from schemas.tables import WorkItem
from tests.schemas.archive import Archive, digest, failed, flag, photo
from tests.schemas.test_relocation import files, lost, rebuilt, result, take_back
from tests.schemas.test_tallies import assert_true

EARLY, LATE = datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC)
HEADER = {"format": "TIFF", "width": 40, "height": 30, "bit_depth": 16}


def test_a_result_is_recorded_as_its_sidecar_tells(catalog: Catalog) -> None:
    archive = Archive(catalog)
    one = rebuilt(archive, "a.tif", "/new", at=EARLY, header=HEADER, warnings=("two pages",))
    of = catalog.begin_rebuild(
        archive.collection, archive.recipe_sha, archive.document, [], "/new", {"profile": "archive"}
    )
    taken = catalog.take_back(of, None, [replace(one, software="oldphoto 0.1", prefix="recipes/x/")])
    assert taken == Taken(1, 0, 0, run=taken.run)
    run = taken.run or 0
    (row,) = catalog.show("a.tif")
    assert (row["outcome"], row["tier"], row["attempts"], row["finished_at"]) == (
        "done",
        "enhanced",
        1,
        EARLY,
    )
    assert row["restored"] == "/new/restored/a.x"
    assert {file["created_at"] for file in row["derivatives"]} == {EARLY}
    assert row["content"] == {
        "sha256": digest("a.tif"),
        "size": 5,
        "metadata": HEADER,
        "warnings": ["two pages"],
        **HEADER,
    }
    (place,) = row["locations"]
    assert (place["uri"], place["size"], place["modified"]) == (photo("a.tif").uri, 5, "")
    assert place["first_seen"] == place["last_seen"] == EARLY
    (event,) = row["events"]
    assert (event["type"], event["work_item"], event["run"]) == ("recovery", row["work_item"], run)
    assert event["detail"] == {
        "note": "rebuilt from its sidecar",
        "made_by": "oldphoto 0.1",
        "made_at": EARLY.isoformat(),
    }
    (told,) = catalog.runs()
    assert (told["state"], told["inputs"], told["done"]) == ("completed", 1, 1)
    assert (told["already_done"], told["pending"], told["skipped"]) == (0, 0, 0)
    assert told["parameters"] == {"profile": "archive", "rebuilt_from": "/new", "destination": "/new"}
    assert_true(catalog)
    other = Archive(catalog, settings={"tier": "conserved"})
    assert {item.prefix for item in other.work(other.start([photo("a.tif")])[0])} == {""}, (
        "that place is free"
    )


def test_a_catalogs_own_rules_hold_for_what_comes_back(catalog: Catalog) -> None:
    """As when the last copy is put back and what was restored since is taken from the sidecars."""
    catalog.reflag([FlagRuleRecord("mask-share", "mask_share", 0.1, "warning", "Much is masked.", 2)])
    archive = Archive(catalog)
    one = rebuilt(archive, "a.tif", "/new")
    flags, measured = (flag("redone", 1.0, "notice"),), {"mask_share": 0.2}
    take_back(archive, [replace(one, outcome=replace(one.outcome, flags=flags, measurements=measured))])
    (row,) = catalog.flagged()
    assert {(one["code"], one["threshold"]) for one in row["flags"]} == {("redone", 0.2), ("mask-share", 0.1)}
    assert_true(catalog)


def test_the_next_run_finds_nothing_to_do(catalog: Catalog) -> None:
    archive = Archive(catalog)
    take_back(archive, [rebuilt(archive, key, "/new") for key in ("a.tif", "b.tif")])
    scans = [photo("a.tif"), photo("b.tif"), photo("c.tif")]
    _, plan = archive.start(scans)
    assert plan == Plan(inputs=3, already_done=2, pending=1)
    other = Archive(catalog, settings={"tier": "conserved"})
    prefixes = {item.key: item.prefix for item in other.work(other.start(scans)[0])}
    assert prefixes["a.tif"] == prefixes["b.tif"] == f"recipes/{other.recipe_sha[:12]}/", (
        "their place is taken"
    )
    assert_true(catalog)


def test_the_latest_of_several_tells_what_lay_there(catalog: Catalog) -> None:
    """In one batch and over several, whichever comes first."""
    archive = Archive(catalog)
    new = rebuilt(archive, "a.tif", "/new", at=LATE)
    old = replace(new, sha256=digest("scanned before"), at=EARLY, prefix="recipes/x/")
    take_back(archive, [new])
    assert take_back(archive, [old]) == Taken(1, 0, 0)
    (place,) = catalog.show("a.tif")[0]["locations"]
    assert (place["sha256"], place["first_seen"], place["last_seen"]) == (digest("a.tif"), EARLY, LATE)


def test_a_stem_that_another_photo_has_is_left_to_it(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run([photo("a.tif")], failed)
    taken = take_back(archive, [rebuilt(archive, "a.png", "/new"), rebuilt(archive, "b.tif", "/new")])
    assert taken == Taken(1, 0, 0, refused=("a.png",))
    assert catalog.show("a.png") == []
    assert catalog.photo_count(archive.name) == 2
    assert_true(catalog)


def test_a_photo_that_is_known_and_failed_stays_as_it_is(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run([photo("a.tif")], failed)
    assert take_back(archive, [rebuilt(archive, "a.tif", "/new")]) == Taken(0, 1, 0)
    assert catalog.show("a.tif")[0]["outcome"] == "failed"


def test_what_needed_nothing_comes_back_as_that(catalog: Catalog) -> None:
    archive = Archive(catalog)
    outcome = OutcomeRecord(0, "skipped", reason="nothing to do", derivatives=files("/new", "a")[1:])
    take_back(archive, [rebuilt(archive, "a.tif", "/new", outcome=outcome)])
    (row,) = catalog.show("a.tif")
    assert (row["outcome"], row["reason"], row["restored"]) == ("skipped", "nothing to do", None)


def test_keys_that_no_database_holds_are_refused_at_once(catalog: Catalog) -> None:
    with pytest.raises(UnstorableKeyError):
        rebuilt(Archive(catalog), "nul\x00.tif", "/new")


def test_a_place_that_another_result_has_is_left_to_it(catalog: Catalog) -> None:
    """As when a copy of the catalog is put back in which another recipe was to write there."""
    archive = Archive(catalog)
    archive.run([photo("a.tif")], failed)
    other = Archive(catalog, settings={"tier": "conserved"})
    taken = take_back(other, [rebuilt(other, "a.tif", "/new"), rebuilt(other, "b.tif", "/new")])
    assert taken == Taken(1, 0, 0, refused=("a.tif",))
    assert [one["outcome"] for one in catalog.show("a.tif")[0]["work_items"]] == ["failed"]
    assert_true(catalog)


def test_of_two_photos_with_one_stem_the_first_has_it(catalog: Catalog) -> None:
    archive = Archive(catalog)
    photos = [rebuilt(archive, "a.tif", "/new"), rebuilt(archive, "a.png", "/new", prefix="recipes/x/")]
    assert take_back(archive, photos) == Taken(1, 0, 0, refused=("a.png",))
    assert_true(catalog)


def test_one_run_stands_for_all_batches_and_none_for_nothing(catalog: Catalog) -> None:
    archive = Archive(catalog)
    photos = [rebuilt(archive, key, "/new") for key in ("a.tif", "b.tif")]
    of = lost(archive)
    first = catalog.take_back(of, None, photos[:1]).run
    assert catalog.take_back(of, first, photos[1:]).run == first
    again = catalog.take_back(lost(archive), None, photos)
    assert again == Taken(0, 2, 0, run=None)
    assert len(catalog.runs()) == 1
    moved = [rebuilt(archive, key, "/newer") for key in ("a.tif", "b.tif")]
    assert catalog.take_back(lost(archive), None, moved).run is not None
    assert catalog.runs()[0]["parameters"]["destination"] == "/new", "where they lie now, for the desk"


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_what_was_done_before_an_interruption_is_counted_and_told(catalog: Catalog, batches: int) -> None:
    """Each batch is a transaction of its own, of which any may be the last; the next call goes over all again."""
    archive = Archive(catalog)
    archive.run([photo("a.tif"), photo("b.tif")], result)
    unchanged = OutcomeRecord(0, "skipped", reason="nothing to do", derivatives=files("/new", "d")[1:])
    pages = [
        [rebuilt(archive, "a.tif", "/new"), rebuilt(archive, "c.tif", "/new")],
        [rebuilt(archive, "d.tif", "/new", outcome=unchanged), rebuilt(archive, "e.tif", "/new")],
        [rebuilt(archive, "b.tif", "/new")],
    ]
    for call in (pages[:batches], pages):
        of, run = lost(archive), None
        for page in call:
            run = catalog.take_back(of, run, page).run
        assert_counted(catalog)
    told = [entry["detail"] for entry in catalog.audit_entries()]
    assert (sum(one["photos"] for one in told), sum(one["relocated"] for one in told)) == (3, 2)
    assert {run for one in told for run in one["runs"]} == {row["run"] for row in catalog.runs()[:-1]}
    assert catalog.verify_audit().problem is None
    assert_true(catalog)


def assert_counted(catalog: Catalog) -> None:
    """Each run's kept counts are those of its work items, and no input is lacking."""
    query = sa.select(WorkItem.run_id, WorkItem.state, sa.func.count()).group_by(
        WorkItem.run_id, WorkItem.state
    )
    with catalog.engine.connect() as connection:
        held = {(run, state): count for run, state, count in connection.execute(query)}
    for row in catalog.runs():
        items = {name: held.get((row["run"], name), 0) for name in COUNTS[2:]}
        assert {name: row[name] for name in COUNTS} == {
            "inputs": sum(items.values()),
            "already_done": 0,
            **items,
        }


def test_a_recipe_that_was_lost_is_kept_when_it_is_back(catalog: Catalog) -> None:
    archive = Archive(catalog)

    def begin(document: str | None) -> None:
        of = catalog.begin_rebuild(archive.collection, archive.recipe_sha, document, [], "/new", {})
        catalog.take_back(of, None, [rebuilt(archive, "a.tif", "/new")])

    begin(None)
    item = catalog.show("a.tif")[0]["work_item"]
    for document in (archive.document, None):
        begin(document)
        assert catalog.history(item)["recipe_document"] == archive.settings
