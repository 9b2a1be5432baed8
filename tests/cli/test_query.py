"""``oldphoto runs | flagged | show | stats``: formats, exit codes, and that nothing hostile gets through."""

from __future__ import annotations

import csv
import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner, Result

from cli.formats import Format, csv_cell, print_rows, printable
from cli.main import build_app
from cli.options import catalog_url
from cli.query import Group, parse_since
from flows.request import RestoreRequest
from oldphoto_core.errors import StorageError, UsageError
from schemas.errors import CatalogMissingError, CatalogUseError
from schemas.repository import Catalog
from tests.schemas.archive import Archive, digest, full, photo, refused

FORMULAS = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx"]
RED = "\x1b[31mred.tif"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A destination folder whose catalog holds a run over photos with awkward names."""
    folder = tmp_path_factory.mktemp("query") / "out"
    with Catalog.open(f"sqlite:///{folder / 'catalog.db'}") as catalog:
        keys = ["a.tif", *FORMULAS, RED, "[bold]x[/bold]"]
        Archive(catalog).run([*(photo(key) for key in keys), refused("notes.txt")], full)
    return folder


@pytest.fixture
def destination(filled: Path, tmp_path: Path) -> Path:
    """The same, the test's own: making a catalog takes longer than any test here."""
    return Path(shutil.copytree(filled, tmp_path / "out"))


