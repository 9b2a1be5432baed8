"""Packages are there whole or not at all, in folders of their own."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import bagit
import pytest
from prefect.artifacts import Artifact

from flows.package_files import collection_folder
from flows.publish import publish
from flows.request import RestoreRequest
from flows.verify_fixity import FilesWrongError, verify_fixity
from oldphoto_core.errors import FixityError, UsageError
from schemas.repository import Catalog
from tests.flows.packages.exporting import BASE, approve, export, killed_export


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
    left = killed_export(tmp_path)
    assert left.parent == tmp_path
    monkeypatch.chdir(tmp_path)
    assert export(archive, Path(), "bag")["written"]
    assert not left.exists()
    bagit.Bag(str(tmp_path)).validate()


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


def test_no_flow_publishes_into_a_bucket() -> None:
    with pytest.raises(UsageError, match="no folder on this machine"):
        publish.fn("s3://bucket/all", catalog="sqlite:///none.db")


@pytest.mark.usefixtures("prefect_server")
def test_the_flows_do_the_same_under_prefect(
    archive: Catalog, made: RestoreRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = made.catalog_url()
    monkeypatch.delenv("OLDPHOTO_CATALOG", raising=False)
    for flow in (verify_fixity, partial(publish, str(tmp_path / "none"))):
        with pytest.raises(UsageError, match=r"No catalog is named.*OLDPHOTO_CATALOG"):
            flow()
    # As a worker in a container has it: no parameter names a catalog.
    monkeypatch.setenv("OLDPHOTO_CATALOG", url)
    checked = verify_fixity()
    assert (checked["photos"], checked["problems"]) == (7, [])
    with pytest.raises(UsageError, match="not approved"):
        publish(catalog=url, destination=str(tmp_path / "all"))
    with pytest.raises(UsageError, match=r"None of 7 photos .*\(nobody has decided on it\)"):
        publish(catalog=url, destination=str(tmp_path / "all"), approved_only=True)
    approve(archive)
    done = publish(destination=str(tmp_path / "bag"), approved_only=True)
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
