"""Laws of ingest: what is seen again adds nothing, what changed is told, what vanished stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.errors import CatalogUseError, UnstorableKeyError
from schemas.ingest_records import AssetRecord, IngestCounts
from schemas.records import EventRecord, EventType
from schemas.repository import Catalog
from schemas.tables import Asset, Content, Location
from tests.schemas.archive import Archive, digest, photo, refused, table_sizes, unread

SOURCE = [photo("a.tif"), photo("b/c.tif"), photo("b/d.jpg"), refused("notes.txt"), unread("locked.tif")]


def _new_run(archive: Archive) -> int:
    return archive.catalog.start_run(None, archive.collection, archive.recipe, {})


def test_first_sight(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run = _new_run(archive)
    counts = catalog.record_assets(archive.collection, iter(SOURCE), run, batch=2)
    assert counts == IngestCounts(seen=5, new=5, changed=0, unreadable=2)
    (dossier,) = catalog.show("a.tif")
    assert dossier["content"] == {
        "sha256": digest("a.tif"),
        "size": 5,
        "format": "TIFF",
        "width": 40,
        "height": 30,
        "bit_depth": 16,
        "metadata": {"exif": {"Model": "Epson"}},
        "warnings": [],
    }
    assert [(event["type"], event["outcome"], event["detail"]) for event in dossier["events"]] == [
        ("ingestion", "success", {"uri": "file:///masters/a.tif"}),
        (
            "message digest calculation",
            "success",
            {"algorithm": "SHA-256", "digest": digest("a.tif"), "size": 5},
        ),
        ("validation", "success", {"format": "TIFF"}),
    ]


def test_what_is_wrong_with_a_file_is_recorded_with_its_place_and_told(catalog: Catalog) -> None:
    archive = Archive(catalog)
    odd = photo("odd.tif", warnings=("two pages",))
    catalog.record_assets(archive.collection, [*SOURCE, odd], _new_run(archive))
    (locked,), (strange,) = catalog.show("locked.tif"), catalog.show("odd.tif")
    (place,) = locked["locations"]
    assert (place["size"], place["modified"], place["error"], place["error_class"]) == (
        3,
        "mark",
        "permission denied",
        "StorageError",
    )
    told = [dossier["events"][-1] for dossier in (locked, strange)]
    assert [(event["type"], event["outcome"], event["detail"]) for event in told] == [
        ("validation", "fail", {"error": "permission denied", "error_class": "StorageError"}),
        ("validation", "warning", {"format": "TIFF", "warnings": ["two pages"]}),
    ]


def test_the_same_again_adds_only_the_time(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run = _new_run(archive)
    catalog.record_assets(archive.collection, SOURCE, run)
    before, seen = table_sizes(catalog), catalog.show("a.tif")[0]["locations"][0]
    assert catalog.record_assets(archive.collection, SOURCE, run) == IngestCounts(5, 0, 0, 2)
    assert table_sizes(catalog) == before
    again = catalog.show("a.tif")[0]["locations"][0]
    assert again["last_seen"] > seen["last_seen"]
    assert again["first_seen"] == seen["first_seen"]


def test_a_known_photo_given_back_adds_only_the_time(catalog: Catalog) -> None:
    archive = Archive(catalog)
    catalog.record_assets(archive.collection, SOURCE, _new_run(archive))
    before, seen = table_sizes(catalog), catalog.show("a.tif")[0]["locations"][0]
    known = catalog.known(archive.collection, [record.key for record in SOURCE]).values()
    assert sorted(one.key for one in known) == ["a.tif", "b/c.tif", "b/d.jpg"], "only what was read"
    run = _new_run(archive)
    assert catalog.record_assets(archive.collection, known, run) == IngestCounts(seen=3)
    sizes = table_sizes(catalog)
    assert sizes["run_input"] == before["run_input"] + 3
    assert {**sizes, "run": 1, "run_input": 5} == before
    again = catalog.show("a.tif")[0]["locations"][0]
    assert again["last_seen"] > seen["last_seen"]
    assert {**again, "last_seen": None} == {**seen, "last_seen": None}


def test_what_is_known_tells_unchanged_from_changed(catalog: Catalog) -> None:
    archive = Archive(catalog)
    catalog.record_assets(archive.collection, SOURCE, _new_run(archive))
    known = catalog.known(archive.collection, ["a.tif", "nowhere.tif", "notes.txt", "locked.tif"])
    assert set(known) == {"a.tif"}, "what was refused is to be looked at again"
    one, record = known["a.tif"], SOURCE[0]
    assert one.matches(record.uri, record.size, record.modified)
    assert not one.matches(record.uri, record.size + 1, record.modified)
    assert not one.matches(record.uri, record.size, "other mark")
    assert not one.matches("file:///elsewhere/a.tif", record.size, record.modified)


def test_other_bytes_under_a_known_key(catalog: Catalog) -> None:
    archive = Archive(catalog)
    catalog.record_assets(archive.collection, [photo("a.tif", "first")], _new_run(archive))
    counts = catalog.record_assets(archive.collection, [photo("a.tif", "second")], _new_run(archive))
    assert counts == IngestCounts(seen=1, new=0, changed=1)
    sizes = table_sizes(catalog)
    assert (sizes["asset"], sizes["content"], sizes["location"]) == (1, 2, 1)
    events = {event["type"]: event["detail"] for event in catalog.show("a.tif")[0]["events"]}
    assert events["modification"]["from"] == digest("first")
    assert events["modification"]["to"] == digest("second")
    back = catalog.record_assets(archive.collection, [photo("a.tif", "first")], _new_run(archive))
    assert back.changed == 1
    assert table_sizes(catalog)["content"] == 2, "the first bytes are known already"


def test_a_photo_that_cannot_be_read_for_once_keeps_its_content(catalog: Catalog) -> None:
    archive = Archive(catalog)
    catalog.record_assets(archive.collection, [photo("a.tif")], _new_run(archive))
    record = unread("a.tif")
    catalog.record_assets(archive.collection, [record], _new_run(archive))
    (location,) = catalog.show("a.tif")[0]["locations"]
    assert (location["sha256"], location["error"]) == (digest("a.tif"), "permission denied")
    counts = catalog.record_assets(archive.collection, [photo("a.tif")], _new_run(archive))
    assert counts.changed == 0
    assert catalog.show("a.tif")[0]["locations"][0]["error"] is None


def test_the_same_bytes_twice_are_one_content(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run = _new_run(archive)
    catalog.record_assets(archive.collection, [photo("a.tif", "x"), photo("copy of a.tif", "x")], run)
    other = Archive(catalog, name="prints")
    catalog.record_assets(other.collection, [photo("a.tif", "x")], _new_run(other))
    sizes = table_sizes(catalog)
    assert (sizes["asset"], sizes["content"]) == (3, 1)


def test_a_better_header_replaces_an_unread_one(catalog: Catalog) -> None:
    archive = Archive(catalog)
    catalog.record_assets(archive.collection, [refused("a.tif")], _new_run(archive))
    catalog.record_assets(archive.collection, [photo("a.tif")], _new_run(archive))
    assert catalog.show("a.tif")[0]["content"]["format"] == "TIFF"
    catalog.record_assets(archive.collection, [refused("a.tif")], _new_run(archive))
    assert catalog.show("a.tif")[0]["content"]["format"] == "TIFF", "no header, so nothing to replace it by"


def test_a_size_that_was_recorded_wrong_is_the_bytes_own_once_they_are_read_again(catalog: Catalog) -> None:
    """Earlier versions recorded the size that a file had when it was listed, whatever was read."""
    archive, record = Archive(catalog), photo("a.tif")
    catalog.record_assets(archive.collection, [record], _new_run(archive))
    with catalog.engine.begin() as connection:
        connection.execute(sa.update(Content).values(size=3))
    assert not catalog.known(archive.collection, ["a.tif"]), "it is to be looked at again"
    headless = {"format": None, "width": None, "height": None, "bit_depth": None, "metadata": {}}
    for again in (replace(record, **headless, error="not the manifest's"), record):
        with catalog.engine.begin() as connection:
            connection.execute(sa.update(Content).values(size=3))
        catalog.record_assets(archive.collection, [again], _new_run(archive))
        content = catalog.show("a.tif")[0]["content"]
        assert content is not None
        assert (content["size"], content["format"], content["width"]) == (5, "TIFF", 40)
        assert content["metadata"] == {"exif": {"Model": "Epson"}}
    assert set(catalog.known(archive.collection, ["a.tif"])) == {"a.tif"}


def test_events_of_ingest_are_told_once(catalog: Catalog) -> None:
    archive = Archive(catalog)
    at = datetime(1999, 12, 31, 23, 59, tzinfo=UTC)
    check = EventRecord(EventType.FIXITY_CHECK, at, detail={"manifest": "m.txt"}, agent="oldphoto 9.9")
    record = replace(photo("a.tif"), events=(check,))
    for _ in range(2):
        catalog.record_assets(archive.collection, [record], _new_run(archive))
    told = [event for event in catalog.show("a.tif")[0]["events"] if event["type"] == "fixity check"]
    assert [(event["at"], event["agent"]) for event in told] == [(at, "oldphoto 9.9")]


HOSTILE = [
    "Robert'); DROP TABLE asset;--.tif",
    'quote"s.tif',
    "back\\slash.tif",
    "new\nline.tif",
    "tab\t.tif",
    "%s %(x)s :name ? $1.tif",
    "100%_LIKE_.tif",
    "Ünïcode/日本語/🎞️.tif",
    "e\u0301 and \u00e9.tif",
    "right\u202eto left.tif",
    "=cmd|' /C calc'!A0.tif",
    "../../etc/passwd",
    " leading and trailing ",
    "\x1b[31mred.tif",
    "k" * 2048,
]


def test_hostile_keys_pass_through(catalog: Catalog) -> None:
    archive = Archive(catalog)
    run = _new_run(archive)
    catalog.record_assets(archive.collection, [photo(key) for key in HOSTILE], run)
    assert set(catalog.known(archive.collection, HOSTILE)) == set(HOSTILE)
    catalog.plan(archive.collection, archive.recipe, run)
    handed = archive.work(run)
    assert {item.key for item in handed} == set(HOSTILE)
    for key in HOSTILE:
        assert [row["key"] for row in catalog.show(key)] == [key]


def test_keys_are_in_order_of_code_points(catalog: Catalog) -> None:
    archive = Archive(catalog)
    keys = ["B.tif", "a.tif", "É.tif", "_.tif", "a-b.tif", "a/b.tif", "Z/a.tif", "ä.tif", "10.tif", "9.tif"]
    catalog.record_assets(archive.collection, [photo(key) for key in keys], _new_run(archive))
    with catalog.engine.connect() as connection:
        assert connection.scalars(sa.select(Asset.key).order_by(Asset.key)).all() == sorted(keys)


@pytest.mark.parametrize("key", ["", "nul\x00.tif", "caf\udce9.tif", "k" * 2049, "é" * 1025])
def test_keys_that_no_database_holds_are_refused_at_once(key: str) -> None:
    with pytest.raises(UnstorableKeyError):
        AssetRecord(key, "file:///x", 1, "mark", digest("x"))


def test_metadata_that_json_cannot_hold(catalog: Catalog) -> None:
    archive = Archive(catalog)
    odd: Any = {"nul": "a\x00b", "nan": float("nan"), "half": "\udce9", 7: [float("inf"), (1, b"x")]}
    record = replace(photo("a.tif"), metadata=odd, warnings=("bad\x00tag",))
    catalog.record_assets(archive.collection, [record], _new_run(archive))
    content = catalog.show("a.tif")[0]["content"]
    assert content["metadata"] == {"nul": "a\ufffdb", "nan": None, "half": "\ufffd", "7": [None, [1, "b'x'"]]}
    assert content["warnings"] == ["bad\ufffdtag"]


def test_only_the_runs_own_listing_can_grow(catalog: Catalog) -> None:
    archive, other = Archive(catalog), Archive(catalog, name="prints")
    run, _ = archive.start([photo("a.tif")])
    with pytest.raises(CatalogUseError, match="already planned"):
        catalog.record_assets(archive.collection, [photo("b.tif")], run)
    with pytest.raises(CatalogUseError, match="not a run of"):
        catalog.record_assets(other.collection, [photo("b.tif")], _new_run(archive))
    with pytest.raises(CatalogUseError, match="not a run of"):
        catalog.record_assets(archive.collection, [photo("b.tif")], 12345)
    assert table_sizes(catalog)["asset"] == 1, "a refused batch leaves nothing behind"


def test_the_databases_enforce_their_references(catalog: Catalog) -> None:
    row = {"asset_id": 77, "uri": "x", "size": 1, "modified": "", "first_seen": _NOON, "last_seen": _NOON}
    with catalog.engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(sa.insert(Location), [row])


_NOON = datetime(2024, 5, 31, 12, tzinfo=UTC)


def test_instants_are_utc_and_aware(catalog: Catalog) -> None:
    row = {"sha256": digest("x"), "size": 1, "metadata": {}, "warnings": []}
    with catalog.engine.begin() as connection:
        connection.execute(sa.insert(Content), [{**row, "created_at": _NOON.astimezone()}])
        found = connection.execute(sa.select(Content.created_at)).scalar_one()
        assert (found, found.tzinfo) == (_NOON, UTC)
        naive = {**row, "sha256": digest("y"), "created_at": datetime(2024, 5, 31)}
        with pytest.raises(sa.exc.StatementError, match="without time zone"):
            connection.execute(sa.insert(Content), [naive])
