"""In a bucket an object may be called like a folder of others; in a package, which is a folder, both find a place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import bagit
import boto3
import pytest

from flows.request import RestoreRequest
from schemas.repository import Catalog
from tests.flows.material import write_photos
from tests.flows.packages.exporting import BASE, export
from tests.flows.restored import restore_inline

pytestmark = pytest.mark.integration

KEYS = ("box", "box/in.png", "x.jpg/in.png", "x.json/in.png", "x.png", "x.xml/in.png")
"""The first is the second's folder; the fifth's access copy, manifest and PREMIS document are called like folders."""


@pytest.fixture
def request_(bucket: str, tmp_path: Path, weights: Path) -> RestoreRequest:
    (photo,) = write_photos(tmp_path / "local", 1)
    for number, key in enumerate(KEYS):
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=photo.read_bytes() + bytes([number]))
    request = RestoreRequest(
        f"s3://{bucket}", str(tmp_path / "out"), collection="c", weights=str(weights), executor="inline"
    )
    restore_inline(request)
    return request


def test_a_package_holds_a_file_that_is_called_like_a_folder(
    request_: RestoreRequest, tmp_path: Path
) -> None:
    with Catalog.open(request_.catalog_url()) as catalog:
        bag = export(catalog, tmp_path / "bag", "bag", with_masters=True)
        premis = export(catalog, tmp_path / "premis", "premis")
        iiif = export(catalog, tmp_path / "iiif", "iiif", base_url=BASE)
        digests = {catalog.history(number)["content"]["sha256"] for number in range(1, len(KEYS) + 1)}  # type: ignore[index]
    assert [one["photos"] for one in (bag, premis, iiif)] == [len(KEYS)] * 3

    bagit.Bag(str(tmp_path / "bag")).validate()
    masters = [path for path in (tmp_path / "bag/data/c/masters").rglob("*") if path.is_file()]
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in masters} == digests

    documents = (path for path in (tmp_path / "premis").rglob("*.xml") if path.is_file())
    told = "".join(path.read_text() for path in documents)
    assert all(f"<originalName>{key}</originalName>" in told for key in KEYS)

    page = json.loads((tmp_path / "iiif/pages/1.json").read_text())
    for item in page["items"]:
        canvas = json.loads(_file(tmp_path, item["id"]).read_text())["items"][0]
        shown = canvas["items"][0]["items"][0]["body"]["items"]
        assert all(_file(tmp_path, image["id"]).is_file() for image in shown)


def _file(folder: Path, address: str) -> Path:
    return folder / "iiif" / address.removeprefix(f"{BASE}/")
