"""Bags hold the recorded bytes; the library of the format accepts them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import bagit
import pytest

from flows.bag import BagPackage
from flows.manifest import Manifest as Names
from flows.request import RestoreRequest
from oldphoto_core.errors import StorageError, UsageError
from schemas.repository import Catalog
from schemas.review_records import QueueFilter
from storage import Anywhere
from tests.flows.material import write_photos
from tests.flows.packages.exporting import approve, export
from tests.flows.restored import restore_inline


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
