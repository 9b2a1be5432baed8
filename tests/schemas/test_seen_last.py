"""Where a photo was seen last goes by the runs in their order: a clock may have been wrong for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from schemas import session
from schemas.fixity import MASTER
from schemas.ingest_records import AssetRecord
from schemas.repository import Catalog
from schemas.tables import Location
from tests.schemas.archive import Archive, done, photo, refused
from tests.schemas.test_relocation import rebuilt, take_back

AHEAD = datetime(2031, 1, 1, tzinfo=UTC)


def moved(record: AssetRecord) -> AssetRecord:
    return replace(record, uri=record.uri.replace("/masters/", "/new/"))


def _clock_was_ahead(catalog: Catalog) -> None:
    """Make what was seen so far have been seen while the clock was years ahead."""
    with session.write(catalog.engine) as connection:
        connection.execute(sa.update(Location).values(first_seen=AHEAD, last_seen=AHEAD))


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    """Seen at one place by a clock years ahead, then at another by one that is right; with trouble gone there."""
    archive = Archive(catalog)
    archive.run([photo("a.tif"), refused("b.tif")])
    _clock_was_ahead(catalog)
    archive.run([moved(photo("a.tif")), moved(photo("b.tif", "scanned again"))], done)
    return archive


def test_the_last_run_tells_where_a_photo_is(archive: Archive) -> None:
    catalog, new = archive.catalog, moved(photo("a.tif"))
    (row,) = catalog.show("a.tif")
    assert [place["uri"] for place in row["locations"]] == [new.uri, photo("a.tif").uri]
    known = catalog.known(archive.collection, ["a.tif"])["a.tif"]
    assert known.matches(new.uri, new.size, new.modified), "else every run reads every file again"
    (files, *_) = (one.files for one in catalog.fixity_photos() if one.key == "a.tif")
    assert [file.uri for file in files if file.role == MASTER] == [new.uri]


def test_the_view_and_the_lists_agree(archive: Archive) -> None:
    catalog = archive.catalog
    with session.read(catalog.engine) as connection:
        seen = set(connection.scalars(sa.text("SELECT uri FROM photos")))
    assert seen == {moved(photo(key)).uri for key in ("a.tif", "b.tif")}
    assert catalog.flagged(outcome="quarantined") == [], "the file is replaced: that trouble is over"
    again = moved(photo("b.tif", "scanned again"))
    run = catalog.start_run(None, archive.collection, archive.recipe, {})
    assert catalog.record_assets(archive.collection, [again], run).changed == 0


def test_a_place_that_only_a_sidecar_tells_of_goes_behind_those_that_a_run_saw(catalog: Catalog) -> None:
    """A destination of long ago comes back, whose files have the time of their copying."""
    archive = Archive(catalog)
    archive.run([photo("a.tif")])
    long_ago = Archive(catalog, settings={"tier": "conserved"})
    place = moved(photo("a.tif")).uri
    take_back(long_ago, [rebuilt(long_ago, "a.tif", "/new", uri=place, prefix="recipes/x/")])
    (row,) = catalog.show("a.tif")
    assert [one["uri"] for one in row["locations"]] == [photo("a.tif").uri, place]
