"""``oldphoto catalog``, ``verify`` and ``export``: answers, exit codes, and that readers write nothing."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from cli.main import build_app
from oldphoto_core.errors import UsageError
from schemas import session
from schemas.errors import CatalogUseError, CatalogVersionError
from schemas.repository import Catalog
from tests.schemas.archive import Archive, full, photo, refused


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands") / "out"
    with Catalog.open(f"sqlite:///{folder / 'catalog.db'}") as catalog:
        Archive(catalog).run(
            [photo("a.tif"), photo("=1+1.tif"), photo("\x1b[31mred.tif"), refused("c.txt")], full
        )
    return folder


@pytest.fixture
def destination(filled: Path, tmp_path: Path) -> Path:
    """The same, the test's own: making a catalog takes longer than any test here."""
    return Path(shutil.copytree(filled, tmp_path / "out"))


def oldphoto(destination: Path, *arguments: object, stdin: str | None = None) -> Result:
    environment = {"OLDPHOTO_CATALOG": str(destination)}
    return CliRunner().invoke(build_app(), [str(one) for one in arguments], env=environment, input=stdin)


def answer(result: Result) -> Any:
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_calibrating_and_reflagging(destination: Path) -> None:
    tried = answer(
        oldphoto(
            destination,
            "catalog",
            "calibrate",
            "--json",
            "--threshold",
            "mask-share=0.1",
            "--threshold",
            "mask-share=0.3",
        )
    )
    assert (tried["photos"], [one["photos"] for one in tried["flags"]]) == (3, [3, 0])
    ladder = answer(oldphoto(destination, "catalog", "calibrate", "--json"))
    assert len({one["flag"] for one in ladder["flags"]}) >= 7
    set_ = answer(oldphoto(destination, "catalog", "reflag", "--threshold", "mask-share=0.3", "--json"))
    assert set_["flags"][0]["photos"] == 0
    assert answer(oldphoto(destination, "flagged", "--flag", "mask-share", "--json")) == []
    back = answer(oldphoto(destination, "catalog", "reflag", "--defaults", "--json"))
    assert {one["flag"]: one["photos"] for one in back["flags"]}["mask-share"] == 3
    assert len(answer(oldphoto(destination, "flagged", "--flag", "mask-share", "--json"))) == 3
    with Catalog.open(f"sqlite:///{destination / 'catalog.db'}") as catalog:
        assert catalog.flag_rules() == [], "a later version's thresholds are not held off"


