"""A photo's page and its pictures, also for photos whose names and tags mean harm."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from schemas.repository import Catalog
from schemas.review_records import Decision
from tests.review.archive import HOSTILE_KEY, HOSTILE_TEXT, SAMPLES, item_of, picture, restored_anew
from tests.review.conftest import Visitor


@pytest.fixture
def viewer(signed_in: Callable[[str], Visitor]) -> Visitor:
    return signed_in("viewer")


def stage_of(visitor: Visitor, item: int) -> dict[str, Any]:
    text = visitor.get(f"/photo/{item}").text
    found = re.search(r"data-stage='([^']*)'", text)
    assert found is not None
    stage: dict[str, Any] = json.loads(html.unescape(found[1]))
    return stage


def image(visitor: Visitor, path: str) -> np.ndarray[Any, Any]:
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_the_page_tells_all_that_a_curator_needs(catalog: Catalog, viewer: Visitor) -> None:
    text = viewer.get(f"/photo/{item_of(catalog, 'album/first.png')}").text
    for words in (
        "first.png",
        "Much filled in",
        "Look at it.",
        "31 %",
        "Faces",
        "drift 3.0 %",
        "Taken in",
        "Recipe",
    ):
        assert words in text, words
    assert "<script>" not in text
    assert " style=" not in text


def test_a_replaced_result_leads_to_the_present_one(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    first = item_of(catalog, SAMPLES[0].key)
    present = restored_anew(catalog, SAMPLES[0].key)
    reviewer = signed_in("reviewer")
    for path in ("/photo/{}", "/photo/{}?decision=replaced"):
        link = f'href="/photo/{present}'
        assert link in reviewer.get(path.format(first)).text
        assert "See the present result" not in reviewer.get(path.format(present)).text
    assert f"/photo/{first}" not in reviewer.get("/queue").text
    assert f"/photo/{first}?decision=replaced" in html.unescape(reviewer.get("/queue?decision=replaced").text)


def test_a_page_says_waiting_only_while_a_request_waits(catalog: Catalog, viewer: Visitor) -> None:
    """A request may have been let go for a result that was present then; its own photo is in no queue."""
    item = item_of(catalog, SAMPLES[0].key)
    row = catalog.queue_row(item)
    review = catalog.decide(item, Decision.REDO, "her hand", "anna", row.output_sha256, None)
    waiting, left = "Waiting for <code>oldphoto redo</code>", "No request waits any more"
    assert waiting in viewer.get(f"/photo/{item}").text
    assert catalog.redo_taken([review.review_id], row.run) == 1
    text = viewer.get(f"/photo/{item}").text
    assert waiting not in text
    assert left in text
    restored_anew(catalog, SAMPLES[0].key)
    assert left not in viewer.get(f"/photo/{item}").text


def test_viewers_cannot_decide_and_reviewers_can(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    path = f"/photo/{item_of(catalog, 'album/first.png')}"
    assert "data-decide-form" not in signed_in("viewer").get(path).text
    assert "data-decide-form" in signed_in("reviewer").get(path).text


def test_all_layers_of_a_turned_photo_are_shown_upright(catalog: Catalog, viewer: Visitor) -> None:
    number = next(i for i, sample in enumerate(SAMPLES) if sample.key == "album/turned.png")
    sample = SAMPLES[number]
    stage = stage_of(viewer, item_of(catalog, sample.key))
    assert (stage["width"], stage["height"]) == sample.size
    scan = image(viewer, stage["scan"] + "9/0_0")
    assert scan.shape == (300, 200, 3)
    assert np.abs(scan.astype(int) - picture(sample.size, number).astype(int)).mean() < 6
    mask = image(viewer, stage["mask"] + "9/0_0")
    assert mask[25, 50, 3] == 255
    assert mask[150, 50, 3] == 0
    assert [one["label"] for one in stage["results"]] == ["Restored", "Conserved"]
    conserved = image(viewer, stage["results"][1]["url"] + "9/0_0")
    assert conserved.mean() < scan.mean()


def test_faces_are_cut_from_scan_and_result(catalog: Catalog, viewer: Visitor) -> None:
    text = viewer.get(f"/photo/{item_of(catalog, 'album/first.png')}").text
    faces = re.findall(r'src="(/pictures/[^"]+/face/0\.jpg)"', text)
    assert len(faces) == 2
    scan, result = (image(viewer, path) for path in faces)
    assert scan.shape == result.shape
    assert result.mean() > scan.mean() + 5
    assert viewer.get(faces[0].replace("/face/0", "/face/7")).status_code == 404


def test_hostile_names_and_tags_pass_as_text(catalog: Catalog, viewer: Visitor) -> None:
    item = item_of(catalog, HOSTILE_KEY)
    for path in ("/queue", f"/photo/{item}", "/queue?text=%3Cimg"):
        text = viewer.get(path).text
        assert "<img src=x" not in text
        assert html.escape("<img src=x onerror=alert(1)>", quote=False) in text
    page = viewer.get(f"/photo/{item}").text
    assert HOSTILE_TEXT not in page
    assert "{{ 7*7 }}" in page
    assert "<script>" not in page
    stage = stage_of(viewer, item)
    assert image(viewer, stage["scan"] + "9/0_0").shape == (200, 300, 3)


def test_fragments_of_sql_find_nothing_and_harm_nothing(catalog: Catalog, viewer: Visitor) -> None:
    fragments = [
        "'; DROP TABLE asset; --",
        '" OR 1=1 --',
        "%",
        "_",
        "\\",
        "<script>",
        "\x00",
        "🎞",
        "../../etc/passwd",
    ]
    for text in fragments:
        for name in ("text", "flag", "collection"):
            answer = viewer.get("/queue", params={name: text})
            assert answer.status_code in (200, 400), (name, text, answer.status_code)
            assert "<script>" not in answer.text
    assert len(catalog.review_queue().rows) == 5


def test_a_picture_is_reached_by_number_and_digest_only(
    catalog: Catalog, viewer: Visitor, archive: Path
) -> None:
    item = item_of(catalog, "album/first.png")
    stage = stage_of(viewer, item)
    good = stage["scan"] + "9/0_0"
    assert viewer.get(good).headers["cache-control"].endswith("immutable")
    bad = [
        good.replace("/scan/", "/..%2f..%2fcatalog.db/"),
        good.replace("/scan/", "/restored/"),
        good.replace(f"/{item}/", "/99999/"),
        good.replace("/photo/", "/mask/"),
        good.replace("9/0_0", "9/7_7"),
        good.replace("9/0_0", "39/0_0"),
        "/static/x/..%2f..%2fapp.py",
        "/static/x/../../app.py",
        f"/pictures/{item}/{archive}/x/thumbnail.jpg",
    ]
    for path in bad:
        assert viewer.get(path).status_code in (404, 422, 400), path


def test_a_changed_or_missing_file_is_told_and_not_shown(
    catalog: Catalog, viewer: Visitor, archive: Path
) -> None:
    stage = stage_of(viewer, item_of(catalog, "album/first.png"))
    result, scan = archive / "out/restored/album/first.png", archive / "scans/album/first.png"
    result.write_bytes(result.read_bytes() + b"x")
    scan.unlink()
    accepts = {"Accept": "application/json"}
    changed = viewer.get(stage["results"][0]["url"] + "9/0_0", headers=accepts)
    assert changed.status_code == 422
    assert "recorded was" in changed.json()["problem"]
    gone = viewer.get(stage["scan"] + "9/0_0", headers=accepts)
    assert "cannot be read" in gone.json()["problem"]


def test_nothing_is_written_among_the_masters(catalog: Catalog, viewer: Visitor, archive: Path) -> None:
    def seen(folder: Path) -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    before = seen(archive / "scans")
    for row in catalog.review_queue().rows:
        stage = stage_of(viewer, row.item_id)
        image(viewer, stage["scan"] + "8/0_0")
        image(viewer, f"/pictures/{row.item_id}/scan/{row.sha256[:16]}/thumbnail.jpg")
    assert seen(archive / "scans") == before


def test_an_unknown_photo_is_not_found(viewer: Visitor) -> None:
    assert viewer.get("/photo/99999").status_code == 404
    assert viewer.get("/photo/x").status_code in (400, 404, 422)
    assert viewer.get(f"/photo/{2**70}").status_code in (400, 404, 422)
