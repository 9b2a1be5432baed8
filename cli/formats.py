"""Printing query rows: a table for people, JSON for programs, CSV for spreadsheets, Parquet for analysis.

A key may hold anything a file name may: terminal control sequences, spreadsheet formulas, markup. Tables show
control characters as pictures of themselves, CSV cells that a spreadsheet would run are quoted as text.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from oldphoto_core.errors import StorageError, UsageError
from schemas.cells import cell_text, csv_cell, json_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

Row = Mapping[str, Any]

_PICTURES = {**{code: 0x2400 + code for code in range(32)}, 0x7F: 0x2421}
_PICTURES |= dict.fromkeys(range(128, 160), 65533)


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def chosen_format(form: Format, as_json: bool) -> Format:
    """Return what ``--format`` and ``--json`` ask for together. Raises UsageError where they disagree."""
    if as_json and form not in (Format.TABLE, Format.JSON):
        raise UsageError(f"--json and --format {form} exclude each other")
    return Format.JSON if as_json else form


def print_rows(
    rows: Sequence[Row],
    *,
    query: str,
    form: Format,
    output: Path | None,
    table_columns: Sequence[str],
) -> None:
    """Write rows to ``output``, or to standard output.

    Args:
        rows: what a query returned.
        query: the query's name in schemas.arrow: it decides the columns of CSV and Parquet.
        form: the format.
        output: a file that is made or replaced.
        table_columns: the columns of a table, which has no room for all.

    Raises:
        UsageError: Parquet to a terminal.
        StorageError: the file cannot be written.
    """
    if form is Format.PARQUET:
        _write_parquet(rows, query, output)
    elif form is Format.TABLE:
        with text_stream(output) as stream:
            _print_table(rows, table_columns, stream)
    else:
        text = json_lines(rows) if form is Format.JSON else csv_text(rows, query)
        with text_stream(output) as stream:
            stream.write(text)


def json_lines(rows: Sequence[Row]) -> str:
    """Return rows as a JSON list, one object a line; instants in ISO 8601."""
    if not rows:
        return "[]\n"
    return "[\n" + ",\n".join(json_line(row) for row in rows) + "\n]\n"


def csv_text(rows: Sequence[Row], query: str) -> str:
    """Return rows as CSV with a header; nested values are JSON text in their cell."""
    from schemas.arrow import columns

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    names = columns(query)
    writer.writerow(names)
    for row in rows:
        writer.writerow([csv_cell(row.get(name)) for name in names])
    return buffer.getvalue()


def printable(text: str) -> str:
    """Return text that cannot move a terminal's cursor or change its colours."""
    return text.translate(_PICTURES)


def short(name: str, value: Any) -> str:
    """Return a value as people read it: few digits, local time, no control characters."""
    if name == "flags" and isinstance(value, list):
        return ", ".join(f"{flag['code']} {short('', flag['value'])}".strip() for flag in value)
    if name == "recipe" and value:
        return str(value)[:12]
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return printable(cell_text(value))


def _print_table(rows: Sequence[Row], columns: Sequence[str], stream: IO[str]) -> None:
    """Print a ruled table on a terminal; elsewhere one line a row, cells apart by tabs."""
    if not stream.isatty():
        stream.write("\t".join(columns) + "\n")
        for row in rows:
            stream.write("\t".join(short(name, row.get(name)) for name in columns) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    console = console_on(stream)
    if not rows:
        console.print("nothing found", style="dim")
        return
    table = Table()
    for name in columns:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(short(name, row.get(name))) for name in columns))
    console.print(table)


def console_on(stream: IO[str]) -> Console:
    """Return a console that wraps on a terminal; elsewhere a line is a line, however long."""
    from rich.console import Console

    width = None if stream.isatty() else 100_000
    return Console(file=stream, highlight=False, markup=False, width=width)


def _write_parquet(rows: Sequence[Row], query: str, output: Path | None) -> None:
    import pyarrow.parquet as parquet

    from schemas.arrow import to_table

    if output is None and sys.stdout.isatty():
        raise UsageError("Parquet is not for a terminal. Name a file with --output, or use a pipe.")
    table = to_table(query, rows)
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    if output is None:
        sys.stdout.buffer.write(buffer.getvalue())
        sys.stdout.buffer.flush()
        return
    with _explained(output):
        output.write_bytes(buffer.getvalue())


@contextmanager
def text_stream(output: Path | None) -> Iterator[IO[str]]:
    """Yield the file, made or replaced, or standard output. Raises StorageError."""
    if output is None:
        yield sys.stdout
        return
    with _explained(output), output.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{output} cannot be written: {error.strerror}. Choose another --output."
        ) from error
