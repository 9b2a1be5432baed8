"""Whole tables and views as Parquet or CSV: streamed from the database to the file, a batch at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import sqlalchemy as sa
from sqlalchemy import Connection, FromClause

from schemas.cells import csv_cell, json_text
from schemas.errors import CatalogUseError
from schemas.tables import Account, Base, DeskSession, DeskStep
from schemas.types import FiniteFloat, SafeJson, UtcDateTime
from schemas.views import VIEWS

BATCH = 5_000
"""Rows that are in memory at a time."""


@dataclass(frozen=True)
class TableFile:
    """A file that was written, and how many rows it has."""

    path: Path
    rows: int


def views() -> dict[str, FromClause]:
    """Return the documented views by name."""
    return dict(VIEWS)


def tables() -> dict[str, FromClause]:
    """Return every table by name; accounts without their passwords, and nobody's sessions."""
    passing = (DeskSession.__tablename__, DeskStep.__tablename__)
    found: dict[str, FromClause] = {
        table.name: table for table in Base.metadata.sorted_tables if table.name not in passing
    }
    account = Account.__table__
    shown = [column for column in account.c if column.name != "password_hash"]
    found["account"] = sa.select(*shown).subquery("account")
    return found


def write_all(
    connection: Connection,
    sources: dict[str, FromClause],
    folder: Path,
    form: str,
    *,
    on_progress: Callable[[str], None] = lambda name: None,
) -> list[TableFile]:
    """Write ``<name>.parquet`` or ``<name>.csv`` for each source into a folder, which is made if missing.

    Nothing is overwritten. Raises CatalogUseError for an unknown form or a file that is there already;
    OSError where the folder cannot be written to.
    """
    write = {"parquet": _write_parquet, "csv": _write_csv}.get(form)
    if write is None:
        raise CatalogUseError(f"no tables are written as {form!r} (one of parquet, csv)")
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.{form}" for name in sources}
    for path in paths.values():
        if path.exists():
            raise CatalogUseError(f"{path} is there already; export into a new folder")
    written = []
    for name, source in sources.items():
        on_progress(name)
        partial = paths[name].with_suffix(".part")
        try:
            rows = write(connection, source, partial)
            partial.rename(paths[name])
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
        written.append(TableFile(paths[name], rows))
    return written


def _batches(connection: Connection, source: FromClause) -> Iterator[Sequence[Any]]:
    query = sa.select(source).execution_options(stream_results=True, yield_per=BATCH)
    with connection.execute(query) as result:
        yield from result.partitions(BATCH)


def _write_parquet(connection: Connection, source: FromClause, path: Path) -> int:
    schema = pa.schema([(column.name, _arrow_type(column.type)) for column in source.c])
    documents = {column.name for column in source.c if isinstance(column.type, SafeJson)}
    rows = 0
    # A relative path may look like an address: `s3:1910`.
    with parquet.ParquetWriter(path.absolute(), schema) as writer:
        for batch in _batches(connection, source):
            columns = []
            for place, field in enumerate(schema):
                values = [row[place] for row in batch]
                if field.name in documents:
                    values = [None if value is None else json_text(value) for value in values]
                columns.append(pa.array(values, type=field.type))
            writer.write_batch(pa.record_batch(columns, schema=schema))
            rows += len(batch)
    return rows


def _write_csv(connection: Connection, source: FromClause, path: Path) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow([column.name for column in source.c])
        for batch in _batches(connection, source):
            writer.writerows([csv_cell(value) for value in row] for row in batch)
            rows += len(batch)
    return rows


def _arrow_type(kind: Any) -> pa.DataType:
    if isinstance(kind, UtcDateTime):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, sa.Boolean):
        return pa.bool_()
    if isinstance(kind, sa.Integer):
        return pa.int64()
    if isinstance(kind, FiniteFloat | sa.Float):
        return pa.float64()
    return pa.string()
