"""The migrations make exactly the tables that the models describe, can be undone, and guard each other."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from schemas import session
from schemas.errors import CatalogUnavailableError, CatalogVersionError
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, Standing
from schemas.tables import Base
from schemas.totals import STATS
from tests.schemas.archive import Archive, failed, full, photo, refused
from tests.schemas.conftest import PostgresServer
from tests.schemas.history import eventful, told, unlike, write_at
from tests.schemas.test_tallies import assert_true


def _tables(url: str) -> set[str]:
    engine = session.create_engine(url)
    try:
        return set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_up_down_up(empty_url: str) -> None:
    session.upgrade(empty_url)
    assert _tables(empty_url) == set(Base.metadata.tables)
    session.downgrade(empty_url, "base")
    assert _tables(empty_url) == set()
    session.upgrade(empty_url)
    assert _tables(empty_url) == set(Base.metadata.tables)


def test_the_models_are_the_migrated_tables(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrated_tables_have_the_models_checks_and_partial_indexes(catalog: Catalog) -> None:
    # Alembic does not compare these.
    inspector = sa.inspect(catalog.engine)
    for table in Base.metadata.sorted_tables:
        wanted = {str(one.name) for one in table.constraints if isinstance(one, sa.CheckConstraint)}
        assert {str(one["name"]) for one in inspector.get_check_constraints(table.name)} == wanted
    indexes = {str(one["name"]): one for one in inspector.get_indexes("work_item")}
    where = indexes["ix_work_item_troubled"]["dialect_options"][f"{catalog.engine.dialect.name}_where"]
    assert "state" in str(where)
    assert "quarantined" in str(where)


def test_an_older_catalog_is_counted_and_queued(empty_url: str) -> None:
    with Catalog.open(empty_url) as catalog:
        archive = Archive(catalog)
        archive.run([photo("a.tif"), photo("b.tif"), refused("c.txt")], full)
        archive.run([photo("d.tif")], failed)
        told = [catalog.flagged(), catalog.queue_counts(), catalog.review_queue().rows]
        told += [catalog.stats(by) for by in STATS]
    session.downgrade(empty_url, "0001")
    with Catalog.open(empty_url) as catalog:
        again = [catalog.flagged(), catalog.queue_counts(), catalog.review_queue().rows]
        again += [catalog.stats(by) for by in STATS]
    assert again == told


def test_an_older_catalog_is_told_which_results_were_replaced(empty_url: str) -> None:
    with Catalog.open(empty_url) as catalog:
        for tier in ("conserved", "enhanced"):
            Archive(catalog, settings={"tier": tier}).run([photo("a.tif"), photo("b.tif")], full)
        row = catalog.review_queue(QueueFilter(decision=Standing.REPLACED)).rows[0]
        catalog.decide(row.item_id, Decision.APPROVE, "", "ada", row.output_sha256, None)
        told = [catalog.flagged(), catalog.queue_counts(QueueFilter(decision=None)), catalog.stats("flag")]
    session.downgrade(empty_url, "0004")
    with Catalog.open(empty_url) as catalog:
        again = [catalog.flagged(), catalog.queue_counts(QueueFilter(decision=None)), catalog.stats("flag")]
        assert len(catalog.review_queue(QueueFilter(decision=Standing.REPLACED)).rows) == 1
    assert again == told


@pytest.fixture(scope="module")
def histories(new_catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Catalogs of this version with a history, with and without what people did in it."""
    paths = {reviewed: tmp_path_factory.mktemp("history") / "catalog.db" for reviewed in (False, True)}
    for reviewed, path in paths.items():
        shutil.copy(new_catalog, path)
        with Catalog.open(f"sqlite:///{path}") as catalog:
            eventful(catalog, reviewed=reviewed)
    return paths


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006"])
def test_a_history_is_told_alike_whichever_program_began_it(
    histories: dict[bool, Path], revision: str, empty_url: str, tmp_path: Path
) -> None:
    """An upgraded catalog says what one does that was of this version all the time; and goes on like it."""
    fresh = tmp_path / "fresh.db"
    # The first tables held no reviews.
    shutil.copy(histories[revision > "0001"], fresh)
    with Catalog.open(f"sqlite:///{fresh}") as catalog:
        write_at(revision, empty_url, catalog)
        with Catalog.open(empty_url) as upgraded:
            assert unlike(told(upgraded), told(catalog)) == {}
            for one in (catalog, upgraded):
                with_a_new_scan = [photo("b.tif", "scanned again"), photo("a.tif"), photo("f.tif")]
                Archive(one).run(with_a_new_scan, full)
                assert_true(one)
                assert one.verify_audit().problem is None
            assert unlike(_timeless(told(upgraded)), _timeless(told(catalog))) == {}


