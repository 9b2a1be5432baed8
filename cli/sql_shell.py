"""A prompt for SQL that can only read: sqlite3 or psql where installed, else a small one of our own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

import typer

from cli.formats import Format, printable
from oldphoto_core.errors import UsageError

_PROMPT, _MORE = "catalog> ", "    ...> "
_PRAGMAS_THAT_READ = (
    *("table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"),
    *("foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "compile_options"),
    *("database_list", "collation_list", "function_list", "module_list", "pragma_list"),
)


def run_prompt(url: str) -> None:
    """Open a prompt on the catalog. Raises CatalogError, UsageError."""
    from schemas.repository import Catalog
    from schemas.urls import catalog_url

    with Catalog.open(url, create=False) as catalog:
        where = catalog_url(url)
        is_sqlite = where.get_backend_name() == "sqlite"
        program = shutil.which("sqlite3" if is_sqlite else "psql")
        if program is None or not sys.stdin.isatty():
            _own_prompt(catalog)
            return
    if is_sqlite:
        subprocess.run([program, "-readonly", "-header", "-box", str(where.database)], check=False)
        return
    address, more = psql_call(url)
    subprocess.run([program, address], check=False, env={**os.environ, **more})


def psql_call(url: str) -> tuple[str, dict[str, str]]:
    """Return the address that psql is given and the variables beside it.

    The password is among these: arguments can be seen by everybody on the machine.
    """
    from sqlalchemy import make_url

    from schemas.urls import split_password

    bare, password = split_password(url)
    more = {"PGOPTIONS": "-c default_transaction_read_only=on"}
    if password is not None:
        more["PGPASSWORD"] = password
    return make_url(bare).set(drivername="postgresql").render_as_string(), more


def run_statement(url: str, sql: str, form: Format) -> None:
    """Run one statement and print its rows. Raises CatalogError; UsageError for what only a writer may do."""
    from schemas.repository import Catalog

    with Catalog.open(url, create=False) as catalog:
        columns, rows = _read(catalog, sql)
    if form is Format.PARQUET:
        raise UsageError(
            "A statement is printed as table, json or csv. For Parquet: oldphoto catalog export."
        )
    _print(columns, rows, form)


def _own_prompt(catalog: Any) -> None:
    statement = ""
    while True:
        try:
            line = input((_MORE if statement else _PROMPT) if sys.stdin.isatty() else "")
        except EOFError:
            line = ""
            if not statement.strip():
                return
            statement += ";"
        if not statement and line.strip() in (".quit", ".exit", "\\q", "quit", "exit"):
            return
        statement += line + "\n"
        # Tells a finished statement from a semicolon inside a string.
        if not sqlite3.complete_statement(statement):
            continue
        try:
            _print(*_read(catalog, statement), Format.TABLE)
        except UsageError as error:
            typer.echo(f"oldphoto: {error}", err=True)
        statement = ""


def _read(catalog: Any, sql: str) -> tuple[list[str], list[Any]]:
    """Run one statement in a transaction in which the database itself refuses to write. Raises UsageError.

    The driver's own cursor is used: a colon or a percent sign is the user's, and no second statement (such as
    "COMMIT; DELETE …") gets through. SQLite's driver takes one only, PostgreSQL prepares one only.
    """
    engine = catalog.engine
    is_sqlite = engine.dialect.name == "sqlite"
    one_only = {} if is_sqlite else {"prepare": True}
    with engine.execution_options(catalog_reads=True).connect() as connection:
        driven = connection.connection.dbapi_connection
        cursor = driven.cursor()
        try:
            cursor.execute("PRAGMA query_only = ON" if is_sqlite else "SET TRANSACTION READ ONLY")
            if is_sqlite:
                driven.set_authorizer(_may_run)
            cursor.execute(sql, **one_only)
            if cursor.description is None:
                return [], []
            columns = [column[0] for column in cursor.description]
            return columns, [[_plain(value) for value in row] for row in cursor.fetchall()]
        except engine.dialect.dbapi.Error as error:
            raise UsageError(str(error).strip().splitlines()[0]) from None
        finally:
            cursor.close()
            connection.rollback()
            # The connection goes back into the pool; it is not given to others as it is now.
            connection.invalidate()


def _may_run(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Tell SQLite what else is refused: it reckons neither other files nor its settings as writing."""
    is_setting = action == sqlite3.SQLITE_PRAGMA and first not in _PRAGMAS_THAT_READ
    if is_setting or action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _plain(value: Any) -> Any:
    """Return what our formats can print: sums of PostgreSQL are Decimals, a BLOB is bytes."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    known = (str, int, float, datetime, list, dict)
    return value if value is None or isinstance(value, known) else str(value)


def _print(columns: list[str], rows: list[Any], form: Format) -> None:
    from cli.formats import json_lines
    from schemas.cells import cell_text, csv_cell

    if form is Format.JSON:
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise UsageError(f"JSON has room for one {twice[0]!r} only. Name the columns apart: … AS name")
        typer.echo(json_lines([dict(zip(columns, row, strict=True)) for row in rows]), nl=False)
        return
    if form is Format.CSV:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows([csv_cell(value) for value in row] for row in rows)
        return
    typer.echo("\t".join(columns))
    for row in rows:
        typer.echo("\t".join(printable(cell_text(value)) for value in row))
