"""Packages hold what was approved and nothing else, byte for byte; standard tools accept them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bagit
import numpy as np
import pytest
from iiif_prezi3 import Collection, Manifest
from lxml import etree
from PIL import Image
from prefect.artifacts import Artifact

from flows.bag import BagPackage
from flows.manifest import Manifest as Names
from flows.package_files import PART, collection_folder
from flows.packages import PackageRequest, PackageSummary, export_photos
from flows.progress import Nobody, Progress, listening
from flows.publish import publish
from flows.request import RestoreRequest
from flows.verify_fixity import FilesWrongError, verify_fixity
from oldphoto_core.errors import FixityError, StorageError, UsageError
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter
from storage import Anywhere
from tests.flows.material import aged_photo, exchanged_profile, write_photos
from tests.flows.restored import restore_inline, small_archive

EVERYTHING = QueueFilter(flagged_only=False)
BASE = "https://archive.example/iiif"
SUBSET = Path(__file__).with_name("premis_subset.xsd")
OFFICIAL = Path(
    os.environ.get("OLDPHOTO_PREMIS_XSD", Path(__file__).parents[3] / "shared/standards/premis.xsd")
)
needs_official = pytest.mark.skipif(
    not OFFICIAL.is_file(), reason="the official PREMIS 3 schema is not here: name it in OLDPHOTO_PREMIS_XSD"
)
PREMIS = "{http://www.loc.gov/premis/v3}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> RestoreRequest:
    return small_archive(tmp_path_factory.mktemp("packages"), weights)


@pytest.fixture
def archive(made: RestoreRequest) -> Iterator[Catalog]:
    """The archive with nothing decided."""
    with Catalog.open(made.catalog_url()) as catalog:
        yield catalog
        for row in catalog.review_queue(QueueFilter(decision=None, flagged_only=False)).rows:
            current = [one for one in catalog.reviews(row.item_id) if one.decision is not Decision.UNDO]
            if row.decision != "undecided":
                catalog.undo(current[-1].review_id, "ada")


def approve(catalog: Catalog, limit: int | None = None) -> None:
    list(catalog.decide_many(EVERYTHING, Decision.APPROVE, "fine", "ada", limit=limit))


def export(catalog: Catalog, folder: Path, form: str, **more: Any) -> PackageSummary:
    return export_photos(catalog, PackageRequest(form, folder, **more))  # type: ignore[arg-type]


def test_publishing_refuses_what_nobody_approved(archive: Catalog, tmp_path: Path) -> None:
    approve(archive, limit=3)
    before = archive.verify_audit().entries
    found = export(archive, tmp_path / "bag", "bag", for_publication=True)
    assert (found["written"], found["left_out"]) == (False, 4)
    reasons = {one["key"]: one["reason"] for one in found["refused"]}
    assert reasons["broken-text.jpg"] == "it is quarantined"
    assert list(reasons.values()).count("nobody has decided on it") == 2
    assert not (tmp_path / "bag").exists()
    assert archive.verify_audit().entries == before


def test_a_rejected_photo_is_not_published(archive: Catalog, tmp_path: Path) -> None:
    row = archive.review_queue(EVERYTHING).rows[0]
    archive.decide(row.item_id, Decision.REJECT, "", "ada", row.output_sha256, row.last_review)
    found = export(archive, tmp_path / "bag", "bag", approved_only=True)
    assert (found["written"], found["photos"], found["left_out"]) == (True, 0, 7)


def test_a_bag_is_valid_and_holds_the_recorded_bytes(archive: Catalog, tmp_path: Path) -> None:
    approve(archive)
    folder = tmp_path / "new" / "bag"
    found = export(archive, folder, "bag", approved_only=True, with_masters=True)
    assert (found["photos"], found["left_out"]) == (5, 2)
    bag = bagit.Bag(str(folder))
    bag.validate()
    assert set(bag.algorithms) == {"sha256", "sha512"}
    assert "altered by AI" in bag.info["External-Description"]
    held = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "data").rglob("*")
        if path.is_file()
    }
    for row in archive.review_queue(QueueFilter(decision=None, flagged_only=False)).rows:
        assert {row.sha256, row.output_sha256} <= held
    assert len(list(folder.glob("data/*/premis/**/*.xml"))) == 5
    kinds = {"masters", "restored", "masks", "sidecars", "premis"}
    assert {path.name for path in folder.glob("data/*/*")} == kinds
    assert found["files"] == sum(path.is_file() for path in (folder / "data").rglob("*"))
    assert archive.audit_entries(limit=1)[0]["action"] == "published"
    with pytest.raises(UsageError, match="not empty"):
        export(archive, folder, "bag")


def test_a_wholly_approved_collection_is_published_without_the_others(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "scans").mkdir()
    write_photos(tmp_path / "scans", 1)
    request = RestoreRequest(
        str(tmp_path / "scans"), str(tmp_path / "out"), weights=str(weights), executor="inline"
    )
    for collection in ("one", "two"):
        restore_inline(replace(request, collection=collection))
    with Catalog.open(request.catalog_url()) as catalog:
        list(catalog.decide_many(replace(EVERYTHING, collection="one"), Decision.APPROVE, "fine", "ada"))
        for collection, written in (("one", True), ("two", False)):
            found = export(catalog, tmp_path / collection, "bag", collection=collection, for_publication=True)
            assert (found["written"], found["photos"], found["left_out"]) == (written, written, not written)


class Meanwhile(Nobody):
    """Does something once a first photo is in the package."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens: list[Callable[[], object]] = [happens]

    def progress(self, progress: Progress) -> None:
        if progress.phase == "export" and self.happens:
            self.happens.pop()()


