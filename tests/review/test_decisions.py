"""Deciding: bound to what was seen, never lost to somebody else, and taken back."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest

from review.routes.lots import LEVELS
from schemas.records import OutcomeRecord, PendingItem
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, Standing
from tests.review.archive import item_of, restored_anew
from tests.review.conftest import Visitor
from tests.schemas.archive import Archive, done, flag, photo

PATH = "/photo/{}/decide"


@pytest.fixture
def reviewer(signed_in: Callable[[str], Visitor]) -> Visitor:
    return signed_in("reviewer")


@pytest.fixture
def first(catalog: Catalog) -> int:
    return item_of(catalog, "album/first.png")


def standing(catalog: Catalog, item: int) -> Standing:
    return catalog.queue_row(item).decision


def test_approving_goes_on_to_the_next_photo_of_the_queue(
    catalog: Catalog, reviewer: Visitor, first: int
) -> None:
    order = [row.item_id for row in catalog.review_queue().rows]
    answer = reviewer.post(PATH.format(first), decision="approve", **reviewer.fields(f"/photo/{first}"))
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/photo/{order[order.index(first) + 1]}"
    (review,) = catalog.reviews(first)
    assert (review.decision, review.reviewer) == (Decision.APPROVE, "reviewer")
    assert review.output_sha256 == catalog.queue_row(first).output_sha256


def test_the_last_photo_leads_back_to_the_queue(catalog: Catalog, reviewer: Visitor) -> None:
    last = catalog.review_queue().rows[-1].item_id
    answer = reviewer.post(PATH.format(last), decision="approve", **reviewer.fields(f"/photo/{last}"))
    assert answer.headers["location"] == "/queue"


@pytest.mark.parametrize("decision", ["reject", "redo"])
def test_rejecting_and_redoing_need_a_reason(
    decision: str, catalog: Catalog, reviewer: Visitor, first: int
) -> None:
    fields = reviewer.fields(f"/photo/{first}")
    assert reviewer.post(PATH.format(first), decision=decision, reason="  ", **fields).status_code == 400
    assert standing(catalog, first) is Standing.UNDECIDED
    assert (
        reviewer.post(PATH.format(first), decision=decision, reason="too soft", **fields).status_code == 303
    )
    assert standing(catalog, first) == decision


@pytest.mark.parametrize("route", ["decide", "marked", "batch"])
def test_a_reason_that_the_field_takes_is_taken_however_its_lines_end(
    route: str, catalog: Catalog, signed_in: Callable[[str], Visitor], first: int
) -> None:
    """A browser counts a line end as one character, and sends two."""
    curator, lines = signed_in("curator"), ["x" * 99] * 20
    path, fields, accepted = {
        "decide": (PATH.format(first), curator.fields(f"/photo/{first}"), 303),
        "marked": ("/marked", {"marked": f"{first}:{catalog.queue_row(first).output_sha256}:"}, 303),
        "batch": ("/batch", batch_fields(curator.get("/batch").text), 200),
    }[route]
    too_long = curator.post(path, decision="reject", reason="\r\n".join([*lines, "x"]), **fields)
    assert (too_long.status_code, catalog.reviews(first)) == (400, [])
    assert "(reason)" in too_long.text
    answer = curator.post(path, decision="reject", reason="\r\n".join(lines), **fields)
    assert answer.status_code == accepted
    assert [review.reason for review in catalog.reviews(first)] == ["\n".join(lines)]


def test_undo_takes_back_and_shows_the_photo_again(catalog: Catalog, reviewer: Visitor, first: int) -> None:
    reviewer.post(PATH.format(first), decision="approve", **reviewer.fields(f"/photo/{first}"))
    assert "Undo" in reviewer.get("/queue").text
    answer = reviewer.post("/undo")
    assert answer.headers["location"] == f"/photo/{first}"
    assert standing(catalog, first) is Standing.UNDECIDED
    assert "nothing to undo" in reviewer.post("/undo").text


def test_the_second_of_two_reviewers_is_told_and_loses_nothing(
    catalog: Catalog, signed_in: Callable[[str], Visitor], first: int
) -> None:
    one, other = signed_in("reviewer"), signed_in("curator")
    seen_by_one, seen_by_other = one.fields(f"/photo/{first}"), other.fields(f"/photo/{first}")
    assert one.post(PATH.format(first), decision="approve", **seen_by_one).status_code == 303
    refused = other.post(PATH.format(first), decision="reject", reason="soft", **seen_by_other)
    assert refused.status_code == 409
    for words in ("Somebody was faster", "album/first.png", "<strong>Approved</strong> by reviewer"):
        assert words in refused.text, words
    assert f'href="/photo/{first}"' in refused.text
    assert [review.reviewer for review in catalog.reviews(first)] == ["reviewer"]
    again = other.fields(f"/photo/{first}")
    assert other.post(PATH.format(first), decision="reject", reason="soft", **again).status_code == 303
    assert [review.decision for review in catalog.reviews(first)] == [Decision.APPROVE, Decision.REJECT]


def test_a_decision_is_refused_for_another_output_than_was_seen(
    catalog: Catalog, reviewer: Visitor, first: int
) -> None:
    fields = reviewer.fields(f"/photo/{first}") | {"output_sha256": "f" * 64}
    assert reviewer.post(PATH.format(first), decision="approve", **fields).status_code == 409
    assert standing(catalog, first) is Standing.UNDECIDED


def test_scripts_are_told_in_json(catalog: Catalog, reviewer: Visitor, first: int) -> None:
    fields = {"csrf": reviewer.token, "decision": "approve", **reviewer.fields(f"/photo/{first}")}
    fields["csrf"] = reviewer.token
    accepts = {"Accept": "application/json"}
    answer = reviewer.client.post(PATH.format(first), data=fields, headers=accepts)
    assert answer.json()["review"] == catalog.reviews(first)[0].review_id
    refused = reviewer.client.post(PATH.format(first), data=fields, headers=accepts)
    assert refused.status_code == 409
    assert "problem" in refused.json()


def batch_fields(text: str) -> dict[str, str]:
    """Return the hidden fields of the page that decides on many."""
    found = {name: re.search(f'name="{name}" value="([^"]*)"', text) for name in ("expected", "until")}
    return {name: html.unescape(one[1]) for name, one in found.items() if one is not None}


def test_a_batch_decides_on_what_the_filter_shows_and_is_undone_as_one(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    curator = signed_in("curator")
    page = curator.get("/batch?flag=mask-share")
    wanted = [
        row.item_id
        for row in catalog.review_queue(limit=50).rows
        if "mask-share" in {f.code for f in row.flags}
    ]
    assert f"Decide on {len(wanted)} photos" in page.text
    path = "/batch?flag=mask-share"
    fields = {"decision": "reject", **batch_fields(page.text)}
    assert fields["expected"] == str(len(wanted))
    assert curator.post(path, **fields).status_code == 400
    done = curator.post(path, reason="all too soft", **fields)
    assert done.status_code == 200
    assert {item for item in wanted if standing(catalog, item) is Standing.REJECT} == set(wanted)
    assert standing(catalog, item_of(catalog, "album/unsure.png")) is Standing.UNDECIDED
    assert curator.post("/undo").status_code == 303
    assert all(standing(catalog, item) is Standing.UNDECIDED for item in wanted)


def test_what_of_a_batch_cannot_be_undone_is_told(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    curator, other = signed_in("curator"), signed_in("reviewer")
    fields = batch_fields(curator.get("/batch?flag=mask-share").text)
    assert curator.post("/batch?flag=mask-share", decision="approve", **fields).status_code == 200
    first = item_of(catalog, "album/first.png")
    seen = other.fields(f"/photo/{first}")
    assert other.post(PATH.format(first), decision="reject", reason="soft", **seen).status_code == 303
    answer = curator.post("/undo")
    assert answer.status_code == 409
    assert "4 decisions 3 were taken back; 1 could not be" in answer.text
    assert "first.png" in answer.text
    assert standing(catalog, first) is Standing.REJECT


def test_a_batch_without_its_reason_is_asked_for_it_and_loses_nothing(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    curator = signed_in("curator")
    fields = batch_fields(curator.get("/batch?flag=mask-share").text)
    answer = curator.post("/batch?flag=mask-share", decision="reject", reason=" ", **fields)
    assert answer.status_code == 400
    assert "Say why" in answer.text
    assert 'action="/batch?flag=mask-share"' in answer.text
    assert catalog.review_queue(QueueFilter(decision=Standing.REJECT)).rows == ()


def test_a_batch_decides_on_no_more_than_it_said(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    curator = signed_in("curator")
    fields = batch_fields(curator.get("/batch").text)
    curator.post("/batch", **{**fields, "decision": "approve", "expected": "2"})
    assert (
        sum(standing(catalog, row.item_id) is Standing.UNDECIDED for row in catalog.review_queue().rows) == 3
    )


def test_a_batch_of_a_time_that_no_calendar_holds_is_refused(signed_in: Callable[[str], Visitor]) -> None:
    curator = signed_in("curator")
    fields = {**batch_fields(curator.get("/batch").text), "decision": "approve"}
    for until in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"):
        assert curator.post("/batch", **{**fields, "until": until}).status_code == 400


def test_a_batch_leaves_alone_what_came_after_its_page(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    curator = signed_in("curator")
    shown = {row.item_id for row in catalog.review_queue().rows}
    fields = batch_fields(curator.get("/batch").text)
    Archive(catalog, "night run").run([photo(f"{number}.tif") for number in range(3)], _grave)
    answer = curator.post("/batch", decision="approve", **fields)
    assert answer.status_code == 200
    assert {row.item_id for row in catalog.review_queue(QueueFilter(decision=Standing.APPROVE)).rows} == shown
    left = catalog.review_queue().rows
    assert [row.collection for row in left] == ["night run"] * 3


def _grave(item: PendingItem) -> OutcomeRecord:
    return done(item, flags=(flag("everything-masked", 0.9, "serious"),))


def test_marked_photos_are_decided_each_as_it_was_seen(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    reviewer = signed_in("reviewer")
    rows = catalog.review_queue().rows[:3]
    marked = [f"{row.item_id}:{row.output_sha256}:" for row in rows]
    catalog.decide(rows[0].item_id, Decision.REJECT, "soft", "somebody", rows[0].output_sha256, None)
    answer = reviewer.post("/marked", decision="approve", marked=marked)
    assert answer.status_code == 409
    assert "left alone" in answer.text
    assert [standing(catalog, row.item_id).value for row in rows] == ["reject", "approve", "approve"]
    assert reviewer.post("/marked", decision="approve", marked=["x:y:z"]).status_code == 400


def test_a_lot_is_drawn_judged_and_shown(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    curator = signed_in("curator")
    answer = curator.post("/lots", aql="2.5", level="II", collection="glass plates", scope="all")
    assert answer.status_code == 303
    (lot,) = catalog.lots()
    assert lot.created_by == "curator"
    shown = curator.get(answer.headers["location"]).text
    assert f"seed {lot.seed}" in shown
    assert shown.count("data-card") == lot.sample_size + 1
    for row in catalog.lot_sample(lot.lot_id):
        catalog.decide(row.item_id, Decision.APPROVE, "", "somebody", row.output_sha256, None)
    assert "accepted" in curator.get(f"/lots/{lot.lot_id}").text


def test_a_lot_tells_of_results_that_others_took_the_place_of(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    """Decided or not: its verdict is of what was drawn."""
    curator = signed_in("curator")
    page = curator.post("/lots", aql="2.5", level="II", scope="all").headers["location"]
    assert "newer result" not in curator.get(page).text
    first, second = catalog.lot_sample(1)[:2]
    catalog.decide(first.item_id, Decision.APPROVE, "", "somebody", first.output_sha256, None)
    restored_anew(catalog, first.key)
    assert "1 of the sample has a newer result by now" in curator.get(page).text
    restored_anew(catalog, second.key)
    text = curator.get(page).text
    assert "2 of the sample have a newer result by now" in text
    assert text.count("badge-replaced") == 2
    lot = catalog.lot(1)
    assert lot.replaced == (first.item_id, second.item_id)
    assert (lot.conforming, lot.undecided) == (1, lot.sample_size - 1)
    assert curator.get("/lots/2").status_code == 404


def test_a_lot_is_drawn_at_every_level_that_is_offered(signed_in: Callable[[str], Visitor]) -> None:
    curator = signed_in("curator")
    for level in LEVELS:
        answer = curator.post("/lots", aql="2.5", level=level, collection="glass plates", scope="all")
        assert answer.status_code == 303, level
