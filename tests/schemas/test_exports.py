"""Tables leave as they are: every row, every type, no formula, no password."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
import sqlalchemy as sa
from lxml import etree

from schemas import session
from schemas.errors import CatalogUseError
from schemas.exports import tabular
from schemas.exports.premis import NAMESPACE, premis_document
from schemas.records import DerivativeRecord, EventRecord, EventType
from schemas.repository import Catalog
from schemas.review_records import Decision, Role
from schemas.views import VIEWS
from tests.schemas.archive import Archive, digest, done, full, photo, refused

HOSTILE = [
    "=1+1.tif",
    "'; DROP TABLE asset; --",
    "%s %(x)s {0}",
    "a\tb\nc",
    "<b>&amp;</b>",
    "\u202egpj.tif",
    "☃" * 200,
]


@pytest.fixture
def archive(catalog: Catalog) -> Archive:
    archive = Archive(catalog, name="=HYPERLINK(1)")
    photos = [photo(key, metadata={"exif": {"Artist": key + "\x00"}}) for key in HOSTILE]
    archive.run([*photos, refused("notes.txt")], full)
    catalog.add_account("ada", Role.ADMIN, "$argon2id$secret")
    row = catalog.review_queue().rows[0]
    catalog.decide(row.item_id, Decision.APPROVE, "=1+1", "ada", row.output_sha256, None)
    return archive


def test_every_view_as_parquet_and_csv(archive: Archive, tmp_path: Path) -> None:
    with session.read(archive.catalog.engine) as connection:
        files = tabular.write_all(connection, tabular.views(), tmp_path / "p", "parquet")
        texts = tabular.write_all(connection, tabular.views(), tmp_path / "c", "csv")
        counted = {
            name: connection.scalar(sa.select(sa.func.count()).select_from(view))
            for name, view in VIEWS.items()
        }
    assert {file.path.stem: file.rows for file in files} == counted
    assert {file.path.stem: file.rows for file in texts} == counted
    assert all(counted.values())
    table = parquet.read_table(tmp_path / "p" / "results.parquet")
    assert sorted(table.column("key").to_pylist()) == sorted([*HOSTILE, "notes.txt"])
    assert str(table.schema.field("finished_at").type) == "timestamp[us, tz=UTC]"
    with (tmp_path / "c" / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {row["key"].removeprefix("'") for row in rows} == {*HOSTILE, "notes.txt", HOSTILE[1][1:]} - {
        HOSTILE[1]
    }


def test_every_table_but_no_password(archive: Archive, tmp_path: Path) -> None:
    with session.read(archive.catalog.engine) as connection:
        files = tabular.write_all(connection, tabular.tables(), tmp_path / "all", "parquet")
    assert {"asset", "review", "audit", "account", "flag"} <= {file.path.stem for file in files}
    account = parquet.read_table(tmp_path / "all" / "account.parquet").to_pylist()
    assert [row["name"] for row in account] == ["ada"]
    assert "argon2" not in str(account)
    assert not [path for path in (tmp_path / "all").iterdir() if b"argon2" in path.read_bytes()]


def test_nothing_is_overwritten(archive: Archive, tmp_path: Path) -> None:
    with session.read(archive.catalog.engine) as connection:
        tabular.write_all(connection, tabular.views(), tmp_path, "csv")
        with pytest.raises(CatalogUseError, match="there already"):
            tabular.write_all(connection, tabular.views(), tmp_path, "csv")
        with pytest.raises(CatalogUseError, match="xlsx"):
            tabular.write_all(connection, tabular.views(), tmp_path, "xlsx")
    assert not list(tmp_path.glob("*.part"))


def test_hostile_text_stays_text(archive: Archive) -> None:
    catalog = archive.catalog
    assert sorted(row["key"] for row in catalog.flagged(collection=archive.name)) == sorted(
        set(HOSTILE) - {row["key"] for row in catalog.dossiers() if row["decision"] == "approve"}
    )
    for key in HOSTILE:
        (row,) = catalog.show(key)
        assert row["content"]["metadata"]["exif"]["Artist"] == key + "\ufffd"
    assert catalog.show("' OR 1=1 --") == []
    assert catalog.flagged(flag="' OR 1=1 --") == []


def test_no_network_is_said_to_have_changed_a_master(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run([photo("a.tif")])
    archive.run([photo("a.tif", "other bytes")])
    root = etree.fromstring(premis_document(catalog.dossiers()[0]))
    programs = {}
    for event in root.iter(f"{{{NAMESPACE}}}event"):
        if event.findtext(f"{{{NAMESPACE}}}eventType") == "modification":
            roles = [node.text for node in event.iter(f"{{{NAMESPACE}}}linkingAgentRole")]
            is_at_source = '"from"' in event.findtext(f".//{{{NAMESPACE}}}eventDetail", "")
            programs.setdefault(is_at_source, []).append(roles.count("executing program"))
    assert programs == {True: [0], False: [0, 1]}, "only the present result is of the models named"


def test_a_premis_document_names_a_photo_by_collection_and_key_not_by_a_row(archive: Archive) -> None:
    dossiers, identifiers = archive.catalog.dossiers(), set()
    for dossier in dossiers:
        document = premis_document(dossier)
        moved: Any = {**dossier, "asset": dossier["asset"] + 1000}
        assert premis_document(moved) == document
        identifiers.add(
            etree.fromstring(document).findtext(
                f"{{{NAMESPACE}}}object//{{{NAMESPACE}}}objectIdentifierValue"
            )
        )
    assert len(identifiers) == len(dossiers)
    assert "asset/%3DHYPERLINK%281%29/a%09b%0Ac" in identifiers


def test_a_premis_document_has_the_same_bytes_whatever_the_database(catalog: Catalog) -> None:
    """PostgreSQL gives the names of a detail back in an order of its own."""
    detail = {"reason": "r", "decision": "d", "b": {"longer": 1, "a": 2}}
    archive = Archive(catalog)
    event = EventRecord(EventType.APPRAISAL, detail=detail)
    archive.run([photo("a.tif")], lambda item: done(item, events=(event,)))
    told = '{"b": {"a": 2, "longer": 1}, "decision": "d", "reason": "r"}'
    assert told in premis_document(catalog.dossiers()[0]).decode()


def test_files_of_equal_bytes_are_one_object_be_it_the_master(catalog: Catalog) -> None:
    archive = Archive(catalog)
    archive.run(
        [photo("a.tif")],
        lambda item: done(
            item,
            derivatives=tuple(
                DerivativeRecord(kind, tier, f"file:///out/{tier}.tif", sha256, 9, "image/tiff")
                for kind, tier, sha256 in (
                    ("restored", "enhanced", "e" * 64),
                    ("tier", "restored", "e" * 64),
                    ("tier", "conserved", item.sha256),
                )
            ),
        ),
    )
    root = etree.fromstring(premis_document(catalog.dossiers()[0]))
    objects = root.iterfind(f"{{{NAMESPACE}}}object/{{{NAMESPACE}}}objectIdentifier")
    names = [one.findtext(f"{{{NAMESPACE}}}objectIdentifierValue", "") for one in objects]
    assert sorted(name[:6] for name in names) == ["asset/", "file/" + digest("a.tif")[0], "file/e"]