@pytest.mark.parametrize(
    ("change", "destination"), [("an approval is withdrawn", "new"), ("a run adds a result", "there")]
)
def test_what_is_no_longer_all_approved_is_not_published(
    change: str, destination: str, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.packages.PAGE", 1)
    (tmp_path / "there").mkdir()
    scans, folder = tmp_path / "scans", tmp_path / destination
    write_photos(scans, 2)
    request = RestoreRequest(str(scans), str(tmp_path / "out"), weights=str(weights), executor="inline")
    restore_inline(request)
    with Catalog.open(request.catalog_url()) as catalog:

        def meanwhile() -> None:
            if change == "a run adds a result":
                write_photos(scans, 3)
                restore_inline(request)
            else:
                (last,) = catalog.show("photo-001.jpg")
                catalog.undo(catalog.reviews(last["work_item"])[-1].review_id, "eve")

        approve(catalog)
        with listening(Meanwhile(meanwhile)):
            found = export(catalog, folder, "bag", for_publication=True)
        assert (found["written"], found["photos"], found["files"], found["left_out"]) == (False, 0, 0, 1)
        assert [one["reason"] for one in found["refused"]] == ["nobody has decided on it"]
        assert "published" not in {entry["action"] for entry in catalog.audit_entries()}
        assert not (tmp_path / "new").exists()
        assert not any((tmp_path / "there").iterdir())
        approve(catalog)
        assert export(catalog, folder, "bag", for_publication=True)["written"]


def test_a_file_that_is_not_the_recorded_one_stops_the_export(
    archive: Catalog, made: RestoreRequest, tmp_path: Path
) -> None:
    path = next((Path(made.destination) / "restored").glob("photo-000.*"))
    data = path.read_bytes()
    try:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(FixityError, match=r"photo-000"):
            export(archive, tmp_path / "bag", "bag")
        assert not (tmp_path / "bag").exists()
    finally:
        path.write_bytes(data)


def test_a_iiif_tree(archive: Catalog, tmp_path: Path) -> None:
    approve(archive)
    export(archive, tmp_path / "iiif", "iiif", approved_only=True, base_url=BASE, max_side=64)
    root = json.loads((tmp_path / "iiif" / "collection.json").read_text())
    page = json.loads(_file(tmp_path, root["items"][0]["id"]).read_text())
    for listed in (root, page):
        Collection(**listed)
    assert len(page["items"]) == 5
    for item in page["items"]:
        manifest = json.loads(_file(tmp_path, item["id"]).read_text())
        Manifest(**manifest)
        assert "altered by AI" in manifest["requiredStatement"]["value"]["en"][0]
        canvas = manifest["items"][0]
        assert (canvas["width"], canvas["height"]) == (96, 72)
        choice = canvas["items"][0]["items"][0]["body"]
        assert choice["type"] == "Choice"
        labels = [image["label"]["en"][0] for image in choice["items"]]
        assert labels == ["Restored (altered by AI)", "Original scan"]
        mask = canvas["annotations"][0]["items"][0]["body"]
        for image in (*choice["items"], mask):
            with Image.open(_file(tmp_path, image["id"])) as opened:
                assert opened.size == (image["width"], image["height"]) == (64, 48)
    with pytest.raises(UsageError, match="--base-url"):
        export(archive, tmp_path / "other", "iiif")
    with pytest.raises(UsageError, match="65500 or less"):
        export(archive, tmp_path / "other", "iiif", base_url=BASE, max_side=65_501)


def test_access_copies_show_the_colours_of_the_profile(tmp_path: Path, weights: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    red = Image.fromarray(aged_photo(1)[..., ::-1])
    assert np.asarray(red)[..., 0].mean() > np.asarray(red)[..., 2].mean() + 20
    red.save(scans / "a.png", icc_profile=exchanged_profile())
    request = RestoreRequest(str(scans), str(tmp_path / "out"), weights=str(weights), executor="inline")
    restore_inline(request)
    with Catalog.open(request.catalog_url()) as catalog:
        export(catalog, tmp_path / "iiif", "iiif", base_url=BASE)
    copies = sorted((tmp_path / "iiif").glob("*/*/a.jpg"))
    assert [path.parent.name for path in copies] == ["original", "restored"]
    for path in copies:
        with Image.open(path) as opened:
            assert "icc_profile" not in opened.info
            shown = np.asarray(opened)
        assert shown[..., 2].mean() > shown[..., 0].mean() + 20, path


def _file(root: Path, address: str) -> Path:
    """Where a web server would find it."""
    from urllib.parse import unquote

    assert address.startswith(f"{BASE}/")
    return root / "iiif" / unquote(address.removeprefix(f"{BASE}/"))


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


def test_what_cannot_be_shown_is_left_out_of_a_tree_and_named(
    archive: Catalog, made: RestoreRequest, tmp_path: Path
) -> None:
    """Of seven photos two were quarantined; the master of a third was taken away since."""
    master = Path(made.source) / "photo-000.png"
    data = master.read_bytes()
    master.unlink()
    try:
        tree = export(archive, tmp_path / "iiif", "iiif", base_url=BASE, max_side=64)
        bag = export(archive, tmp_path / "bag", "bag", with_masters=True)
        plain = export(archive, tmp_path / "plain", "bag")
    finally:
        master.write_bytes(data)
    assert (tree["photos"], tree["left_out"], tree["unavailable"]) == (4, 3, 3)
    reasons = {one["key"]: one["reason"] for one in tree["refused"]}
    assert reasons["broken-text.jpg"] == "it is quarantined"
    assert reasons["photo-000.png"].startswith(f"{master} is not there any more")
    assert len(list((tmp_path / "iiif").glob("*/manifests/*.json"))) == 4
    assert (bag["photos"], [one["key"] for one in bag["refused"]]) == (6, ["photo-000.png"])
    assert not list((tmp_path / "bag").rglob("photo-000*"))
    assert (plain["photos"], plain["left_out"]) == (7, 0)


def test_an_export_that_fails_leaves_nothing_behind(
    archive: Catalog, made: RestoreRequest, tmp_path: Path
) -> None:
    path = next((Path(made.destination) / "masks").glob("photo-000*"))
    data = path.read_bytes()
    (tmp_path / "there").mkdir()
    try:
        path.write_bytes(b"other")
        for form in ("bag", "iiif"):
            for name in ("new", "there"):
                with pytest.raises(FixityError, match=r"photo-000"):
                    export(archive, tmp_path / name, form, base_url=BASE, max_side=64)
    finally:
        path.write_bytes(data)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert not any((tmp_path / "there").iterdir())


def test_into_the_current_folder(archive: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # As a killed export leaves it.
    (tmp_path / PART / "data").mkdir(parents=True)
    assert export(archive, Path(), "bag")["written"]
    bagit.Bag(str(tmp_path)).validate()


def test_a_bag_of_odd_names_is_valid(tmp_path: Path, weights: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    (photo,) = write_photos(scans, 1)
    data = photo.read_bytes()
    photo.unlink()
    names = (
        "a%0Ab.png",
        "line\nbreak.png",
        "50%25.png",
        "100%.png",
        "tail.png ",
        "next\x85\u2028.png",
        " x.png",
        "é.png",
        "e\u0301.png",
    )
    for number, name in enumerate(names):
        (scans / name).write_bytes(data + bytes([number]))
    request = RestoreRequest(str(scans), str(tmp_path / "out"), weights=str(weights), executor="inline")
    restore_inline(request)
    with Catalog.open(request.catalog_url()) as catalog:
        found = export(catalog, tmp_path / "bag", "bag", with_masters=True)
        export(catalog, tmp_path / "premis", "premis")
    assert (found["photos"], found["left_out"]) == (len(names), 0)
    bagit.Bag(str(tmp_path / "bag")).validate()
    listed = Names.load(tmp_path / "bag" / "manifest-sha256.txt")
    for held in (held for held in (tmp_path / "bag" / "data").rglob("*") if held.is_file()):
        key = held.relative_to(tmp_path / "bag").as_posix()
        assert listed.expected(key) == hashlib.sha256(held.read_bytes()).hexdigest(), (
            "and we can restore from it"
        )
    assert listed.unseen() == []
    kept = [path.name for path in (tmp_path / "bag").glob("data/*/masters/*")]
    assert len(kept) == len(names)
    assert {"100%.png", " x.png"} <= set(kept), "names are as they were where a manifest can hold them"
    stems = [
        {path.stem for path in (tmp_path / "bag").glob(f"data/*/{folder}/a-0Ab*")}
        for folder in ("masters", "restored", "masks", "premis")
    ]
    assert len(stems[0]) == 1
    assert all(stem == stems[0] for stem in stems), "a photo's files are still seen to belong together"
    documents = "".join(path.read_text() for path in (tmp_path / "bag").glob("data/*/premis/*.xml"))
    assert "a%0Ab.png</originalName>" in documents, "and PREMIS tells the others"


def test_a_bag_that_no_reader_would_accept_is_no_success(tmp_path: Path) -> None:
    package = BagPackage(tmp_path, Anywhere(), with_masters=False)
    (tmp_path / "next\x85").touch()
    package.files = 1
    with pytest.raises(StorageError, match="incomplete"):
        package.finish()


def test_collections_never_share_a_folder() -> None:
    long = "/mnt/archive/museum-of-photography/digitisation-projects/2021-2024/glass-plates/box-00"
    names = ["Архив А", "Архив Б", "照片", "/data/box/1", "/data/box-1", "data-box-1", f"{long}1", f"{long}2"]
    assert len({collection_folder(name) for name in names}) == len(names)
    assert collection_folder("glass_plates-1.b") == "glass_plates-1.b"


@pytest.mark.parametrize("name", ["/archive/scans", "../../etc", "a b", "..", "", "x" * 300, "s3://b/p"])
def test_a_collections_folder_is_one_plain_name(name: str) -> None:
    folder = collection_folder(name)
    assert folder
    assert "/" not in folder
    assert not folder.startswith(".")
    assert len(folder) <= 80


@pytest.mark.usefixtures("prefect_server")
def test_the_flows_do_the_same_under_prefect(archive: Catalog, made: RestoreRequest, tmp_path: Path) -> None:
    url = made.catalog_url()
    checked = verify_fixity(catalog=url)
    assert (checked["photos"], checked["problems"]) == (7, [])
    with pytest.raises(UsageError, match="not approved"):
        publish(catalog=url, destination=str(tmp_path / "all"))
    approve(archive)
    done = publish(catalog=url, destination=str(tmp_path / "bag"), approved_only=True)
    assert (done["photos"], done["left_out"]) == (5, 2)
    bagit.Bag(str(tmp_path / "bag")).validate()


@pytest.mark.usefixtures("prefect_server")
def test_a_scheduled_check_that_finds_a_changed_file_fails_and_names_it(made: RestoreRequest) -> None:
    file = next(Path(made.destination, "restored").rglob("*.png"))
    sound = file.read_bytes()
    file.write_bytes(sound + b"rot")
    try:
        with pytest.raises(FilesWrongError, match=r"files: 1 changed. The first: .*png is changed"):
            verify_fixity(catalog=made.destination)
    finally:
        file.write_bytes(sound)
    shown = Artifact.get("fixity-problems")
    assert shown is not None
    assert [row["uri"] for row in json.loads(shown.data)] == [str(file)]
