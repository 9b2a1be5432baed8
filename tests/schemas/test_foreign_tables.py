"""A catalog is made in an empty database and opened in its own: what belongs to another program stays as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas import session
from schemas.errors import CatalogForeignError, CatalogMissingError
from schemas.repository import Catalog
from tests.schemas.conftest import PostgresServer

PHOTOS = "CREATE TABLE photos_of_theirs (id INTEGER PRIMARY KEY, title TEXT)"
COLLIDING = "CREATE TABLE location (id INTEGER)"
MIGRATED = "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('5d0e'); "


def _file(path: Path, statements: str) -> bytes:
    """Make a SQLite file as another program does; return its bytes."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statements)
    return path.read_bytes()


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("statements", [PHOTOS, COLLIDING, MIGRATED + PHOTOS])
def test_another_programs_file_is_refused_and_not_changed(
    statements: str, create: bool, tmp_path: Path
) -> None:
    path = tmp_path / "Lightroom.lrcat"
    before = _file(path, statements)
    with pytest.raises(
        CatalogForeignError, match=r"Lightroom\.lrcat.*(photos_of_theirs|location).*--catalog"
    ):
        Catalog.open(f"sqlite:///{path}", create=create)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["Lightroom.lrcat"]


def test_reading_leaves_a_file_without_tables_as_it_is(tmp_path: Path) -> None:
    """As a creation that was killed at once leaves it; the next run makes the catalog there."""
    path = tmp_path / "catalog.db"
    for left in (b"", _file(path, "CREATE TABLE t (id INTEGER); DROP TABLE t")):
        path.write_bytes(left)
        with pytest.raises(CatalogMissingError, match="holds no oldphoto catalog"):
            Catalog.open(f"sqlite:///{path}", create=False)
        assert path.read_bytes() == left
        with Catalog.open(f"sqlite:///{path}") as catalog:
            assert catalog.runs() == []
        path.unlink()


def test_tables_of_somebodys_own_beside_ours_are_no_matter(empty_url: str) -> None:
    Catalog.open(empty_url).close()
    engine = session.create_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(sa.text(PHOTOS))
    engine.dispose()
    for create in (True, False):
        with Catalog.open(empty_url, create=create) as catalog:
            assert catalog.runs() == []


@pytest.mark.integration
def test_a_shared_schema_is_fine_until_a_table_collides(postgres: PostgresServer) -> None:
    engine = session.create_engine(postgres.empty())
    with engine.begin() as connection:
        connection.execute(sa.text(PHOTOS))
    Catalog.open(postgres.url).close()
    for statement in (COLLIDING, MIGRATED + PHOTOS):
        postgres.empty()
        with engine.begin() as connection:
            for one in statement.split(";"):
                connection.execute(sa.text(one))
        before = sa.inspect(engine).get_table_names()
        with pytest.raises(CatalogForeignError, match=r"another program.*CREATE DATABASE"):
            Catalog.open(postgres.url)
        assert sa.inspect(engine).get_table_names() == before
    engine.dispose()
