"""What SQLite needs before a file is a catalog: a look whose file it is, then settings and transactions.

SQLite keeps the journal's kind in the file for good, and makes tables wherever it is told to. So whose the file is
comes first: a file of another program (``--catalog Lightroom.lrcat``) is read and left as it was.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from sqlalchemy import Connection

from schemas.errors import CatalogForeignError, CatalogUnavailableError
from schemas.folding import SQLITE_FUNCTION, fold

BUSY_SECONDS = 60
"""How long a SQLite writer waits for another one before it gives up."""
OURS = {"alembic_version", "work_item", "run_input"}
"""Tables that a catalog of every version has, and together nobody else's database."""
_NAMED = 3


class OpenedFile:
    """The file behind an engine, which has to stay the one that was opened first.

    Deleted or replaced, it would be written on without a word until its last connection closes, and be gone then.
    """

    def __init__(self, path: str | None, where: str) -> None:
        # A database in memory has no file, and nothing is ever found under its name.
        self._path = os.path.abspath(path or ":memory:")
        self._where = where
        self._opened: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise CatalogUnavailableError where another file, or none, has the name of the one that was opened."""
        found = self._identity()
        if self._opened is None:
            self._opened = found
        elif found != self._opened:
            raise CatalogUnavailableError(
                f"the catalog {self._where} cannot be used: its file was moved, replaced or deleted while it was "
                "open. Put it back, or start again with what lies there now."
            )

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def prepare(connection: sqlite3.Connection, where: str, *, create: bool) -> None:
    """Make a new connection to the file ``where`` ready; with ``create`` a file without tables becomes a catalog.

    Raises:
        CatalogForeignError: the tables in the file are another program's.
    """
    connection.create_function(SQLITE_FUNCTION, 1, fold, deterministic=True)
    # The driver's own way of opening transactions is switched off: see `begin`.
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = NORMAL")
        if _is_catalog(cursor, where) or create:
            cursor.execute("PRAGMA journal_mode = WAL")


def begin(connection: Connection) -> None:
    """Begin a transaction."""
    # One that reads first and writes later can fail at once with "database is locked", however long the timeout.
    # Taking the write lock at the start makes writers queue instead.
    reading = connection.get_execution_options().get("catalog_reads", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _is_catalog(cursor: sqlite3.Cursor, where: str) -> bool:
    """Return whether there are tables of ours; False for no tables at all. Raises CatalogForeignError."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    tables = {name for (name,) in cursor.execute(query)}
    theirs = sorted(tables - OURS)
    if theirs and not tables >= OURS:
        named = ", ".join(theirs[:_NAMED]) + (", …" if len(theirs) > _NAMED else "")
        raise CatalogForeignError(
            f"{where} is another program's database (its tables: {named}); nothing was changed in it. Name another "
            "file with --catalog; if it is called catalog.db and lies in a destination, it is in the way there."
        )
    return tables >= OURS
