"""What cannot be written to standard output is said in a line, and a key is written in any encoding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from schemas.repository import Catalog

KEY = "Köln ☃ 😀"


@pytest.fixture
def catalog_file(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.db"
    with Catalog.open(f"sqlite:///{path}") as catalog:
        recipe = catalog.recipe_id(sha256(b"{}").hexdigest(), "{}", [])
        catalog.start_run(None, catalog.collection_id(KEY), recipe, {})
    return path


def runs(catalog: Path, form: str, encoding: str = "utf-8", output: str = "") -> tuple[int, bytes, str]:
    """Return how ``oldphoto runs`` ended, and what it said; a shell opens its output."""
    command = f'"$0" -m cli.main runs --catalog "$1" --format {form} {output}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, str(catalog)],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
@pytest.mark.parametrize("form", ["table", "json", "csv", "parquet"])
def test_a_full_disk_is_said_in_a_line(catalog_file: Path, form: str) -> None:
    code, _, said = runs(catalog_file, form, output=">/dev/full")
    assert code == 1
    assert said.startswith("oldphoto: Standard output cannot be written: No space left on device.")
    assert said.count("\n") == 1


@pytest.mark.parametrize("output", [">&-", "| true"])
def test_where_nobody_reads_nothing_is_said(catalog_file: Path, output: str) -> None:
    code, _, said = runs(catalog_file, "table", output=output)
    assert (code, said) == (0, "")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_reader_that_has_seen_enough_is_no_failure(catalog_file: Path, form: str) -> None:
    """A shell tells only how the reader ended, unless it is asked about the command."""
    shell = f'"$0" -m cli.main catalog shell --catalog "$1" --sql "$2" --format {form}'
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n"
    done = subprocess.run(
        ["sh", "-c", f"{{ {shell}; echo ended $? >&2; }} | true", sys.executable, str(catalog_file), many],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.stderr.decode() == "ended 0\n"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_an_encoding_that_lacks_a_letter_takes_every_key(catalog_file: Path, encoding: str) -> None:
    code, out, said = runs(catalog_file, "json", encoding)
    assert (code, said) == (0, "")
    assert json.loads(out.decode(encoding))[0]["collection"] == KEY
    code, out, said = runs(catalog_file, "table", encoding)
    assert (code, said) == (0, "")
    assert r"ln \u2603 \ud83d\ude00" in out.decode(encoding)


def test_utf8_is_written_as_it_is(catalog_file: Path) -> None:
    assert KEY in runs(catalog_file, "csv")[1].decode()
