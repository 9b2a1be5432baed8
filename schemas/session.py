"""Opening a catalog: URLs, engines, transactions, and bringing its tables to this program's version.

SQLite (WAL, foreign keys enforced, one writer that others wait for) and PostgreSQL are used through the
same code; what differs between them is settled here, in :mod:`schemas.sqlite_files` and in :mod:`schemas.types`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError

from schemas import sqlite_files
from schemas.errors import (
    CatalogError,
    CatalogForeignError,
    CatalogMissingError,
    CatalogUnavailableError,
    CatalogVersionError,
)
from schemas.undisturbed import Undisturbed
from schemas.urls import catalog_url, shown

MIGRATIONS = Path(__file__).with_name("migrations")

_MIGRATION_LOCK = 0x6F6C6470686F746F
"""Advisory lock of PostgreSQL held while tables are made or changed ("oldphoto" in ASCII)."""

_INSUFFICIENT_PRIVILEGE = "42501"
"""What PostgreSQL calls "permission denied"."""

_DEPENDENT_OBJECTS = "2BP01"
"""What PostgreSQL calls "other objects depend on it"."""

_DUPLICATE = "42P07"
"""What PostgreSQL calls "relation already exists"."""


def create_engine(text: str, *, create: bool = False) -> Engine:
    """Return an engine for the URL; nothing is opened yet. Raises CatalogUnavailableError.

    ``create``: a SQLite file without tables is to become a catalog; else it is left as it is.
    """
    url = catalog_url(text)
    try:
        engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() == "postgresql")
    except (NoSuchModuleError, ImportError) as error:
        raise CatalogUnavailableError(
            f"the database driver for {url.drivername} is missing ({error}). "
            "Install it with: pip install 'oldphoto[postgres]'"
        ) from error
    if engine.dialect.name == "sqlite":
        file = sqlite_files.OpenedFile(url.database, shown(url))

        def prepare(connection: Any, record: object) -> None:
            file.check()
            sqlite_files.prepare(connection, shown(url), create=create)

        def begin(connection: Connection) -> None:
            file.check()
            sqlite_files.begin(connection)

        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", begin)
    else:
        # First of all: the dialect itself trips over text that comes as bytes.
        event.listen(engine, "connect", _require_utf8, insert=True)
    return engine


def _require_utf8(connection: Any, record: object) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        raise CatalogUnavailableError(
            f"the database {name} has the encoding {encoding}, in which not every file's name can be kept. "
            f"Make one that has: CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"
        )


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes; commit at the end, roll back on an exception. A signal waits for its end."""
    with Undisturbed(), _explained(engine.url), engine.begin() as connection:
        yield connection


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads; it never waits for a writer. A signal waits for its end."""
    with (
        Undisturbed(),
        _explained(engine.url),
        engine.execution_options(catalog_reads=True).begin() as connection,
    ):
        yield connection


def open_engine(text: str, *, create: bool) -> Engine:
    """Return an engine for a catalog of this program's version; see ``Catalog.open``."""
    engine = create_engine(text, create=create)
    try:
        _prepare_file(engine.url, create=create)
        with _explained(engine.url):
            if create:
                _upgrade(engine)
            else:
                _require_current(engine)
    except CatalogError:
        engine.dispose()
        raise
    return engine


def upgrade(text: str, revision: str = "head") -> None:
    """Bring the tables at the URL up to a revision; a missing SQLite file is made. Raises CatalogError."""
    engine = create_engine(text, create=True)
    try:
        _prepare_file(engine.url, create=True)
        with _explained(engine.url):
            _upgrade(engine, revision)
    finally:
        engine.dispose()


def downgrade(text: str, revision: str) -> None:
    """Take the tables at the URL down to a revision (``base``: none). **Loses data.** Raises CatalogError."""
    engine = create_engine(text)
    try:
        _prepare_file(engine.url, create=False)
        with _explained(engine.url), _migrating(engine) as config:
            command.downgrade(config, revision)
    finally:
        engine.dispose()


