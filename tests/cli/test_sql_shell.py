"""The SQL prompt reads what it is asked and writes nothing, on both databases."""

from __future__ import annotations

import pytest

from cli.sql_shell import _read, psql_call
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


@pytest.mark.parametrize(
    "url", ["postgres://me:a%40b@host/x", "postgresql:///x?host=host&password=a%40b&user=me"]
)
def test_psql_gets_the_password_where_nobody_sees_it(url: str) -> None:
    address, more = psql_call(url)
    assert more["PGPASSWORD"] == "a@b"
    assert address in ("postgresql://me@host/x", "postgresql:///x?host=host&user=me")
