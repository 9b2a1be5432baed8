"""The SQL prompt reads what it is asked and writes nothing, on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.formats import Format
from cli.main import build_app
from cli.sql_shell import _read, psql_call, run_statement
from oldphoto_core.errors import UsageError
from schemas.repository import Catalog
from tests.schemas.archive import Archive, full, photo
from tests.schemas.conftest import catalog, new_catalog, new_postgres_catalog, postgres  # noqa: F401


def test_one_statement_that_reads(catalog: Catalog) -> None:  # noqa: F811
    Archive(catalog).run([photo("a.tif"), photo("b%s:x.tif")], full)
    columns, rows = _read(catalog, "SELECT key, mask_coverage FROM results WHERE key LIKE 'b%:%'")
    assert (columns, rows) == (["key", "mask_coverage"], [["b%s:x.tif", 0.25]])
    assert _read(catalog, "SELECT 5 % 3 AS rest, ':x' AS text") == (["rest", "text"], [[2, ":x"]])
    for statement in (
        "DELETE FROM flag",
        "COMMIT; DELETE FROM flag",
        "UPDATE asset SET key = 'x'",
        "DROP VIEW photos",
        "SELECT nowhere",
        "SELECT 1; SELECT 2",
    ):
        with pytest.raises(UsageError):
            _read(catalog, statement)
    assert _read(catalog, "SELECT COUNT(*) AS flags FROM flag") == (["flags"], [[4]])
    assert len(catalog.flagged()) == 2, "and the catalog can be written to as before"
    Archive(catalog).run([photo("c.tif")], full)


def test_nothing_else_is_written_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as opened:
        for statement in (
            "ATTACH DATABASE 'other.db' AS other",
            "VACUUM INTO 'copy.db'",
            "PRAGMA journal_mode = DELETE",
            "PRAGMA query_only = OFF",
            "PRAGMA wal_checkpoint(TRUNCATE)",
        ):
            with pytest.raises(UsageError):
                _read(opened, statement)
        assert {path.suffix for path in tmp_path.iterdir()} <= {".db", ".db-shm", ".db-wal"}
        assert [path.name for path in tmp_path.glob("*.db")] == ["catalog.db"]
        assert "key" in [row[1] for row in _read(opened, "PRAGMA table_info(asset)")[1]]
        assert _read(opened, "SELECT name FROM pragma_table_info('asset') WHERE name = 'key'")[1] == [["key"]]


def test_totals_are_numbers_on_both_databases(catalog: Catalog) -> None:  # noqa: F811
    Archive(catalog).run([photo("a.tif"), photo("b.tif")], full)
    _, [[total, mean, less]] = _read(
        catalog, "SELECT SUM(size), AVG(size * 1.0) + 0.5, 0 - SUM(size) FROM files WHERE size IS NOT NULL"
    )
    assert isinstance(total, int)
    assert isinstance(mean, float)
    assert less == -total


def test_no_column_is_lost_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/catalog.db"
    Catalog.open(url).close()
    statement = "SELECT 1 AS one, 2 AS one"
    with pytest.raises(UsageError, match="one"):
        run_statement(url, statement, Format.JSON)
    run_statement(url, statement, Format.CSV)
    assert capsys.readouterr().out.splitlines() == ["one,one", "1,2"]


def test_a_statement_as_json_and_no_other_form_at_the_prompt(tmp_path: Path) -> None:
    Catalog.open(f"sqlite:///{tmp_path}/catalog.db").close()

    def shell(*arguments: str) -> Result:
        return CliRunner().invoke(build_app(), ["catalog", "shell", "--catalog", str(tmp_path), *arguments])

    assert json.loads(shell("--json", "--sql", "SELECT 1 AS one").stdout) == [{"one": 1}]
    assert isinstance(shell("--json", "--format", "csv", "--sql", "SELECT 1").exception, UsageError)
    assert isinstance(shell("--json").exception, UsageError)


@pytest.mark.parametrize(
    "url", ["postgres://me:a%40b@host/x", "postgresql:///x?host=host&password=a%40b&user=me"]
)
def test_psql_gets_the_password_where_nobody_sees_it(url: str) -> None:
    address, more = psql_call(url)
    assert more["PGPASSWORD"] == "a@b"
    assert address in ("postgresql://me@host/x", "postgresql:///x?host=host&user=me")