def migrations() -> Config:
    """Return Alembic's configuration for the catalog's migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def head_revision() -> str | None:
    """Return the newest revision that this program knows."""
    return ScriptDirectory.from_config(migrations()).get_current_head()


def _upgrade(engine: Engine, revision: str = "head") -> None:
    if revision == "head" and _revision(engine) == head_revision():
        return
    with _migrating(engine) as config:
        _refuse_unknown(config.attributes["connection"])
        command.upgrade(config, revision)


@contextmanager
def _migrating(engine: Engine) -> Iterator[Config]:
    """Yield a configuration bound to one transaction that keeps every other migration out."""
    with Undisturbed(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config = migrations()
        config.attributes["connection"] = connection
        yield config


def _revision(engine: Engine) -> str | None:
    with engine.execution_options(catalog_reads=True).begin() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _require_current(engine: Engine) -> None:
    found = _revision(engine)
    where = shown(engine.url)
    if found is None:
        raise CatalogMissingError(
            f"{where} holds no oldphoto catalog. Check the URL, or run `oldphoto restore`."
        )
    if found != head_revision():
        with engine.execution_options(catalog_reads=True).begin() as connection:
            _refuse_unknown(connection)
        raise CatalogVersionError(
            f"the catalog {where} is of version {found}, this program needs {head_revision()}. "
            "Make a backup; then `oldphoto catalog rebuild` or `oldphoto review` upgrades it and restores nothing, "
            "as does the next `oldphoto restore` before it begins."
        )


def _refuse_unknown(connection: Connection) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()}
    if found is not None and found not in known:
        where = shown(connection.engine.url)
        if not sa.inspect(connection).has_table("work_item"):
            raise _foreign(connection.engine.url, "its alembic_version is not the catalog's")
        raise CatalogVersionError(
            f"the catalog {where} is of version {found}, which this program does not know. "
            "Install a newer oldphoto."
        )


def _prepare_file(url: URL, *, create: bool) -> None:
    """Make the folder of a SQLite file, or insist that the file exists (SQLite would make an empty one)."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return
    path = Path(str(url.database))
    if not create and not path.is_file():
        raise CatalogMissingError(
            f"there is no catalog at {path}. Name it with --catalog, or make one with `oldphoto restore`."
        )
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogUnavailableError(
                f"the folder of the catalog {path} cannot be made: {error.strerror}. "
                "Choose another with --catalog."
            ) from error
        if not os.access(path.parent, os.W_OK):
            raise CatalogUnavailableError(
                f"the folder {path.parent} cannot be written to. Choose another catalog with --catalog."
            )


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    """Turn "cannot connect", "locked", "damaged", "not allowed" into an error that names catalog and remedy."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _DUPLICATE:
            raise _foreign(url, str(error.orig).partition("\n")[0]) from error
        remedy = _remedy(error, url)
        if remedy is None:
            raise
        problem = str(error.orig).strip().splitlines()[0]
        raise CatalogUnavailableError(
            f"the catalog {shown(url)} cannot be used: {problem}. {remedy}"
        ) from error


def _foreign(url: URL, problem: str) -> CatalogForeignError:
    """Return the error for tables of another program where those of a catalog would be."""
    return CatalogForeignError(
        f"{shown(url)} holds tables of another program: {problem}. Nothing was changed. Give the catalog a database "
        "of its own: CREATE DATABASE oldphoto ENCODING 'UTF8' TEMPLATE template0"
    )


def _remedy(error: DBAPIError, url: URL) -> str | None:
    """Return what a person can do; None where a statement of ours is to blame."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    # On a disk that is mounted read-only it cannot open what it would write.
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return (
            "SQLite writes beside a catalog even to read it. Ask for leave to write the file and its folder, or copy "
            "the file to a folder of your own and name the copy."
        )
    if code == sqlite3.SQLITE_FULL:
        return "Free some space on its disk and try again."
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return (
            "Another program is writing to it (an open transaction in a database browser, a run). End that and try "
            "again."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            "The file is damaged, or no catalog. Move it away (with its -wal and -shm), then put a backup in its "
            "place or run `oldphoto catalog rebuild DESTINATION`."
        )
    if getattr(error.orig, "sqlstate", None) == _DEPENDENT_OBJECTS:
        return (
            "Views of your own stand on it, and an upgrade makes it anew. Keep their text (psql's \\d+ shows it), "
            "drop them, try again, and make them anew too. PostgreSQL's detail: "
            + str(error.orig).partition("DETAIL:")[2].partition("HINT:")[0].strip().replace("\n", "; ")
            + "."
        )
    if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
        role = f'"{url.username}"' if url.username else "the role"
        return (
            f"Make {role} the owner of the database {url.database}, or let its owner grant what is missing; "
            f"to make the tables it takes: GRANT ALL ON SCHEMA public TO {role}."
        )
    if isinstance(error, OperationalError):
        return "Check that its server or disk is there and try again."
    return None
