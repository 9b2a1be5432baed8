"""The queue: what it shows, page by page, and what it costs."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from review.desk import Desk
from review.filters import QueueQuery, place_of
from schemas.repository import Catalog
from schemas.review_records import Decision, QueueFilter, QueueOrder
from tests.review.conftest import Visitor, running
from tests.schemas.archive import Archive, done, flag, photo

CARD = re.compile(r'href="/photo/(\d+)[^"]*"')


def cards(visitor: Visitor, path: str) -> list[int]:
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    return [int(number) for number in CARD.findall(answer.text)]


def test_the_gravest_comes_first_and_decided_ones_are_gone(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    viewer = signed_in("viewer")
    expected = [row.item_id for row in catalog.review_queue().rows]
    assert cards(viewer, "/queue") == expected
    assert catalog.queue_row(expected[0]).key == "album/grave.png"
    row = catalog.queue_row(expected[0])
    catalog.decide(row.item_id, "approve", "", "somebody", row.output_sha256, None)  # type: ignore[arg-type]
    assert cards(viewer, "/queue") == expected[1:]
    assert cards(viewer, "/queue?decision=approve") == expected[:1]


def test_filters_narrow_the_queue(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    viewer = signed_in("viewer")
    for path, wanted in (
        ("/queue?flag=mask-share", QueueFilter(flag="mask-share")),
        ("/queue?severity=notice", QueueFilter(severity="notice")),
        ("/queue?text=TURN", QueueFilter(text="turn")),
        ("/queue?flag=mask-share&order=value", QueueFilter(flag="mask-share", order=QueueOrder.VALUE)),
        ("/queue?unflagged=1", QueueFilter(flagged_only=False)),
        ("/queue?collection=glass+plates", QueueFilter(collection="glass plates")),
    ):
        expected = [row.item_id for row in catalog.review_queue(wanted).rows]
        assert expected
        assert cards(viewer, path) == expected, path


FACET = re.compile(r'id="((?:decision|severity|flag)-[\w-]+)" href="([^"]+)"[^\n]*')
NUMBER = re.compile(r'<span class="number">(\d+)')


@pytest.mark.parametrize(
    "path",
    ["/queue", "/queue?flag=mask-share", "/queue?severity=warning", "/queue?unflagged=1&decision=any"],
)
def test_every_choice_leads_to_as_many_photos_as_it_says(
    path: str, catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    viewer = signed_in("viewer")
    row = catalog.review_queue(QueueFilter(flag="mask-share")).rows[0]
    catalog.decide(row.item_id, Decision.APPROVE, "", "somebody", row.output_sha256, None)
    text = viewer.get(path).text
    facets = {found[1]: (html.unescape(found[2]), found[0]) for found in FACET.finditer(text)}
    assert {"decision-approve", "severity-warning", "flag-mask-share"} <= set(facets)
    told = {name: NUMBER.search(line) for name, (_, line) in facets.items()}
    for name, (address, _) in facets.items():
        found = len(cards(viewer, address))
        number = told[name]
        assert number is None or int(number[1]) == found, (name, address)
    assert NUMBER.search(text[text.index('id="queue-title"') :])[1] == str(len(cards(viewer, path)))  # type: ignore[index]


def test_a_search_shows_no_numbers_that_it_did_not_count(signed_in: Callable[[str], Visitor]) -> None:
    text = signed_in("viewer").get("/queue?text=first").text
    assert "flag-mask-share" in text
    assert NUMBER.search(text) is None


def test_a_search_goes_on_where_it_stopped_looking(
    catalog: Catalog, desk_with: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.queue.SEARCH_WINDOW", 1)
    rows = catalog.review_queue().rows
    asked = urlencode({"text": rows[-1].key.removeprefix("album/")[:5]})
    with running(desk_with(page_size=1)) as address:
        curator, further = Visitor(address), 0
        curator.sign_in("curator")
        answer = curator.get(f"/queue?{asked}")
        assert "Nothing matches" not in answer.text
        while not (found := CARD.findall(answer.text)):
            more = re.search(r'hx-get="(/queue\?[^"]*after=[^"]+)"[^>]*>Look further', answer.text)
            assert more is not None
            answer = curator.get(html.unescape(more[1]), headers={"HX-Request": "true"})
            further += 1
        assert (int(found[0]), further) == (rows[-1].item_id, len(rows) - 1)
        assert 'name="decision"' in curator.get(f"/batch?{asked}").text


def test_one_gets_back_from_photos_without_flags(signed_in: Callable[[str], Visitor]) -> None:
    text = signed_in("viewer").get("/queue?unflagged=1").text
    (back,) = (found[2] for found in FACET.finditer(text) if found[1] == "flag-all")
    assert back == "/queue"


def test_what_narrows_the_queue_stays_while_searching(signed_in: Callable[[str], Visitor]) -> None:
    text = signed_in("viewer").get("/queue?run=1&severity=warning&unflagged=1").text
    form = text[text.index('role="search"') : text.index('id="search"')]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    assert (fields["run"], fields["severity"], fields["unflagged"]) == ("1", "warning", "1")


def test_the_gravest_flag_is_told_first_and_the_one_asked_for_before_it(
    signed_in: Callable[[str], Visitor],
) -> None:
    viewer = signed_in("viewer")
    chips = re.compile(r'class="chip chip-(\w+)"')
    assert chips.search(viewer.get("/queue").text)[1] == "serious"  # type: ignore[index]
    assert chips.search(viewer.get("/queue?flag=mask-share").text)[1] == "warning"  # type: ignore[index]


def test_a_flag_whose_value_says_nothing_shows_none_and_is_not_sorted_by_it(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    Archive(catalog, "night run").run([photo("a.tif")], lambda item: done(item, flags=(flag("redone", 1.0),)))
    viewer = signed_in("viewer")
    for code, has_value in (("redone", False), ("mask-share", True)):
        text = viewer.get(f"/queue?flag={code}").text
        assert "data-card" in text
        assert ("card-value" in text, "Highest value" in text) == (has_value, has_value), code


def test_an_address_that_means_nothing_is_told_so(signed_in: Callable[[str], Visitor]) -> None:
    viewer = signed_in("viewer")
    for query in ("severity=awful", "decision=maybe", "order=random", "run=x", "after=zzz"):
        assert viewer.get(f"/queue?{query}").status_code == 400, query


def test_pages_follow_each_other_without_a_gap(catalog: Catalog, desk_with: Callable[..., Desk]) -> None:
    with running(desk_with(page_size=2)) as address:
        viewer = Visitor(address)
        viewer.sign_in("viewer")
        answer, seen = viewer.get("/queue"), []
        while True:
            seen += [int(number) for number in CARD.findall(answer.text)]
            more = re.search(r'hx-get="(/queue\?[^"]*after=[^"]+)"', answer.text)
            if more is None:
                break
            answer = viewer.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"})
            assert "<html" not in answer.text
    assert seen == [row.item_id for row in catalog.review_queue().rows]


@pytest.mark.parametrize(
    "wanted",
    [
        QueueQuery(),
        QueueQuery(flag="mask-share"),
        QueueQuery(flag="mask-share", order="value"),
        QueueQuery(unflagged=True, decision="any"),
    ],
)
def test_a_rows_place_is_the_catalogs_own_cursor(wanted: QueueQuery, catalog: Catalog) -> None:
    condition = wanted.filter()
    everything = catalog.review_queue(condition).rows
    for number, row in enumerate(everything, 1):
        following = catalog.review_queue(condition, after=place_of(row, condition)).rows
        assert [one.item_id for one in following] == [one.item_id for one in everything[number:]]
        page = catalog.review_queue(condition, limit=number)
        assert page.next in (None, place_of(row, condition))


def test_a_flag_without_a_value_has_a_place_and_is_shown(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    with catalog.engine.begin() as connection:
        connection.execute(sa.text("UPDATE flag SET value = NULL WHERE code = 'mask-share'"))
        connection.execute(sa.text("UPDATE queue_entry SET value = 0 WHERE code = 'mask-share'"))
    wanted = QueueQuery(flag="mask-share", order="value")
    rows = catalog.review_queue(wanted.filter()).rows
    assert len(rows) > 1
    test_a_rows_place_is_the_catalogs_own_cursor(wanted, catalog)
    viewer = signed_in("viewer")
    for path in ("/queue", *(f"/photo/{row.item_id}" for row in rows)):
        assert viewer.get(wanted.address(path)).status_code == 200, path


def test_a_page_costs_the_same_number_of_statements_whatever_it_shows(
    catalog: Catalog, desk_with: Callable[..., Desk]
) -> None:
    statements: list[str] = []
    sa.event.listen(catalog.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    def cost(page_size: int) -> int:
        with running(desk_with(page_size=page_size)) as address:
            viewer = Visitor(address)
            viewer.sign_in("viewer")
            statements.clear()
            assert viewer.get("/queue").status_code == 200
            return len([one for one in statements if one.lstrip().upper().startswith("SELECT")])

    assert cost(1) == cost(5)
    assert not [one for one in statements if "count(" in one.lower() and " asset" in one.lower()]


def test_addresses_say_what_they_filter() -> None:
    wanted = QueueQuery(flag="a b", text="ü&x", unflagged=True)
    address = wanted.address("/queue")
    assert address == "/queue?flag=a+b&text=%C3%BC%26x&unflagged=1"
    assert replace(wanted, flag="").is_narrowed
    assert QueueQuery().address("/photo/3") == "/photo/3"


HUGE = "9" * 20
"""More than a 64-bit number holds, which databases refuse each in their own way."""


@pytest.mark.parametrize(
    "path",
    [
        f"/queue?run={HUGE}",
        "/queue?run=²",
        f"/queue?after=1~{HUGE}",
        f"/queue?after={HUGE}~1",
        "/queue?after=nan~1",
        "/queue?flag=mask-share&order=value&after=nan~1",
        f"/photo/{HUGE}",
        f"/lots/{HUGE}",
        f"/batch?run={HUGE}",
    ],
)
def test_numbers_beyond_any_database_are_nobodys_page(signed_in: Callable[[str], Visitor], path: str) -> None:
    assert signed_in("curator").get(path).status_code in (400, 404)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/photo/1/decide", {"decision": "approve", "output_sha256": "0" * 64, "seen_review": HUGE}),
        (
            "/photo/1/decide",
            {"decision": "redo", "reason": "x", "output_sha256": "0" * 64, "mask_edit": HUGE},
        ),
        ("/marked", {"decision": "approve", "marked": f"{HUGE}:{'0' * 64}:"}),
        ("/marked", {"decision": "approve", "marked": f"1:{'0' * 64}:{HUGE}"}),
        ("/marked", {"decision": "approve", "marked": f"1:{'0' * 64}:²"}),
    ],
)
def test_forms_with_such_numbers_are_refused(
    catalog: Catalog, signed_in: Callable[[str], Visitor], path: str, fields: dict[str, str]
) -> None:
    answer = signed_in("reviewer").post(path, **fields)
    assert answer.status_code in (400, 409)
    assert catalog.reviews(1) == []


@pytest.mark.parametrize("name", ["\x00", "a\x00b", "\ud800".encode("utf-8", "surrogatepass")])
def test_names_that_no_database_holds_are_nobody(visitor: Visitor, name: str | bytes) -> None:
    visitor.get("/sign-in")
    answer = visitor.client.post("/sign-in", data={"csrf": visitor.token, "name": name, "password": "guess"})
    assert answer.status_code in (400, 401)
