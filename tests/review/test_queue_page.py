"""The queue: what it shows, page by page, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from review.desk import Desk
from review.filters import QueueQuery, place_of
from schemas.repository import Catalog
from schemas.review_records import QueueFilter, QueueOrder
from tests.review.conftest import Visitor, running

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
