"""Laws of the queue: the gravest first, filters and pages agree, and a search minds neither capitals nor accents."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from schemas.errors import CatalogUseError
from schemas.repository import Catalog
from schemas.review_records import QueueFilter, QueueOrder, QueueRow, Standing
from schemas.session import create_engine
from tests.schemas.archive import Archive, digest, done, flag, photo
from tests.schemas.conftest import PostgresServer
from tests.schemas.to_review import EVERYTHING, approve, keys_of, row_of, to_review


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    return to_review(catalog)


def test_the_queue_shows_the_gravest_first(archive: Archive) -> None:
    assert keys_of(archive.catalog, QueueFilter()) == ["05", "08", "07", "06", "04", "03"]
    assert keys_of(archive.catalog, EVERYTHING) == ["05", "08", "07", "06", "04", "03", "02", "01"]
    row = row_of(archive, "05.tif")
    assert (row.severity, row.sha256, row.decision) == ("serious", digest("05.tif"), Standing.UNDECIDED)
    assert row.output_sha256 == digest(row.restored or "")
    assert [one.code for one in row.flags] == ["everything-masked", "mask-share"]
    assert row_of(archive, "01.tif").output_sha256 == digest("01.tif"), "what needed nothing is the master"


def test_filters_of_the_queue(archive: Archive) -> None:
    catalog = archive.catalog
    assert keys_of(catalog, QueueFilter(severity="serious")) == ["05"]
    by_value = QueueFilter(flag="mask-share", order=QueueOrder.VALUE)
    assert keys_of(catalog, by_value) == ["08", "07", "06", "05", "04", "03"]
    assert catalog.review_queue(by_value).rows[0].value == 0.08
    bounded = QueueFilter(flag="mask-share", minimum=0.04, maximum=0.06)
    assert keys_of(catalog, bounded) == ["06", "05", "04"]
    assert keys_of(catalog, QueueFilter(text="7.T")) == ["07"]
    assert keys_of(catalog, QueueFilter(text="%")) == []
    assert keys_of(catalog, QueueFilter(run=999)) == []
    assert len(keys_of(catalog, QueueFilter(collection=archive.name))) == 6
    for wrong in (
        QueueFilter(order=QueueOrder.VALUE),
        QueueFilter(minimum=0.1),
        QueueFilter(severity="grave"),
        QueueFilter(collection="nowhere"),
    ):
        with pytest.raises(CatalogUseError):
            catalog.review_queue(wrong)
    with pytest.raises(CatalogUseError, match="not a place"):
        catalog.review_queue(after="'; DROP TABLE review; --")


def test_a_notice_is_a_flag_as_well(catalog: Catalog) -> None:
    notice = flag("detector-uncertainty", 0.06, "notice")
    Archive(catalog).run(
        [photo("a.tif"), photo("b.tif")],
        lambda item: done(item, flags=(notice,) if item.key == "a.tif" else ()),
    )
    assert [row.key for row in catalog.review_queue().rows] == ["a.tif"]
    assert [row["key"] for row in catalog.flagged()] == ["a.tif"]


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(
    "wanted",
    [
        QueueFilter(),
        EVERYTHING,
        QueueFilter(text="tif"),
        QueueFilter(flag="mask-share", order=QueueOrder.VALUE),
    ],
)
def test_pages_of_the_queue_join(archive: Archive, size: int, wanted: QueueFilter) -> None:
    approve(archive, row_of(archive, "06.tif"))
    whole = archive.catalog.review_queue(wanted).rows
    pages: list[QueueRow] = []
    after = None
    while True:
        page = archive.catalog.review_queue(wanted, after=after, limit=size)
        pages += page.rows
        after = page.next
        if after is None:
            break
    assert tuple(pages) == whole


@pytest.mark.parametrize("text", ["ÖLBERG", "ölberg", "Ölberg", "lberg", "O\u0308LBERG", "žižkov", "ŽIŽKOV"])
def test_searching_makes_no_difference_between_capitals_or_ways_to_write_an_accent(
    catalog: Catalog, text: str
) -> None:
    """One key composed as Linux writes it, one decomposed as a Mac does."""
    keys = ["album/Ölberg, Žižkov.tif", "album/O\u0308lberg, Z\u030ciz\u030ckov.tif", "album/other.tif"]
    Archive(catalog).run([photo(key) for key in keys], lambda item: done(item, flags=(flag("a", 1.0),)))
    found = {row.key for row in catalog.review_queue(QueueFilter(text=text)).rows}
    assert found == set(keys[:2])


@pytest.mark.parametrize("text", ["ΑΘΗΝΑΣ", "αθηνας", "αθηνασ", "ηνας_1"])
def test_a_sigma_is_found_wherever_its_word_ends(catalog: Catalog, text: str) -> None:
    """Greek writes it as ς at the end of a word; whether a word ends there depends on what follows."""
    keys = ["ΑΘΗΝΑΣ.tif", "αθηνας_1.tif", "ΑΘΗΝΑΣ_1.tif"]
    Archive(catalog).run([photo(key) for key in keys], lambda item: done(item, flags=(flag("a", 1.0),)))
    found = {row.key for row in catalog.review_queue(QueueFilter(text=text)).rows}
    assert found == set(keys[1:] if text.endswith("_1") else keys)


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "_", "/", "\\"])
def test_what_no_key_can_hold_is_looked_for_and_not_found(archive: Archive, text: str) -> None:
    assert archive.catalog.review_queue(QueueFilter(text=text)).rows == ()
    assert archive.catalog.review_queue(QueueFilter(flag=text)).rows == ()
    assert archive.catalog.account(text) is None
    assert archive.catalog.show(text) == []


def test_a_database_of_the_locale_c_finds_them_too(postgres: PostgresServer) -> None:
    engine = create_engine(postgres.url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS plain WITH (FORCE)"))
        connection.execute(
            sa.text(
                "CREATE DATABASE plain TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C' ENCODING 'UTF8'"
            )
        )
    engine.dispose()
    with Catalog.open(postgres.url_of("plain")) as catalog:
        Archive(catalog).run([photo("Ölberg.tif"), photo("a.tif")], done)
        for text in ("Ölberg", "ölberg", "O\u0308LBERG"):
            found = catalog.review_queue(QueueFilter(flagged_only=False, text=text)).rows
            assert [row.key for row in found] == ["Ölberg.tif"], text