def test_calibrating_by_hand_tells_what_is_in_force(destination: Path) -> None:
    oldphoto(destination, "catalog", "reflag", "--threshold", "mask-share=0.3")
    lines = oldphoto(destination, "catalog", "calibrate").stdout.splitlines()
    assert lines[0].split() == ["flag", "threshold", "photos"]
    assert lines[-1] == "of 3 restored photos"
    (kept,) = (line for line in lines if line.startswith("mask-share") and line.endswith("in force"))
    assert kept.split()[:3] == ["mask-share", "0.3", "0"]
    steps = [(line.split()[0], float(line.split()[1])) for line in lines[1:-1]]
    assert len(steps) == len(set(steps))
    assert all(value <= 1 for code, value in steps if code == "everything-masked")
    assert all(value.is_integer() for code, value in steps if code in ("faces-lost", "lettering"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["catalog", "reflag"],
        ["catalog", "reflag", "--threshold", "mask-share"],
        ["catalog", "reflag", "--threshold", "mask-share=much"],
        ["catalog", "reflag", "--threshold", "moon=1"],
        ["catalog", "reflag", "--threshold", "mask-share=0", "--threshold", " mask-share =0.5"],
        ["catalog", "calibrate", "--threshold", "=1"],
        ["catalog", "shell", "--sql", "DROP TABLE asset"],
        ["catalog", "shell", "--sql", "SELEKT 1"],
        ["verify", "--sample", "0"],
        ["export", "iiif", "x"],
        ["export", "csv", "x", "--for-publication"],
        ["export", "csv", "x", "--with-masters"],
        ["demo", "out/catalog.db"],
        ["export", "premis", "x", "--with-masters"],
        ["export", "bag", "x", "--base-url", "https://x.example"],
        ["export", "bag", "x", "--max-side", "900"],
        ["export", "iiif", "x", "--base-url", "https://x.example", "--max-side", "9"],
    ],
)
def test_wrong_usage_is_said(
    destination: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(destination.parent)
    result = oldphoto(destination, *arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert len(answer(oldphoto(destination, "runs", "--json"))) == 1
    assert not (destination.parent / "x").exists()


def test_sql_reads_and_cannot_write(destination: Path) -> None:
    ask = ("catalog", "shell", "--sql")
    rows = answer(
        oldphoto(destination, *ask, "SELECT key, outcome FROM results ORDER BY key", "--format", "json")
    )
    assert sorted(row["outcome"] for row in rows) == ["done", "done", "done", "quarantined"]
    table = oldphoto(destination, *ask, "SELECT key FROM photos WHERE key LIKE '%:%' OR 1 = 1")
    assert len(table.stdout.splitlines()) == 5
    assert "\x1b" not in table.stdout
    cells = oldphoto(destination, *ask, "SELECT key FROM photos", "--format", "csv")
    assert "'=1+1.tif" in {row["key"] for row in csv.DictReader(io.StringIO(cells.stdout))}
    before = (destination / "catalog.db").read_bytes()
    for statement in (
        "DELETE FROM flag",
        "UPDATE asset SET key = 'x'",
        "INSERT INTO agent (name, type) VALUES ('x', 'y')",
        "DROP VIEW photos",
        "PRAGMA user_version = 7",
        "PRAGMA query_only = OFF; DELETE FROM flag",
    ):
        assert oldphoto(destination, *ask, statement).exit_code != 0, statement
    assert (destination / "catalog.db").read_bytes() == before
    assert len(answer(oldphoto(destination, "flagged", "--json"))) == 3


def test_the_prompt_takes_statements_of_several_lines(destination: Path) -> None:
    typed = (
        "SELECT count(*) AS photos\nFROM photos;\nSELECT nowhere;\nSELECT 'a;b' AS text;\nDELETE FROM flag;\n"
    )
    result = oldphoto(destination, "catalog", "shell", stdin=typed)
    assert result.exit_code == 0
    assert result.stdout.split() == ["photos", "4", "text", "a;b"]
    assert "no such column" in result.stderr
    assert "readonly" in result.stderr
    assert len(answer(oldphoto(destination, "flagged", "--json"))) == 3


def test_exporting_tables(destination: Path, tmp_path: Path) -> None:
    views = answer(oldphoto(destination, "export", "csv", tmp_path / "v", "--json"))
    assert {Path(file["path"]).name for file in views["files"]} >= {"results.csv", "flags.csv"}
    tables = answer(oldphoto(destination, "catalog", "export", tmp_path / "t", "--json"))
    assert {Path(file["path"]).stem: file["rows"] for file in tables["files"]}["asset"] == 4


def test_nothing_is_exported_into_a_bucket(
    destination: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that begins with s3: would be a new folder of that name, and the export seem to be in the bucket."""
    monkeypatch.chdir(tmp_path)
    for command in (("export", "csv"), ("export", "bag"), ("catalog", "export")):
        result = oldphoto(destination, *command, "s3://bucket/out")
        assert isinstance(result.exception, UsageError), command
        assert "copy it to the bucket" in str(result.exception)
    assert not (tmp_path / "s3:").exists()


def test_the_address_of_a_folder_is_that_folder(destination: Path, tmp_path: Path) -> None:
    answer(oldphoto(destination, "export", "csv", f"file://{tmp_path}/a%20b", "--json"))
    assert (tmp_path / "a b/photos.csv").is_file()


def test_a_folder_whose_name_looks_like_an_address(
    destination: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer(oldphoto(destination, "export", "parquet", "s3:1910", "--json"))
    assert (tmp_path / "s3:1910/photos.parquet").is_file()


def test_publishing_what_is_not_approved_is_refused(destination: Path, tmp_path: Path) -> None:
    result = oldphoto(destination, "export", "bag", tmp_path / "bag", "--for-publication")
    assert result.exit_code == 3
    assert "not approved: a.tif" in result.stdout
    assert "\x1b" not in result.stdout
    assert not (tmp_path / "bag").exists()


def test_an_export_that_leaves_all_out_says_that_nothing_was_written(
    destination: Path, tmp_path: Path
) -> None:
    result = oldphoto(destination, "export", "bag", tmp_path / "bag", "--approved-only")
    assert result.exit_code == 3
    assert "left out: a.tif" in result.stdout
    assert "Nothing was written: all 4 photos were left out." in result.stdout
    assert not (tmp_path / "bag").exists()


def test_photos_that_cannot_be_exported_are_named(destination: Path, tmp_path: Path) -> None:
    result = oldphoto(destination, "export", "bag", tmp_path / "bag")
    assert result.exit_code == 3
    assert "left out: a.tif [glass plates]: file:///out/restored/a.tif is not there any more" in result.stdout
    found = json.loads(oldphoto(destination, "export", "bag", tmp_path / "more", "--json").stdout)
    assert (found["written"], found["photos"], found["left_out"], found["unavailable"]) == (True, 1, 3, 3)


def test_an_unknown_collection_leaves_nothing_behind(destination: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = oldphoto(destination, "export", "bag", tmp_path / "bag", "--collection", "none")
    assert isinstance(result.exception, CatalogUseError)
    assert sorted(tmp_path.iterdir()) == before


def test_verify_names_what_is_missing(destination: Path) -> None:
    result = oldphoto(destination, "verify", "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert (found["photos"], found["missing"]) == (4, found["files"])
    told = oldphoto(destination, "verify", "--masters-only")
    assert (
        "missing: file:///masters/a.tif (master of a.tif). Put it back from a backup; or see" in told.stdout
    )


def test_the_audit_chain_is_checked(destination: Path) -> None:
    assert answer(oldphoto(destination, "catalog", "verify-audit", "--json"))["broken"] is None
    assert oldphoto(destination, "catalog", "reflag", "--defaults").exit_code == 0
    with (
        Catalog.open(f"sqlite:///{destination / 'catalog.db'}") as catalog,
        catalog.engine.begin() as connection,
    ):
        connection.exec_driver_sql("DROP TRIGGER audit_no_update")
        connection.exec_driver_sql("UPDATE audit SET document = replace(document, '0.08', '0.8')")
    result = oldphoto(destination, "catalog", "verify-audit")
    assert result.exit_code == 3
    assert "Entry 1 does not fit" in result.stdout


def test_a_review_without_an_entry_in_the_chain_is_told(destination: Path) -> None:
    with (
        Catalog.open(f"sqlite:///{destination / 'catalog.db'}") as catalog,
        catalog.engine.begin() as connection,
    ):
        connection.exec_driver_sql(
            "INSERT INTO review (work_item_id, decision, reason, reviewer, at, output_sha256) SELECT "
            "work_item_id, 'approve', '', 'eve', created_at, sha256 FROM derivative WHERE kind = 'restored'"
        )
    result = oldphoto(destination, "catalog", "verify-audit")
    assert result.exit_code == 3
    assert "of the reviews: they were not made by this program" in result.stdout


def test_show_prints_a_tree(destination: Path) -> None:
    result = oldphoto(destination, "show", "a.tif")
    assert "├──" in result.stdout
    for word in (
        "scan: TIFF",
        "flags (2)",
        "mask-share",
        "events (",
        "ingestion",
        "detector",
        "files (1)",
        "faces (1)",
    ):
        assert word in result.stdout, word


def test_rebuild_says_which_catalog_it_takes_where_none_is_named() -> None:
    """The one beside the sidecars; the other commands take the one in the current folder."""
    named = typer.main.get_command(build_app()).commands["catalog"].commands["rebuild"].params  # type: ignore[attr-defined]
    (catalog,) = [one for one in named if one.name == "catalog"]
    assert catalog.help == "Default: catalog.db in DESTINATION."


def test_a_catalog_of_an_older_version_is_upgraded_without_restoring_anything(destination: Path) -> None:
    session.downgrade(f"sqlite:///{destination / 'catalog.db'}", "0004")
    refused = oldphoto(destination, "runs")
    assert isinstance(refused.exception, CatalogVersionError)
    assert "`oldphoto catalog rebuild`" in str(refused.exception)
    assert answer(oldphoto(destination, "catalog", "rebuild", destination, "--json"))["photos"] == 0
    assert [run["state"] for run in answer(oldphoto(destination, "runs", "--json"))] == ["completed"]