def _timeless(value: Any) -> Any:
    """Without instants, which no two runs share, and without the order that a database gives."""
    if isinstance(value, dict):
        return {name: _timeless(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return sorted((_timeless(one) for one in value), key=str)
    return None if isinstance(value, datetime) else value


def test_opening_twice_changes_nothing(empty_url: str) -> None:
    with Catalog.open(empty_url) as first:
        number = first.collection_id("plates")
    with Catalog.open(empty_url) as second:
        assert second.collection_id("plates") == number


def test_a_catalog_of_a_newer_program_is_refused(empty_url: str) -> None:
    with Catalog.open(empty_url) as catalog, catalog.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for create in (True, False):
        with pytest.raises(CatalogVersionError, match="newer oldphoto"):
            Catalog.open(empty_url, create=create)


def test_reading_needs_a_catalog(empty_url: str) -> None:
    with pytest.raises(CatalogUnavailableError, match=r"no (oldphoto )?catalog"):
        Catalog.open(empty_url, create=False)


def test_reading_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(CatalogUnavailableError, match=r"none\.db"):
        Catalog.open(f"sqlite:///{path}", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_text("Dear diary, " * 100)
    for create in (True, False):
        with pytest.raises(CatalogUnavailableError, match="not a database"):
            Catalog.open(f"sqlite:///{path}", create=create)
    assert path.read_text().startswith("Dear diary")


def test_a_damaged_file_can_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog.open(f"sqlite:///{path}").close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xee" * (len(whole) - 8192))
    for create in (True, False):
        with pytest.raises(CatalogUnavailableError, match="oldphoto catalog rebuild"):
            Catalog.open(f"sqlite:///{path}", create=create).flagged()


def test_a_catalog_that_may_not_be_written_is_to_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog.open(f"sqlite:///{path}").close()
    engine = session.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true")
    with (
        pytest.raises(CatalogUnavailableError, match=r"readonly.*name the copy"),
        session.write(engine) as connection,
    ):
        connection.execute(sa.text("DELETE FROM asset"))
    engine.dispose()


def test_a_catalog_beside_which_nothing_can_be_written_is_to_be_copied(tmp_path: Path) -> None:
    """As on a disk that is mounted read-only; here something else has the name of what SQLite would write."""
    path = tmp_path / "catalog.db"
    Catalog.open(f"sqlite:///{path}").close()
    (tmp_path / "catalog.db-wal").mkdir()
    with pytest.raises(CatalogUnavailableError, match=r"unable to open.*name the copy"):
        Catalog.open(f"sqlite:///{path}", create=False)


def test_of_a_full_disk_it_is_said_that_it_is_full(tmp_path: Path) -> None:
    engine = session.create_engine(f"sqlite:///{tmp_path / 'catalog.db'}", create=True)
    sa.event.listen(engine, "connect", lambda one, record: one.execute("PRAGMA max_page_count = 3"))
    with (
        pytest.raises(CatalogUnavailableError, match=r"disk is full\. Free some space"),
        session.write(engine) as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE too_much AS SELECT zeroblob(100000) AS one")
    engine.dispose()


@pytest.mark.integration
def test_a_role_that_may_make_no_tables(postgres: PostgresServer) -> None:
    owner = session.create_engine(postgres.empty())
    with owner.begin() as connection:
        connection.execute(sa.text("CREATE ROLE museum LOGIN"))
        connection.execute(sa.text("GRANT USAGE ON SCHEMA public TO museum"))
    url = postgres.url.replace("archive@", "museum@")
    with pytest.raises(CatalogUnavailableError, match="permission denied") as caught:
        Catalog.open(url)
    (remedy,) = re.findall(r"GRANT ALL ON SCHEMA public TO \S+(?=\.)", str(caught.value))
    with owner.begin() as connection:
        connection.execute(sa.text(remedy))
    owner.dispose()
    with Catalog.open(url) as catalog:
        assert catalog.runs() == []


@pytest.mark.integration
def test_views_of_somebodys_own_are_named_when_they_are_in_the_way(postgres: PostgresServer) -> None:
    url = postgres.empty()
    session.upgrade(url, "0004")
    engine = session.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW for_the_website AS SELECT key FROM results"))
    with pytest.raises(CatalogUnavailableError, match="view for_the_website depends on view results"):
        Catalog.open(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP VIEW for_the_website"))
    engine.dispose()
    Catalog.open(url).close()


@pytest.mark.integration
def test_views_of_somebodys_own_stay_where_a_view_of_ours_keeps_its_columns(postgres: PostgresServer) -> None:
    url = postgres.empty()
    session.upgrade(url, "0006")
    engine = session.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW for_the_website AS SELECT key FROM photos"))
    Catalog.open(url).close()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT * FROM for_the_website")).all() == []
    engine.dispose()


@pytest.mark.parametrize("who", ["me:secret@/catalog?", "/catalog?user=me&password=secret&"])
def test_no_server_and_no_password_in_the_message(who: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogUnavailableError) as caught:
        Catalog.open(f"postgresql://{who}host={tmp_path}&connect_timeout=2")
    assert "secret" not in str(caught.value)
    assert "cannot be used" in str(caught.value)


@pytest.mark.integration
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_name_is_told_with_the_remedy(
    postgres: PostgresServer, encoding: str
) -> None:
    """A cluster made without a locale (``LANG=C initdb``) has such databases."""
    engine = session.create_engine(postgres.url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS narrow WITH (FORCE)"))
        settings = f"LOCALE_PROVIDER libc LOCALE 'C' ENCODING '{encoding}'"
        connection.execute(sa.text(f"CREATE DATABASE narrow TEMPLATE template0 {settings}"))
    engine.dispose()
    with pytest.raises(CatalogUnavailableError, match=f"{encoding}.*CREATE DATABASE .* 'UTF8'"):
        Catalog.open(postgres.url_of("narrow"))


def test_sqlite_is_opened_safely(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'folder' / 'catalog.db'}"
    with Catalog.open(url) as catalog, catalog.engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1
        assert int(connection.scalar(sa.text("PRAGMA busy_timeout")) or 0) >= 10_000
