"""Laws of the queries: pages join without gap or repeat, filters narrow, the partial indexes are used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas import session
from schemas.arrow import SCHEMAS, columns, to_table
from schemas.errors import CatalogUseError
from schemas.queries import FlaggedFilter, flagged_ids
from schemas.records import DerivativeRecord, OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter
from schemas.tables import Run
from schemas.totals import STATS
from tests.schemas.archive import Archive, digest, done, flag, full, photo, refused, unread

KEYS = [f"{number:02}.tif" for number in range(12)]


def _verdict(item: PendingItem) -> OutcomeRecord:
    """Every third photo is flagged by its number, every fourth fails."""
    number = int(item.key[:2])
    if number % 4 == 3:
        return OutcomeRecord(item.work_item_id, "failed", reason="no")
    if number % 3 == 0:
        flags = (flag("mask-share", number / 100), flag("colour-drift", 50.0, "serious"))
        return done(item, flags=flags)
    return done(item)


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    archive = Archive(catalog)
    archive.run([photo(key) for key in KEYS], _verdict)
    return archive


def _keys(rows: list[dict[str, Any]]) -> list[str]:
    return [row["key"] for row in rows]


def test_the_places_of_all_runs_are_known_however_many_there_are(catalog: Catalog) -> None:
    collection = catalog.collection_id("one")
    named: list[dict[str, Any]] = [{"source": f"/scans/{n % 3}", "destination": "/out"} for n in range(2500)]
    named += [{}, {"source": None, "destination": "s3://bucket/out"}]
    rows = [
        {
            "collection_id": collection,
            "parameters": one,
            "state": "completed",
            "started_at": datetime.now(UTC),
        }
        for one in named
    ]
    with session.write(catalog.engine) as connection:
        connection.execute(sa.insert(Run), rows)
    assert catalog.places() == ["/out", "/scans/0", "/scans/1", "/scans/2", "s3://bucket/out"]


def test_flagged_lists_open_flags_newest_first(archive: Archive) -> None:
    rows = archive.catalog.flagged()
    assert _keys(rows) == ["09.tif", "06.tif", "00.tif"]
    assert {"key", "sha256", "outcome", "reason", "flags", "restored", "mask"} <= set(rows[0])
    assert [one["code"] for one in rows[0]["flags"]] == ["colour-drift", "mask-share"], "the gravest first"


def test_closed_flags_are_not_asked_for(archive: Archive) -> None:
    catalog = archive.catalog
    row = catalog.review_queue().rows[0]
    catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
    assert _keys(catalog.flagged(flag="colour-drift")) == ["06.tif", "00.tif"]
    assert _keys(catalog.flagged()) == ["06.tif", "00.tif"]
    assert len(catalog.show("09.tif")[0]["flags"]) == 2, "the dossier tells all"


@pytest.mark.parametrize(
    ("outcome", "keys"), [(None, ["00.tif"]), ("done", ["00.tif"]), ("failed", ["03.tif"])]
)
def test_a_collection_is_listed_by_itself(archive: Archive, outcome: str | None, keys: list[str]) -> None:
    catalog = archive.catalog
    before = catalog.flagged(outcome=outcome, collection=archive.name)
    Archive(catalog, name="prints").run([photo("00.tif"), photo("03.tif")], _verdict)
    assert _keys(catalog.flagged(outcome=outcome, collection="prints")) == keys
    assert catalog.flagged(outcome=outcome, collection=archive.name) == before != []


def test_what_a_run_a_recipe_or_a_day_made_is_listed_by_itself(archive: Archive) -> None:
    catalog, moment = archive.catalog, datetime.now(UTC)
    other = Archive(catalog, settings={"tier": "conserved"})
    run, _ = other.start([photo("00b.tif"), photo("03b.tif")])
    other.work(run, _verdict)
    catalog.finish_run(run, seconds=1)
    for narrowed in ({"run_id": run}, {"recipe": other.recipe_sha[:9]}, {"since": moment}):
        for outcome, key in ((None, "00b.tif"), ("done", "00b.tif"), ("failed", "03b.tif")):
            assert _keys(catalog.flagged(outcome=outcome, **narrowed)) == [key]  # type: ignore[arg-type]
        assert _keys(catalog.flagged(outcome="done", minimum=10, **narrowed)) == ["00b.tif"]  # type: ignore[arg-type]
    counted = catalog.queue_counts(QueueFilter(run=run))
    assert sorted((one.flag, one.photos) for one in counted if one.flag) == [
        ("colour-drift", 1),
        ("mask-share", 1),
    ]


def test_filters_narrow(archive: Archive) -> None:
    catalog = archive.catalog
    assert _keys(catalog.flagged(flag="mask-share", minimum=0.06)) == ["09.tif", "06.tif"]
    assert _keys(catalog.flagged(minimum=10)) == ["09.tif", "06.tif", "00.tif"]
    assert _keys(catalog.flagged(flag="mask-share", minimum=10)) == [], "one flag must meet both"
    assert _keys(catalog.flagged(outcome="failed")) == ["11.tif", "07.tif", "03.tif"]
    assert _keys(catalog.flagged(outcome="done", flag="mask-share", limit=1)) == ["09.tif"]
    assert len(catalog.flagged(outcome="done")) == 9
    assert _keys(catalog.flagged(collection=archive.name, limit=1)) == ["09.tif"]
    assert len(catalog.flagged(recipe=archive.recipe_sha[:8])) == 3
    assert catalog.flagged(recipe="ffff" + archive.recipe_sha[:8]) == []
    assert catalog.flagged(run_id=999) == []
    assert catalog.flagged(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert len(catalog.flagged(since=datetime.now(UTC) - timedelta(hours=1))) == 3
    with pytest.raises(CatalogUseError, match="glass plates"):
        catalog.flagged(collection="glas plates")
    with pytest.raises(CatalogUseError, match="not an outcome"):
        catalog.flagged(outcome="lost")


def test_trouble_that_is_over_is_not_listed(catalog: Catalog) -> None:
    archive = Archive(catalog)

    def troubled() -> list[str]:
        listed = [*catalog.flagged(outcome="quarantined"), *catalog.flagged(outcome="failed")]
        told = {row["outcome"]: row["photos"] for row in catalog.stats("outcome")}
        assert told.get("quarantined", 0) + told.get("failed", 0) == len(listed)
        return sorted(_keys(listed))

    archive.run([refused("cut.tif", "half"), unread("locked.tif"), photo("bad.tif")], _fails)
    assert troubled() == ["bad.tif", "cut.tif", "locked.tif"]
    archive.run([photo("cut.tif", "whole"), refused("locked.tif"), photo("bad.tif")], _fails)
    assert troubled() == ["bad.tif", "locked.tif"], "unread for a night; read by now, it is no photo"
    archive.run([photo("cut.tif", "whole"), unread("locked.tif"), photo("bad.tif")], _fails)
    assert troubled() == ["bad.tif", "locked.tif", "locked.tif"], (
        "these bytes were seen last, and tonight none"
    )
    archive.run([photo("locked.tif"), photo("bad.tif", "other")])
    assert troubled() == []
    first = catalog.runs()[-1]["run"]
    kept = _keys(catalog.flagged(outcome="quarantined", run_id=first))
    assert sorted(kept) == ["bad.tif", "cut.tif"], "what came of a run stays its own"


def _fails(item: PendingItem) -> OutcomeRecord:
    return (
        OutcomeRecord(item.work_item_id, "quarantined", reason="no") if item.key == "bad.tif" else done(item)
    )


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("wanted", [{}, {"outcome": "failed"}, {"outcome": "done"}])
def test_pages_join(archive: Archive, size: int, wanted: dict[str, str]) -> None:
    whole = archive.catalog.flagged(**wanted)  # type: ignore[arg-type]
    pages: list[dict[str, Any]] = []
    after = None
    while page := archive.catalog.flagged(**wanted, limit=size, after=after):  # type: ignore[arg-type]
        pages += page
        after = page[-1]["work_item"]
    assert pages == whole


def test_runs_page_and_count(archive: Archive) -> None:
    catalog = archive.catalog
    running, _ = archive.start([photo("new.tif")])
    rows = catalog.runs()
    assert [(row["run"], row["state"], row["inputs"], row["pending"]) for row in rows] == [
        (running, "running", 1, 1),
        (rows[1]["run"], "completed", 12, 0),
    ]
    assert rows[1]["recipe"] == archive.recipe_sha
    assert catalog.runs(after=running) == rows[1:]
    assert catalog.runs(limit=1) == rows[:1]
    assert catalog.runs(collection=archive.name) == rows


def test_show_by_key_and_digest(archive: Archive) -> None:
    catalog = archive.catalog
    assert _keys(catalog.show("05.tif")) == ["05.tif"]
    assert _keys(catalog.show(digest("05.tif"))) == ["05.tif"]
    assert _keys(catalog.show(digest("05.tif")[:9].upper())) == ["05.tif"]
    made = catalog.show("05.tif")[0]["derivatives"][0]["sha256"]
    assert _keys(catalog.show(made)) == ["05.tif"], "a file in hand leads to its photo"
    for nothing in (digest("05.tif")[:5], "nowhere", "%", "", "f" * 64):
        assert catalog.show(nothing) == []


def test_show_answers_for_the_bytes_asked_for(archive: Archive) -> None:
    catalog = archive.catalog
    archive.run([photo("05.tif", "rescanned")], full)
    assert catalog.show("05.tif")[0]["sha256"] == digest("rescanned")
    old = catalog.show(digest("05.tif"))[0]
    assert (old["sha256"], old["restored"]) == (digest("05.tif"), "file:///out/restored/05.tif")
    assert old["content"]["sha256"] == digest("05.tif")
    assert [item["sha256"] for item in old["work_items"]] == [digest("rescanned"), digest("05.tif")]


def test_show_the_same_key_of_two_collections(archive: Archive) -> None:
    other = Archive(archive.catalog, name="prints")
    other.run([photo("05.tif", "a print")])
    both = archive.catalog.show("05.tif")
    assert [row["collection"] for row in both] == ["glass plates", "prints"]
    assert archive.catalog.show("05.tif", limit=1) == both[:1]
    assert archive.catalog.show("05.tif", after=both[0]["asset"]) == both[1:]
    assert archive.catalog.show("05.tif", collection="prints") == both[1:]


def test_show_a_photo_that_is_not_planned(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run = catalog.start_run(None, archive.collection, archive.recipe, {})
    catalog.record_assets(archive.collection, [photo("a.tif"), unread("b.tif")], run)
    row, bad = catalog.show("a.tif")[0], catalog.show("b.tif")[0]
    assert (row["outcome"], row["sha256"], row["flags"], row["restored"]) == (None, digest("a.tif"), [], None)
    assert (bad["sha256"], bad["content"], bad["locations"][0]["error"]) == (None, None, "permission denied")


def test_stats(archive: Archive) -> None:
    catalog = archive.catalog
    outcomes = {row["outcome"]: row for row in catalog.stats("outcome")}
    assert {name: row["photos"] for name, row in outcomes.items()} == {"done": 9, "failed": 3}
    assert (outcomes["done"]["seconds"], outcomes["done"]["seconds_each"]) == (18.0, 2.0)
    (collection,) = catalog.stats("collection")
    assert (collection["photos"], collection["runs"]) == (12, 1)
    assert collection["last_run_at"].tzinfo is UTC
    flags = {row["flag"]: row for row in catalog.stats("flag")}
    share = flags["mask-share"]
    assert (share["open"], share["closed"], share["lowest"], share["highest"]) == (3, 0, 0.0, 0.09)
    (run,) = catalog.stats("run")
    assert run["photos_per_hour"] == 12 * 3600
    with pytest.raises(CatalogUseError, match="cannot total"):
        catalog.stats("moon")


def test_stats_tell_every_run(archive: Archive) -> None:
    catalog = archive.catalog
    run = {
        "collection_id": archive.collection,
        "parameters": {},
        "state": "completed",
        "started_at": datetime.now(UTC),
    }
    with session.write(catalog.engine) as connection:
        connection.execute(sa.insert(Run), [run] * 1000)
    assert len(catalog.stats("run")) == 1001


@pytest.mark.parametrize("by", STATS)
def test_stats_of_one_collection(archive: Archive, by: str) -> None:
    Archive(archive.catalog, name="prints").run([photo("x.tif")], full)
    everything = archive.catalog.stats(by)
    prints = archive.catalog.stats(by, collection="prints")
    assert prints == [row for row in everything if row["collection"] == "prints"] != []


def test_arrow_tables_have_the_rows(archive: Archive) -> None:
    catalog = archive.catalog
    archive.run([photo("x.tif"), refused("y.txt"), unread("z.tif")], full)
    rows = {
        "runs": catalog.runs(),
        "flagged": catalog.flagged(),
        "show": [*catalog.show("x.tif"), *catalog.show("y.txt"), *catalog.show("z.tif")],
        **{f"stats-{by}": catalog.stats(by) for by in STATS},
    }
    assert set(rows) == set(SCHEMAS)
    for query, found in rows.items():
        assert set(found[0]) == set(columns(query)), query
        table = to_table(query, found)
        assert table.schema.equals(SCHEMAS[query])
        assert table.num_rows == len(found) > 0
        assert to_table(query, []).schema.equals(SCHEMAS[query])
    flagged = to_table("flagged", rows["flagged"]).to_pylist()
    assert [row["flags"] for row in flagged] == [row["flags"] for row in rows["flagged"]]
    with pytest.raises(CatalogUseError, match="no Arrow schema"):
        to_table("moon", [])


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (FlaggedFilter(), "ix_queue_entry_code_decision_severity_work_item_id"),
        (FlaggedFilter(flag="mask-share"), "ix_queue_entry_code_decision_severity_work_item_id"),
        (FlaggedFilter(outcome="failed"), "ix_work_item_troubled"),
    ],
)
def test_pages_walk_the_indexes(archive: Archive, wanted: FlaggedFilter, index: str) -> None:
    engine = archive.catalog.engine
    with session.read(engine) as connection:
        query = flagged_ids(connection, wanted, limit=10, after=1000)
        text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        if engine.dialect.name == "sqlite":
            steps = [row.detail for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
        else:
            # So small a table is read whole; on a large one the planner has this choice.
            connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
            connection.execute(sa.text("SET LOCAL enable_bitmapscan = off"))
            steps = list(connection.scalars(sa.text(f"EXPLAIN {text}")))
    assert any(f"{index} " in step for step in steps), steps
    # A merge of three walks sorts three short lists; nothing else is sorted or read whole.
    assert not any(step.strip().startswith(("SCAN queue_entry", "SCAN work_item")) for step in steps), steps


def test_restored_and_mask_are_the_files_of_their_kind(catalog: Catalog) -> None:
    archive = Archive(catalog)

    def verdict(item: PendingItem) -> OutcomeRecord:
        kinds = ["tier", "restored", "mask", "probability", "sidecar"]
        files = tuple(
            DerivativeRecord(kind, None, f"s3://out/{kind}/{item.key}", digest(kind), 1, "image/png")
            for kind in kinds
        )
        return done(item, derivatives=files, flags=(flag("mask-share", 1.0),))

    archive.run([photo("a.tif")], verdict)
    (row,) = catalog.flagged()
    assert (row["restored"], row["mask"]) == ("s3://out/restored/a.tif", "s3://out/mask/a.tif")
