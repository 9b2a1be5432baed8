"""Masks drawn by hand: what is drawn is what is saved, in the master's orientation, beside the others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.image_io import to_upright
from schemas.ingest_records import AssetRecord
from schemas.records import DerivativeRecord
from schemas.repository import Catalog
from schemas.review_records import Decision
from tests.review.archive import COLLECTION, damage, item_of, restored_anew
from tests.review.conftest import Visitor


@pytest.fixture
def reviewer(signed_in: Callable[[str], Visitor]) -> Visitor:
    return signed_in("reviewer")


def submit(reviewer: Visitor, item: int, **drawing: Any) -> httpx.Response:
    fields = reviewer.fields(f"/photo/{item}/mask")
    body = {
        "base": "mask",
        "strokes": [],
        "reason": "by hand",
        "output_sha256": fields["output_sha256"],
        "seen_review": int(fields["seen_review"]) if fields["seen_review"] else None,
        **drawing,
    }
    headers = {"X-CSRF-Token": reviewer.token, "Accept": "application/json"}
    return reviewer.client.post(f"/photo/{item}/mask", json=body, headers=headers)


def saved(catalog: Catalog, item: int, orientation: int = 1) -> NDArray[np.bool_]:
    """Return the newest edited mask, upright."""
    edit = catalog.history(item)["mask_edits"][-1]
    data = Path(edit.uri).read_bytes()
    assert hashlib.sha256(data).hexdigest() == edit.sha256
    return to_upright(np.asarray(Image.open(edit.uri)) > 127, orientation)


def stroke(tool: str, size: float, *points: tuple[float, float]) -> dict[str, Any]:
    return {"tool": tool, "size": size, "points": [list(point) for point in points]}


def test_strokes_add_and_take_away(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    strokes = [
        stroke("paint", 11, (200, 100), (250, 100)),
        stroke("erase", 60, (60, 25)),
        stroke("paint", 3, (60, 25)),
    ]
    assert submit(reviewer, item, strokes=strokes).status_code == 200
    mask = saved(catalog, item)
    assert mask[96:105, 200:250].all()
    assert not mask[90, 225]
    assert not mask[20:30, 40:58].any()
    assert mask[25, 60]
    assert mask[25, 140]


def test_the_pixel_under_the_brush_is_painted(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    strokes = [
        stroke("paint", 1, (200.9, 100.1)),
        stroke("paint", 1, (220.1, 100.9)),
        stroke("paint", 1, (230.9, 100.9), (240.9, 100.9)),
    ]
    assert submit(reviewer, item, base="empty", strokes=strokes).status_code == 200
    rows, columns = np.nonzero(saved(catalog, item))
    assert set(rows) == {100}
    assert set(columns) == {200, 220, *range(230, 241)}


def test_a_turned_photos_mask_is_stored_as_its_master_is(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/turned.png")
    assert submit(reviewer, item, strokes=[stroke("paint", 5, (150, 250), (190, 250))]).status_code == 200
    edit = catalog.history(item)["mask_edits"][-1]
    assert np.asarray(Image.open(edit.uri)).shape == (200, 300)
    mask = saved(catalog, item, orientation=6)
    expected = damage((200, 300))
    assert mask[248:253, 150:190].all()
    assert np.array_equal(mask[:200], expected[:200])


def test_where_no_picture_is_left_there_is_no_editor(catalog: Catalog, reviewer: Visitor) -> None:
    """Of a photo that needed nothing the mask alone is kept, and then another scan came in the place of its own."""
    key = "album/first.png"
    mask = catalog.history(item_of(catalog, key))["derivatives"][1]
    assert mask["kind"] == "mask"
    kept = DerivativeRecord("mask", None, mask["uri"], mask["sha256"], mask["size"], "image/png")
    item, link = restored_anew(catalog, key, kept), "Edit the mask"
    assert link in reviewer.get(f"/photo/{item}").text
    collection = catalog.collection_id(COLLECTION)
    (known,) = catalog.known(collection, [key]).values()
    run = catalog.start_run(None, collection, None, {})
    catalog.record_assets(collection, [AssetRecord(key, known.uri, 9, "2", "9" * 64, format="PNG")], run)
    page = reviewer.get(f"/photo/{item}")
    assert page.status_code == 200
    assert link not in page.text
    answer = reviewer.get(f"/photo/{item}/mask")
    assert answer.status_code == 422
    assert "no picture" in answer.text


def test_the_probability_is_cut_at_the_threshold(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    submit(reviewer, item, base="probability", threshold=0.5)
    assert np.array_equal(saved(catalog, item), damage((300, 200)))
    submit(reviewer, item, base="probability", threshold=0.3)
    lower = saved(catalog, item)
    assert lower[60:70, 30:80].all()
    submit(reviewer, item, base="empty")
    assert not saved(catalog, item).any()


def test_an_edited_mask_can_be_edited_again(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    submit(reviewer, item, base="empty", strokes=[stroke("paint", 5, (100, 100))])
    first = catalog.history(item)["mask_edits"][-1].mask_edit_id
    submit(reviewer, item, base=f"edit-{first}", strokes=[stroke("paint", 5, (200, 100))])
    mask = saved(catalog, item)
    assert mask[100, 100]
    assert mask[100, 200]


def test_saving_asks_for_a_redo_and_overwrites_nothing(
    catalog: Catalog, reviewer: Visitor, archive: Path
) -> None:
    item = item_of(catalog, "album/first.png")
    masks = archive / "out" / "masks" / "album"
    before = {path: path.read_bytes() for path in masks.iterdir()}
    assert submit(reviewer, item, strokes=[stroke("paint", 9, (5, 5))]).status_code == 200
    assert {path: path.read_bytes() for path in before} == before
    (request,) = catalog.pending_redos(COLLECTION)
    assert request.item_id == item
    assert request.mask is not None
    assert Path(request.mask.uri).parent == masks
    assert catalog.queue_row(item).decision is Decision.REDO or catalog.queue_row(item).decision == "redo"


def test_a_reason_that_the_field_takes_is_taken_with_a_mask(catalog: Catalog, reviewer: Visitor) -> None:
    item, lines = item_of(catalog, "album/first.png"), ["x" * 99] * 20
    assert submit(reviewer, item, reason="\r\n".join([*lines, "x"])).status_code == 400
    assert submit(reviewer, item, reason="\r\n".join(lines)).status_code == 200
    assert [review.reason for review in catalog.reviews(item)] == ["\n".join(lines)]


def test_a_mask_for_a_photo_that_somebody_decided_on_is_refused(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    fields = reviewer.fields(f"/photo/{item}/mask")
    row = catalog.queue_row(item)
    catalog.decide(item, Decision.APPROVE, "", "somebody", row.output_sha256, None)
    refused = submit(reviewer, item, output_sha256=fields["output_sha256"], seen_review=None)
    assert refused.status_code == 409
    assert "problem" in refused.json()
    assert not catalog.pending_redos(COLLECTION)


def test_a_refused_redo_leaves_no_mask(catalog: Catalog, reviewer: Visitor, archive: Path) -> None:
    item = item_of(catalog, "album/first.png")
    masks = archive / "out" / "masks"
    before = sorted(masks.rglob("*"))
    for _ in range(2):
        assert submit(reviewer, item, base="empty", output_sha256="0" * 64).status_code == 409
    assert not catalog.history(item)["mask_edits"]
    assert sorted(masks.rglob("*")) == before


IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"base": "../../etc/passwd"},
    {"base": "scan"},
    {"base": "edit-999"},
    {"threshold": 0},
    {"threshold": "NaN"},
    {"strokes": [stroke("paint", 0, (1, 1))]},
    {"strokes": [stroke("paint", 1e9, (1, 1))]},
    {"strokes": [stroke("paint", 5, (1e30, 1))]},
    {"strokes": [stroke("draw", 5, (1, 1))]},
    {"strokes": [{"tool": "paint", "size": 5, "points": []}]},
    {"reason": "  "},
)


def test_a_drawing_that_cannot_be_is_refused(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    for drawing in IMPOSSIBLE:
        assert submit(reviewer, item, **drawing).status_code in (400, 422), drawing
    assert not catalog.history(item)["mask_edits"]


def test_strokes_far_outside_the_picture_do_no_harm(catalog: Catalog, reviewer: Visitor) -> None:
    item = item_of(catalog, "album/first.png")
    strokes = [stroke("paint", 4000, (-9e5, -9e5), (-9e5, 9e5)), stroke("paint", 5, (299, 199), (900, 900))]
    assert submit(reviewer, item, base="empty", strokes=strokes).status_code == 200
    mask = saved(catalog, item)
    assert mask[199, 299]
    assert not mask[:150, :200].any()
