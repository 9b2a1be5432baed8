"""A tree of IIIF manifests, which the library of the format reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from iiif_prezi3 import Collection, Manifest
from PIL import Image

from flows.request import RestoreRequest
from oldphoto_core.errors import UsageError
from schemas.repository import Catalog
from tests.flows.material import aged_photo, exchanged_profile
from tests.flows.packages.exporting import BASE, approve, export
from tests.flows.restored import restore_inline


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
