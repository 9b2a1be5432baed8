"""PREMIS documents tell everything, by the rules of the format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from schemas.repository import Catalog
from tests.flows.packages.exporting import approve, export

SUBSET = Path(__file__).with_name("premis_subset.xsd")
OFFICIAL = Path(
    os.environ.get("OLDPHOTO_PREMIS_XSD", Path(__file__).parents[4] / "shared/standards/premis.xsd")
)
needs_official = pytest.mark.skipif(
    not OFFICIAL.is_file(), reason="the official PREMIS 3 schema is not here: name it in OLDPHOTO_PREMIS_XSD"
)
PREMIS = "{http://www.loc.gov/premis/v3}"


def test_premis_documents_tell_everything(archive: Catalog, tmp_path: Path) -> None:
    approve(archive)
    found = export(archive, tmp_path / "premis", "premis")
    assert found["files"] == 7, "photos that could not be restored have a history as well"
    for path in (tmp_path / "premis").rglob("*.xml"):
        root = etree.parse(path).getroot()
        order = [etree.QName(node).localname for node in root]
        assert order == sorted(order, key=["object", "event", "agent"].index)
        _refers_only_to_itself(root)
    (path,) = (tmp_path / "premis").rglob("photo-000.xml")
    root = etree.parse(path).getroot()
    kinds = [node.findtext(f"{PREMIS}eventType") for node in root.iter(f"{PREMIS}event")]
    assert {"ingestion", "message digest calculation", "appraisal"} <= set(kinds)
    digests = {node.text for node in root.iter(f"{PREMIS}messageDigest")}
    (row,) = archive.show("photo-000.png")
    assert digests == {row["sha256"], *(file["sha256"] for file in row["derivatives"])}
    agents = {node.findtext(f"{PREMIS}agentType") for node in root.iter(f"{PREMIS}agent")}
    assert agents == {"software", "person"}


def _refers_only_to_itself(root: Any) -> None:
    """Every linked or related object and agent is in the document, and every identifier once."""
    own = [
        node.text
        for kind in ("object", "event", "agent")
        for node in root.iter(f"{PREMIS}{kind}IdentifierValue")
    ]
    assert len(own) == len(set(own))
    named = ("linkingAgentIdentifierValue", "linkingObjectIdentifierValue", "relatedObjectIdentifierValue")
    for name in named:
        assert {node.text for node in root.iter(f"{PREMIS}{name}")} <= set(own)


@pytest.mark.parametrize("schema_file", [SUBSET, pytest.param(OFFICIAL, marks=needs_official)])
def test_premis_documents_are_valid(archive: Catalog, tmp_path: Path, schema_file: Path) -> None:
    approve(archive)
    export(archive, tmp_path / "premis", "premis")
    schema = etree.XMLSchema(etree.parse(schema_file))
    documents = [etree.parse(path) for path in (tmp_path / "premis").rglob("*.xml")]
    for document in documents:
        schema.assertValid(document)
    size = next(documents[0].iter(f"{PREMIS}size"))
    size.getparent().append(size)
    assert not schema.validate(documents[0]), "the order of elements is part of the schema"


def test_premis_tells_what_each_file_is_and_what_was_made_of_what(archive: Catalog, tmp_path: Path) -> None:
    export(archive, tmp_path / "premis", "premis")
    (path,) = (tmp_path / "premis").rglob("photo-000.xml")
    root = etree.parse(path).getroot()
    (row,) = archive.show("photo-000.png")
    for file in row["derivatives"]:
        (made,) = (
            node
            for node in root.iter(f"{PREMIS}object")
            if node.findtext(f".//{PREMIS}messageDigest") == file["sha256"]
        )
        places = [node.text for node in made.iter(f"{PREMIS}contentLocationValue")]
        kinds = [node.text for node in made.iter(f"{PREMIS}significantPropertiesValue")]
        assert file["uri"] in places
        assert any(str(kind).startswith(file["kind"]) for kind in kinds)
    (restored,) = (
        node for node in root.iter(f"{PREMIS}event") if node.findtext(f"{PREMIS}eventType") == "modification"
    )
    roles = {
        link.findtext(f"{PREMIS}linkingObjectIdentifierValue"): link.findtext(f"{PREMIS}linkingObjectRole")
        for link in restored.iter(f"{PREMIS}linkingObjectIdentifier")
    }
    assert roles[f"file/{row['sha256']}"] == "source"
    assert all(roles[f"file/{file['sha256']}"] == "outcome" for file in row["derivatives"])