def oldphoto(*arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(build_app(), words, env={"OLDPHOTO_CATALOG": ""})


def rows_of(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_flagged_as_json_has_what_is_promised(destination: Path) -> None:
    rows = rows_of(oldphoto("flagged", "--catalog", destination, "--format", "json"))
    assert len(rows) == 8
    for row in rows:
        assert {"key", "sha256", "outcome", "reason", "flags", "restored", "mask"} <= set(row)
    assert rows[0]["flags"][0]["code"] == "mask-share"


def test_show_as_json_has_everything(destination: Path) -> None:
    (row,) = rows_of(oldphoto("show", "a.tif", "--catalog", destination, "--json"))
    assert {"key", "sha256", "outcome", "reason", "flags", "restored", "mask"} <= set(row)
    assert {"content", "work_items", "derivatives", "faces", "measurements", "events"} <= set(row)
    assert row["content"]["metadata"] == {"exif": {"Model": "Epson"}}
    (same,) = rows_of(oldphoto("show", digest("a.tif")[:10], "--catalog", destination, "--json"))
    assert same == row


def test_runs_and_stats_as_json(destination: Path) -> None:
    (run,) = rows_of(oldphoto("runs", "--catalog", destination, "--json"))
    assert (run["inputs"], run["done"], run["quarantined"]) == (9, 8, 1)
    outcomes = rows_of(oldphoto("stats", "--catalog", destination, "--json"))
    assert {row["outcome"]: row["photos"] for row in outcomes} == {"done": 8, "quarantined": 1}


def test_filters_and_paging(destination: Path) -> None:
    refused_rows = rows_of(
        oldphoto("flagged", "--outcome", "quarantined", "--catalog", destination, "--json")
    )
    assert [row["key"] for row in refused_rows] == ["notes.txt"]
    wanted = ("flagged", "--flag", "colour-drift", "--min", "2", "--since", "1d", "--catalog", destination)
    whole = rows_of(oldphoto(*wanted, "--collection", "glass plates", "--json"))
    first = rows_of(oldphoto(*wanted, "--limit", "5", "--json"))
    rest = rows_of(oldphoto(*wanted, "--after", first[-1]["work_item"], "--json"))
    assert first + rest == whole
    assert rows_of(oldphoto(*wanted, "--min", "99", "--json")) == []


@pytest.mark.parametrize("form", list(Format))
def test_what_is_cut_off_is_said(destination: Path, tmp_path: Path, form: Format) -> None:
    wanted = ("flagged", "--catalog", destination, "--format", form, "--output", tmp_path / "rows")
    cut = oldphoto(*wanted, "--limit", "5")
    assert (cut.exit_code, cut.stdout) == (0, "")
    assert "there may be more: --after" in cut.stderr
    assert oldphoto(*wanted).stderr == ""


@pytest.mark.parametrize("how", ["folder", "file", "url", "variable", "here"])
def test_ways_to_name_the_catalog(destination: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{destination / 'catalog.db'}"
    given = {"folder": destination, "file": destination / "catalog.db", "url": url}.get(how)
    monkeypatch.setenv("OLDPHOTO_CATALOG", url if how == "variable" else "")
    if how == "here":
        monkeypatch.chdir(destination)
    arguments = ["runs", "--json", *(["--catalog", str(given)] if given else [])]
    assert len(json.loads(CliRunner().invoke(build_app(), arguments).stdout)) == 1


def test_what_restores_means_the_same_catalog(destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(destination)
    url = f"sqlite:///{destination / 'catalog.db'}"
    for given in (url, str(destination), str(destination / "catalog.db"), "catalog.db", "."):
        assert catalog_url(given) == RestoreRequest("scans", "out", given).catalog_url() == url
    monkeypatch.chdir(destination.parent)
    relative = "sqlite:///out/catalog.db"
    assert catalog_url(relative) == RestoreRequest("scans", "out", relative).catalog_url() == relative


def test_a_missing_catalog_is_said_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["runs"],
        ["flagged"],
        ["stats"],
        ["show", "x"],
        ["runs", "--catalog", tmp_path / "no"],
    ):
        result = oldphoto(*arguments)
        assert isinstance(result.exception, CatalogMissingError)
        assert "there is no catalog at" in str(result.exception)
        assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["flagged", "--since", "last week"],
        ["flagged", "--since", "9999999999w"],
        ["flagged", "--since", "0001-01-01T00:00:00+05:00"],
        *(
            [command, option, "9" * 20]
            for command in ("runs", "flagged")
            for option in ("--after", "--limit")
        ),
        ["flagged", "--run", "9" * 20],
        ["show", "a.tif", "--after", "9" * 20],
        ["catalog", "calibrate", "--run", "9" * 20],
        ["flagged", "--outcome", "lost"],
        ["flagged", "--flag", "mask-sahre"],
        ["flagged", "--collection", "nobody's"],
        ["flagged", "--limit", "0"],
        ["flagged", "--min", "much"],
        ["runs", "--format", "xml"],
        ["runs", "--format", "csv", "--json"],
        ["stats", "--by", "moon"],
        ["show"],
    ],
)
def test_wrong_usage(destination: Path, arguments: list[str]) -> None:
    result = oldphoto(*arguments, "--catalog", destination)
    if result.exit_code != 2:
        assert isinstance(result.exception, UsageError | CatalogUseError)
        assert str(result.exception)


def test_a_bucket_is_no_catalog() -> None:
    result = oldphoto("runs", "--catalog", "s3://bucket/out")
    assert isinstance(result.exception, UsageError)
    assert "s3:// is no catalog" in str(result.exception)


def test_csv_cells_are_no_formulas(destination: Path) -> None:
    result = oldphoto("flagged", "--format", "csv", "--catalog", destination)
    assert result.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(result.stdout, newline="")))
    assert len(rows) == 8
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert {"'" + formula for formula in FORMULAS} <= {row["key"] for row in rows}
    assert json.loads(rows[0]["flags"])[0]["code"] == "mask-share"


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1", "'=1"), ("\r=1", "'\r=1"), (-1.5, -1.5), (3, 3), (None, ""), (True, "true"), ("a-b", "a-b")],
)
def test_csv_cell(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def test_tables_in_a_pipe_are_one_line_a_row(destination: Path) -> None:
    result = oldphoto("flagged", "--catalog", destination)
    lines = result.stdout.splitlines()
    assert len(lines) == 9
    assert {line.count("\t") for line in lines} == {lines[0].count("\t")}, "a tab in a key is no tab here"
    assert "\x1b" not in result.stdout
    assert "[bold]x[/bold]" in result.stdout


def test_dossiers_and_every_table_print(destination: Path) -> None:
    for arguments in (
        ["runs"],
        *(["stats", "--by", by] for by in Group),
        ["show", RED],
        ["show", "no"],
    ):
        result = oldphoto(*arguments, "--catalog", destination)
        assert result.exit_code == 0, result.stderr
        assert result.stdout
        assert "\x1b" not in result.stdout
    shown = oldphoto("show", RED, "--catalog", destination).stdout
    assert "␛[31mred.tif" in shown
    assert "ingestion" in shown
    assert "measurements" in shown


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_tables_on_a_terminal_show_text_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    rows = [{"key": "[bold]x[/bold]", "seconds": 1.23456, "run": 7, "finished_at": datetime.now(UTC)}]
    for found in (rows, []):
        print_rows(found, query="flagged", form=Format.TABLE, output=None, table_columns=list(rows[0]))
    text = terminal.getvalue()
    assert "[bold]x[/bold]" in text
    assert "1.235" in text
    assert "nothing found" in text
    with pytest.raises(UsageError, match="--output"):
        print_rows(rows, query="flagged", form=Format.PARQUET, output=None, table_columns=[])


@pytest.mark.parametrize("command", [["runs"], ["flagged"], ["show", "a.tif"], ["stats", "--by", "flag"]])
def test_parquet(destination: Path, tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "rows.parquet"
    result = oldphoto(*command, "--format", "parquet", "--output", path, "--catalog", destination)
    assert (result.exit_code, result.stdout) == (0, "")
    piped = oldphoto(*command, "--format", "parquet", "--catalog", destination)
    table = parquet.read_table(path)
    assert table.num_rows > 0
    assert parquet.read_table(io.BytesIO(piped.stdout_bytes)).equals(table)


@pytest.mark.parametrize("form", list(Format))
def test_output_to_a_file(destination: Path, tmp_path: Path, form: Format) -> None:
    path = tmp_path / "rows"
    for command in (["flagged"], ["show", "a.tif"]):
        result = oldphoto(*command, "--format", form, "--output", path, "--catalog", destination)
        assert (result.exit_code, result.stdout) == (0, "")
        assert path.stat().st_size > 0
    refused_path = tmp_path / "no folder" / "rows"
    result = oldphoto("flagged", "--format", form, "--output", refused_path, "--catalog", destination)
    assert isinstance(result.exception, StorageError)
    assert "cannot be written" in str(result.exception)


def test_since() -> None:
    noon = datetime(2024, 5, 31, 12, tzinfo=UTC)
    for text, age in [("30m", timedelta(minutes=30)), ("7d", timedelta(days=7)), ("2 w", timedelta(weeks=2))]:
        assert parse_since(text, lambda: noon) == noon - age
    assert parse_since("2024-05-31T12:00:00+00:00") == noon
    assert parse_since("2024-05-31").tzinfo is UTC
    for beyond in ("0001-01-01T00:00+01:00", "9999-12-31T23:00-02:00"):
        with pytest.raises(UsageError, match="before all time, or after it"):
            parse_since(beyond)


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "--limit"),
        ("runs", "--after"),
        ("flagged", "--run"),
        ("flagged", "--after"),
        ("show", "x", "--after"),
    ],
)
def test_a_number_that_no_database_takes_is_wrong_usage(
    destination: Path, arguments: tuple[str, ...]
) -> None:
    assert oldphoto(*arguments, 2**63 - 1, "--catalog", destination).exit_code == 0
    assert oldphoto(*arguments, 2**63, "--catalog", destination).exit_code == 2


def test_printable_keeps_letters() -> None:
    assert printable("Ünï 日本\x07\x9b\x7f") == "Ünï 日本␇\ufffd␡"
