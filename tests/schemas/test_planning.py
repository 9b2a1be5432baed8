"""Laws of planning: every input is accounted for, nothing is done twice, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CatalogUseError, TakenOverError
from schemas.naming import prefix_candidates
from schemas.records import OutcomeRecord, PendingItem, Plan, RunState
from schemas.repository import Catalog
from schemas.tables import WorkItem
from tests.schemas.archive import (
    Archive,
    Record,
    digest,
    done,
    failed,
    lawful,
    photo,
    refused,
    table_sizes,
    unread,
)

KEYS = ["a.tif", "b/c.tif", "b/d.jpg", "e.png", "f"]
SOURCE = [photo(key) for key in KEYS]


def _ends(how: str) -> Callable[[PendingItem], OutcomeRecord]:
    return lambda item: OutcomeRecord(item.work_item_id, how, reason=f"was {how}")


def test_a_second_run_does_nothing(catalog: Catalog) -> None:
    archive = Archive(catalog)
    first = archive.run([*SOURCE, refused("notes.txt")])
    assert (first["inputs"], first["done"], first["quarantined"], first["already_done"]) == (6, 5, 1, 0)
    before = table_sizes(catalog)
    run, plan = archive.start([*SOURCE, refused("notes.txt")])
    assert plan == Plan(inputs=6, already_done=6, pending=0)
    assert archive.work(run) == []
    second = catalog.finish_run(run, seconds=0.1)
    assert (second["inputs"], second["already_done"]) == (6, 6)
    assert lawful(first)
    assert lawful(second)
    after = table_sizes(catalog)
    assert {**after, "run": before["run"]} == before


@pytest.mark.parametrize("how", ["done", "skipped", "quarantined"])
def test_what_has_ended_stays_ended(catalog: Catalog, how: str) -> None:
    archive = Archive(catalog)
    archive.run(SOURCE, _ends(how))
    _, plan = archive.start(SOURCE)
    assert plan == Plan(5, 5, 0)


def test_a_failure_is_tried_three_times(catalog: Catalog) -> None:
    archive = Archive(catalog)
    for attempt in (1, 2, 3):
        run, plan = archive.start(SOURCE)
        assert plan == Plan(5, 0 if attempt == 1 else 4, 5 if attempt == 1 else 1)
        archive.work(run, lambda item: failed(item) if item.key == "e.png" else done(item))
        counts = catalog.finish_run(run, seconds=1)
        assert counts["failed"] == 1
        assert lawful(counts)
    run, plan = archive.start(SOURCE)
    assert plan == Plan(5, 4, 0)
    assert archive.work(run) == []
    counts = catalog.counts(run)
    assert counts["failed"] == 1, "given up, yet told in every run"
    assert lawful(counts)
    (row,) = catalog.show("e.png")
    assert (row["attempts"], row["outcome"], row["reason"]) == (3, "failed", "out of memory")


def test_a_retry_that_works(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run(SOURCE, lambda item: failed(item, flags=()) if item.key == "f" else done(item))
    counts = archive.run(SOURCE)
    assert (counts["already_done"], counts["done"], counts["failed"]) == (4, 1, 0)
    (row,) = catalog.show("f")
    assert (row["outcome"], row["reason"], row["error_class"], row["attempts"]) == ("done", None, None, 2)


def test_a_changed_file_is_new_work(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run(SOURCE)
    run, plan = archive.start([*SOURCE[1:], photo("a.tif", "rescanned")])
    assert plan == Plan(5, 4, 1)
    (item,) = archive.work(run)
    assert (item.key, item.sha256) == ("a.tif", digest("rescanned"))
    assert item.prefix == f"recipes/{archive.recipe_sha[:12]}/", "the first result is not overwritten"
    _, plan = archive.start(SOURCE)
    assert plan == Plan(5, 5, 0), "the old bytes are back, and were done"


def test_a_vanished_file_is_no_input_and_stays(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run(SOURCE)
    counts = archive.run(SOURCE[:2])
    assert (counts["inputs"], counts["already_done"]) == (2, 2)
    assert catalog.show("f")[0]["outcome"] == "done"


def test_a_limit_takes_the_first_by_key(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run, plan = archive.start(reversed(SOURCE), limit=3)
    assert plan == Plan(3, 0, 3)
    assert {item.key for item in archive.work(run)} == set(sorted(KEYS)[:3])
    assert lawful(catalog.finish_run(run, seconds=1))
    _, plan = archive.start(SOURCE, limit=4)
    assert plan == Plan(4, 3, 1)
    _, plan = archive.start(SOURCE, limit=0)
    assert plan == Plan(0, 0, 0)
    _, plan = archive.start(SOURCE, limit=100)
    assert plan.inputs == 5
    with pytest.raises(CatalogUseError, match="negative"):
        archive.start(SOURCE, limit=-1)


def test_a_crashed_runs_work_is_taken_over(catalog: Catalog) -> None:
    archive = Archive(catalog)
    crashed, _ = archive.start(SOURCE)
    first = next(catalog.iter_pending(crashed, 2))
    catalog.record_outcomes(crashed, [done(first[0])])
    run, plan = archive.start(SOURCE)
    assert plan == Plan(5, 1, 4)
    old = catalog.counts(crashed)
    assert (old["inputs"], old["done"], old["pending"]) == (5, 1, 4)
    assert lawful(old)
    assert [row["state"] for row in catalog.runs()] == ["running", "crashed"]
    handed = [item.key for item in archive.work(run)]
    assert handed[-1] == first[1].key, "what was in flight when the run died comes last"
    assert sorted(handed) == sorted(set(KEYS) - {first[0].key})
    assert catalog.counts(crashed) == old, "what is kept does not change any more"


def test_a_run_thought_dead_cannot_disturb_its_successor(catalog: Catalog) -> None:
    archive = Archive(catalog)
    old, _ = archive.start(SOURCE)
    (items,) = catalog.iter_pending(old, 10)
    new, _ = archive.start(SOURCE)
    assert catalog.record_outcomes(old, [done(item) for item in items]) == 0
    assert list(catalog.iter_pending(old)) == []
    assert len(archive.work(new)) == 5
    frozen = catalog.counts(old)
    assert catalog.finish_run(old, seconds=9) == frozen
    assert lawful(frozen)
    assert lawful(catalog.counts(new))


def test_a_run_is_told_who_took_its_work(catalog: Catalog) -> None:
    archive = Archive(catalog)
    listing = catalog.start_run(None, archive.collection, archive.recipe, {})
    planned, _ = archive.start(SOURCE)
    with pytest.raises(TakenOverError, match=f"run {listing} was ended by run {planned}"):
        catalog.record_assets(archive.collection, SOURCE, listing)
    with pytest.raises(TakenOverError, match=f"by run {planned}"):
        catalog.plan(archive.collection, archive.recipe, listing)
    last, _ = archive.start(SOURCE)
    assert [catalog.taken_over_by(run) for run in (listing, planned, last)] == [planned, last, None]
    catalog.finish_run(last, seconds=1, state=RunState.CRASHED)
    assert catalog.taken_over_by(last) is None, "it was interrupted, and those before it had ended"


def test_two_recipes_at_a_time_keep_apart(catalog: Catalog) -> None:
    one, two = Archive(catalog), Archive(catalog, settings={"tier": "conserved"})
    first, _ = one.start(SOURCE)
    second, plan = two.start(SOURCE)
    assert plan == Plan(5, 0, 5)
    assert {item.prefix for item in one.work(first)} == {""}
    assert {item.prefix for item in two.work(second)} == {f"recipes/{two.recipe_sha[:12]}/"}
    for run in (first, second):
        counts = catalog.finish_run(run, seconds=1)
        assert counts["done"] == 5
        assert lawful(counts)


def test_two_listings_at_a_time_keep_apart(catalog: Catalog) -> None:
    one, two = Archive(catalog), Archive(catalog, settings={"tier": "conserved"})
    first = catalog.start_run(None, one.collection, one.recipe, {})
    second = catalog.start_run(None, two.collection, two.recipe, {})
    catalog.record_assets(one.collection, SOURCE, first)
    catalog.record_assets(two.collection, [*SOURCE, photo("late.tif")], second)
    assert catalog.plan(one.collection, one.recipe, first).inputs == 5
    assert catalog.plan(two.collection, two.recipe, second).inputs == 6


def test_photos_that_ingest_could_not_take_in(catalog: Catalog) -> None:
    archive = Archive(catalog)
    source = [*SOURCE, refused("notes.txt"), unread("locked.tif")]
    run, plan = archive.start(source)
    assert plan == Plan(7, 0, 5)
    archive.work(run)
    counts = catalog.finish_run(run, seconds=1)
    assert (counts["done"], counts["quarantined"], counts["failed"]) == (5, 1, 1)
    (row,) = catalog.show("notes.txt")
    assert (row["outcome"], row["reason"], row["error_class"]) == (
        "quarantined",
        "not an image",
        "unreadable",
    )
    assert [event["type"] for event in row["events"]].count("quarantine") == 1
    for _ in range(4):
        counts = archive.run(source)
        assert (counts["already_done"], counts["failed"]) == (6, 1), "unread files are read again each time"
        assert lawful(counts)
    counts = archive.run([*SOURCE, refused("notes.txt"), photo("locked.tif")])
    assert (counts["already_done"], counts["done"], counts["failed"]) == (6, 1, 0)


def test_what_ingest_takes_in_after_all_is_released(catalog: Catalog) -> None:
    # A manifest was wrong, say: the bytes are the same, and now they are accepted.
    archive = Archive(catalog)
    archive.run([refused("a.tif")])
    run, plan = archive.start([photo("a.tif")])
    assert plan == Plan(1, 0, 1)
    archive.work(run)
    assert catalog.counts(run)["done"] == 1
    events = [event["type"] for event in catalog.show("a.tif")[0]["events"]]
    assert events.index("quarantine") < events.index("unquarantine") < events.index("modification")


def test_planning_twice_is_planning_once(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run, plan = archive.start([*SOURCE, unread("locked.tif")])
    again = catalog.plan(archive.collection, archive.recipe, run)
    assert again == plan
    archive.work(run)
    assert catalog.plan(archive.collection, archive.recipe, run) == Plan(6, 0, 0)
    assert lawful(catalog.counts(run))


def test_plans_that_make_no_sense(catalog: Catalog) -> None:
    archive, other = Archive(catalog), Archive(catalog, name="prints", settings={"tier": "x"})
    run, _ = archive.start(SOURCE)
    with pytest.raises(CatalogUseError, match="another collection or recipe"):
        catalog.plan(other.collection, archive.recipe, run)
    with pytest.raises(CatalogUseError, match="another collection or recipe"):
        catalog.plan(archive.collection, other.recipe, run)
    with pytest.raises(CatalogUseError, match="no run 999"):
        catalog.plan(archive.collection, archive.recipe, 999)
    with pytest.raises(CatalogUseError, match="no collection 999"):
        catalog.plan(999, archive.recipe, run)
    catalog.finish_run(run, seconds=1)
    with pytest.raises(CatalogUseError, match="has ended"):
        catalog.plan(archive.collection, archive.recipe, run)
    with pytest.raises(CatalogUseError, match="cannot end as running"):
        catalog.finish_run(run, seconds=1, state=RunState.RUNNING)


def test_a_recipe_is_what_its_hash_says(catalog: Catalog) -> None:
    archive = Archive(catalog)
    assert archive.recipe == archive.recipe
    assert table_sizes(catalog)["recipe_model"] == 1
    with pytest.raises(CatalogUseError, match="SHA-256"):
        catalog.recipe_id(digest("other"), archive.document)


def test_a_run_that_never_planned_accounts_for_nothing(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run = catalog.start_run(None, archive.collection, None, {})
    catalog.record_assets(archive.collection, SOURCE, run)
    counts = catalog.finish_run(run, seconds=1, state=RunState.FAILED)
    assert set(counts.values()) == {0}
    assert table_sizes(catalog)["run_input"] == 0


def test_a_dry_run_leaves_everything_to_the_next(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run, _ = archive.start(SOURCE)
    counts = catalog.finish_run(run, seconds=0, state=RunState.DRY_RUN)
    assert counts["pending"] == 5
    assert archive.run(SOURCE)["done"] == 5
    assert catalog.counts(run) == counts


def test_what_wrote_nothing_leaves_its_place_to_another_recipe(catalog: Catalog) -> None:
    one, two = Archive(catalog), Archive(catalog, settings={"tier": "conserved"})
    one.run(SOURCE[:2], lambda item: done(item) if item.key == "a.tif" else _ends("quarantined")(item))
    run, _ = two.start(SOURCE[:2])
    prefixes = {item.key: item.prefix for item in two.work(run)}
    assert prefixes == {"a.tif": f"recipes/{two.recipe_sha[:12]}/", "b/c.tif": ""}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["enhanced", "conserved", "restored"]),
            st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12") | st.none(), max_size=5),
            st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["skipped", "quarantined", "failed"])),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_whatever_happens_the_law_holds(
    catalog: Catalog, history: list[tuple[str, dict[str, str | None], dict[str, str], bool]]
) -> None:
    """Any history of sources, recipes, outcomes and crashes: counts add up, prefixes are as the pure rule."""
    name = f"collection {len(catalog.stats('collection'))}"
    for tier, source, fates, crashes in history:
        archive = Archive(catalog, name=name, settings={"tier": tier})
        records: list[Record] = [
            unread(key) if content is None else photo(key, key + content) for key, content in source.items()
        ]
        run, plan = archive.start(records)
        assert plan.inputs == len(source)
        assert lawful(catalog.counts(run))
        for items in catalog.iter_pending(run, 2):
            ends = [_ends(fates[item.key])(item) if item.key in fates else done(item) for item in items]
            catalog.record_outcomes(run, ends[:1] if crashes else ends)
            assert lawful(catalog.counts(run))
            if crashes:
                break
        if not crashes:
            counts = catalog.finish_run(run, seconds=1)
            assert lawful(counts)
            assert counts["pending"] == 0
    _assert_prefixes_unique(catalog)


def _assert_prefixes_unique(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        rows = connection.execute(sa.select(WorkItem.asset_id, WorkItem.prefix)).all()
    places = [(row.asset_id, row.prefix) for row in rows if row.prefix is not None]
    assert len(places) == len(set(places))


def test_prefixes_follow_the_pure_rule(catalog: Catalog) -> None:
    taken: set[str] = set()
    for tier, content in [("x", "1"), ("x", "2"), ("y", "2"), ("x", "3"), ("y", "1"), ("x", "4")]:
        archive = Archive(catalog, settings={"tier": tier})
        run, _ = archive.start([photo("a.tif", content)])
        (item,) = archive.work(run)
        *shared, own = prefix_candidates(archive.recipe_sha, digest(content))
        assert item.prefix == next((prefix for prefix in shared if prefix not in taken), own)
        taken.add(item.prefix)


def test_a_cause_outside_the_photo_uses_up_no_attempt(catalog: Catalog) -> None:
    archive = Archive(catalog)
    for _ in range(4):
        counts = archive.run(SOURCE, lambda item: failed(item, error_class="StorageError"))
        assert counts["failed"] == 5
    assert archive.run(SOURCE, failed)["failed"] == 5, "tried again, and now it is the photos' own fault"
    run, plan = archive.start(SOURCE)
    assert (plan.pending, catalog.given_up(run)) == (5, 0)
    archive.work(run)
    assert catalog.counts(run)["done"] == 5


def test_what_was_given_up_is_tried_once_more_when_told_so(catalog: Catalog) -> None:
    archive = Archive(catalog)
    fates = {"a.tif": failed, "e.png": _ends("quarantined")}
    for _ in range(3):
        archive.run(SOURCE, lambda item: fates.get(item.key, done)(item))
    run, plan = archive.start(SOURCE)
    assert (plan.pending, catalog.given_up(run)) == (0, 1)
    for verdict, left in ((failed, 1), (done, 0)):
        run, plan = archive.start(SOURCE, retry=True)
        archive.work(run, lambda item, end=verdict: end(item))  # type: ignore[misc]
        counts = catalog.finish_run(run, seconds=1)
        assert lawful(counts)
        assert catalog.given_up(run) == left
    assert (counts["already_done"], counts["done"]) == (3, 2)


def test_bytes_that_were_others_for_a_moment_are_tried_again(catalog: Catalog) -> None:
    archive = Archive(catalog)
    wrong = {"outcome": "quarantined", "error_class": "fixity"}
    archive.run([photo("a.tif")], lambda item: OutcomeRecord(item.work_item_id, **wrong))
    assert archive.run([refused("a.tif", "a.tif")])["already_done"] == 1, "a manifest names other bytes"
    counts = archive.run([photo("a.tif")])
    assert (counts["already_done"], counts["done"]) == (0, 1)
    events = [event["type"] for event in catalog.show("a.tif")[0]["events"]]
    assert "unquarantine" in events
