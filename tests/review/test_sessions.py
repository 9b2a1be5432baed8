"""Two processes of the desk over one catalog: a session begun at one is known, and ended, at the other."""

from __future__ import annotations

import html
import ipaddress
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from review.desk import Desk
from review.settings import DeskSettings, ProxySignIn
from schemas.desk_sessions import MOST_SESSIONS, MOST_STEPS, StepRecord
from schemas.exports.tabular import tables
from schemas.repository import Catalog
from schemas.review_records import Role
from schemas.tables import DeskSession, DeskStep
from tests.review.archive import PASSWORD, SAMPLES, item_of, make_archive
from tests.review.conftest import TOKEN, Visitor, running
from tests.review.test_masks import stroke, submit

IDLE = timedelta(hours=10)


@pytest.fixture
def addresses(catalog_url: str, settings: DeskSettings) -> Iterator[tuple[str, str]]:
    """Two desks that share nothing but the catalog and the cache of pictures."""
    with (
        Catalog.open(catalog_url, create=False) as one,
        Catalog.open(catalog_url, create=False) as other,
        running(Desk(one, settings, "word")) as first,
        running(Desk(other, settings)) as second,
    ):
        yield first, second


@pytest.fixture
def both(addresses: tuple[str, str]) -> Callable[[str], tuple[Visitor, Visitor]]:
    """One browser that a balancer sends now here, now there: two visitors with one cookie."""

    def as_role(role: str) -> tuple[Visitor, Visitor]:
        here, there = (Visitor(address) for address in addresses)
        assert here.sign_in(role).status_code == 303
        there.balanced_from(here)
        there.get("/queue")
        return here, there

    return as_role


def seen(catalog: Catalog, moment: datetime) -> None:
    with catalog.engine.begin() as connection:
        connection.execute(sa.update(DeskSession).values(seen_at=moment))


def count(catalog: Catalog, table: type) -> int:
    with catalog.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_who_signed_in_at_one_is_signed_in_at_the_other(both: Callable[..., tuple[Visitor, Visitor]]) -> None:
    here, there = both("reviewer")
    assert there.get("/queue").status_code == 200
    assert here.token == there.token != ""


def test_a_page_of_one_is_sent_to_the_other_and_taken_back_at_the_first(
    catalog: Catalog, both: Callable[..., tuple[Visitor, Visitor]]
) -> None:
    here, there = both("reviewer")
    item = item_of(catalog, "album/first.png")
    fields = here.fields(f"/photo/{item}")
    assert there.post(f"/photo/{item}/decide", decision="approve", **fields).status_code == 303
    shown = here.get("/queue").text
    assert "Approved: <strong>first.png</strong>" in shown
    assert here.post("/undo").status_code == 303
    assert [one.decision for one in catalog.reviews(item)] == ["approve", "undo"]
    assert there.post("/undo").status_code == 409


def test_a_mask_that_was_edited_at_one_can_be_edited_on_at_the_other(
    catalog: Catalog, both: Callable[..., tuple[Visitor, Visitor]]
) -> None:
    here, there = both("reviewer")
    item = item_of(catalog, "album/first.png")
    there.get(f"/photo/{item}")
    assert submit(here, item, strokes=[stroke("paint", 5, (9, 9))]).status_code == 200
    (edit,) = catalog.history(item)["mask_edits"]
    tile = f"/pictures/{item}/edit-{edit.mask_edit_id}/{edit.sha256[:16]}/values/0/0_0"
    assert there.get(tile).status_code == 200
    again = submit(here, item, strokes=[stroke("paint", 5, (90, 90))]).json()
    (_, second) = catalog.history(item)["mask_edits"]
    assert second.sha256 == again["sha256"]
    assert submit(there, item, base=f"edit-{second.mask_edit_id}").json()["sha256"] == second.sha256


def test_what_is_sent_without_a_session_is_told_to_be_lost_and_leads_back(
    catalog: Catalog, both: Callable[..., tuple[Visitor, Visitor]]
) -> None:
    here, there = both("reviewer")
    item = item_of(catalog, "album/first.png")
    fields, page = here.fields(f"/photo/{item}?flag=mask-share"), f"/photo/{item}?flag=mask-share"
    there.post("/sign-out")
    referer = {"Referer": str(here.client.base_url.join(page))}
    form = {"csrf": here.token, "decision": "approve", **fields}
    answer = here.client.post(f"/photo/{item}/decide?flag=mask-share", data=form, headers=referer)
    assert answer.status_code == 303
    text = here.get(answer.headers["location"]).text
    assert "not recorded" in text
    assert here.post("/sign-in", name="reviewer", password=PASSWORD, next=page).headers["location"] == page
    assert f'name="next" value="{page}"' in html.unescape(text)
    assert catalog.reviews(item) == []
    for foreign in (
        "http://elsewhere.example/queue",
        str(here.client.base_url.join(f"/photo/{item}/decide")),
    ):
        away = Visitor(str(here.client.base_url)).client.post("/undo", headers={"Referer": foreign})
        assert away.headers["location"] == "/sign-in?lost=1"


def test_signing_out_at_one_ends_it_at_the_other(
    catalog: Catalog, both: Callable[..., tuple[Visitor, Visitor]]
) -> None:
    here, there = both("viewer")
    assert there.post("/sign-out").status_code == 303
    assert here.get("/queue").status_code == 303
    assert count(catalog, DeskSession) == 0


def test_roles_and_shutting_out_hold_at_once_everywhere(
    catalog: Catalog, both: Callable[..., tuple[Visitor, Visitor]]
) -> None:
    curator = both("curator")
    assert [one.get("/batch").status_code for one in curator] == [200, 200]
    catalog.set_role("curator", Role.VIEWER)
    assert [one.get("/batch").status_code for one in curator] == [403, 403]
    catalog.disable("curator")
    assert [one.get("/queue").status_code for one in curator] == [303, 303]
    catalog.disable("curator", disabled=False)
    assert [one.get("/queue").status_code for one in curator] == [303, 303], "shut out means signed out"


def test_a_new_password_ends_the_accounts_sessions_and_no_others(
    both: Callable[..., tuple[Visitor, Visitor]],
) -> None:
    admin, viewer = both("admin"), both("viewer")
    changed = admin[0].post("/accounts/password", name="viewer", password="another long password")
    assert changed.status_code == 303
    assert [one.get("/queue").status_code for one in (*viewer, *admin)] == [303, 303, 200, 200]


def test_a_restart_signs_nobody_out(catalog: Catalog, settings: DeskSettings) -> None:
    with running(Desk(catalog, settings)) as address:
        visitor = Visitor(address)
        visitor.sign_in("viewer")
    with running(Desk(catalog, settings)) as address:
        again = Visitor(address)
        again.balanced_from(visitor)
        assert again.get("/queue").status_code == 200


def test_two_desks_on_one_machine_sign_nobody_out_of_the_other(
    catalog: Catalog, settings: DeskSettings, tmp_path: Path
) -> None:
    """A browser keeps its cookies by host, whatever the port: one jar for both."""
    other = make_archive(tmp_path / "other", SAMPLES[:1])
    with (
        Catalog.open(f"sqlite:///{other / 'catalog.db'}", create=False) as another,
        running(Desk(catalog, settings)) as first,
        running(Desk(another, settings)) as second,
    ):
        here, there = Visitor(first), Visitor(second)
        there.client.cookies = here.client.cookies.jar  # type: ignore[assignment]
        here.sign_in("viewer")
        there.sign_in("reviewer")
        assert [one.get("/queue").status_code for one in (here, there)] == [200, 200]
        assert there.post("/sign-out").status_code == 303
        assert [one.get("/queue").status_code for one in (here, there)] == [200, 303]


def test_the_links_session_is_worth_nothing_at_another_desk(addresses: tuple[str, str]) -> None:
    """It is admin without an account: it stays with the process whose terminal showed the link."""
    here, there = (Visitor(address) for address in addresses)
    here.get("/sign-in/link?token=word")
    assert here.get("/accounts").status_code == 200
    there.balanced_from(here)
    assert there.get("/accounts").status_code == 303


def test_the_catalog_holds_no_token_and_its_export_no_session(catalog: Catalog, visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    with catalog.engine.connect() as connection:
        (row,) = connection.execute(sa.select(DeskSession.__table__)).all()
    ((name, cookie),) = visitor.client.cookies.items()
    assert cookie not in map(str, row)
    assert visitor.token not in map(str, row)
    thief = Visitor(str(visitor.client.base_url))
    thief.client.cookies.set(name, row.token_sha256)
    assert thief.get("/queue").status_code == 303
    assert not {DeskSession.__tablename__, DeskStep.__tablename__} & set(tables())


def test_visitors_who_do_not_sign_in_leave_nothing_in_the_catalog(catalog: Catalog, visitor: Visitor) -> None:
    for _ in range(3):
        visitor.get("/sign-in")
        visitor.post("/sign-in", name="admin", password="guess")
        visitor.client.cookies.clear()
    assert count(catalog, DeskSession) == 0


def test_the_token_of_a_page_is_of_its_session_alone(address: str) -> None:
    one, other = Visitor(address), Visitor(address)
    one.sign_in("reviewer")
    other.sign_in("reviewer")
    assert one.token != other.token
    assert one.client.post("/sign-out", data={"csrf": other.token}).status_code == 403


def test_a_session_ends_when_nobody_uses_it(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    viewer = signed_in("viewer")
    seen(catalog, datetime.now(UTC) - IDLE + timedelta(minutes=1))
    assert viewer.get("/queue").status_code == 200
    seen(catalog, datetime.now(UTC) - IDLE - timedelta(minutes=1))
    assert viewer.get("/queue").status_code == 303
    signed_in("reviewer")
    assert count(catalog, DeskSession) == 1, "what ended is forgotten when somebody signs in"


def test_using_a_session_keeps_it(catalog: Catalog, desk: Desk, signed_in: Callable[[str], Visitor]) -> None:
    viewer = signed_in("viewer")
    long_ago = datetime.now(UTC) - IDLE / 2
    seen(catalog, long_ago)
    viewer.get("/queue")
    with catalog.engine.connect() as connection:
        assert connection.scalar(sa.select(DeskSession.seen_at)) > long_ago + timedelta(hours=1)  # type: ignore[operator]


def test_sessions_and_steps_are_bounded(catalog: Catalog) -> None:
    for number in range(MOST_SESSIONS + 3):
        catalog.begin_session(f"{number:064d}", "viewer", IDLE)
    assert count(catalog, DeskSession) == MOST_SESSIONS
    newest = f"{MOST_SESSIONS + 2:064d}"
    for number in range(MOST_STEPS + 3):
        catalog.add_step(newest, StepRecord("approve", f"photo {number}", ((number, number),)))
    assert count(catalog, DeskStep) == MOST_STEPS
    assert catalog.take_step(newest) == StepRecord(
        "approve", f"photo {MOST_STEPS + 2}", ((MOST_STEPS + 2,) * 2,)
    )
    catalog.add_step(f"{0:064d}", StepRecord("approve", "x", ()))
    assert catalog.last_step(f"{0:064d}") is None, "a session that has ended takes nothing back"
    catalog.end_session(newest)
    assert count(catalog, DeskStep) == 0


def test_two_people_who_decide_at_the_same_moment(catalog: Catalog, addresses: tuple[str, str]) -> None:
    """At two processes, on one photo, again and again: each time one decision counts and one is refused."""
    item = item_of(catalog, "album/first.png")
    people = [Visitor(address) for address in addresses]
    for visitor, name in zip(people, ("reviewer", "curator"), strict=True):
        visitor.sign_in(name)
    for turn in range(1, 6):
        forms = [visitor.fields(f"/photo/{item}") for visitor in people]
        answers = at_once(
            [
                lambda visitor=visitor, form=form: visitor.post(
                    f"/photo/{item}/decide", decision="reject", reason="At once.", **form
                )
                for visitor, form in zip(people, forms, strict=True)
            ]
        )
        assert sorted(answer.status_code for answer in answers) == [303, 409]
        assert len(catalog.reviews(item)) == turn
    assert catalog.verify_audit().broken is None


def test_one_session_that_takes_back_twice_at_once_takes_back_once(
    catalog: Catalog, both: Callable[..., tuple[Visitor, Visitor]]
) -> None:
    pair = both("reviewer")
    item = item_of(catalog, "album/first.png")
    fields = pair[0].fields(f"/photo/{item}")
    assert pair[0].post(f"/photo/{item}/decide", decision="approve", **fields).status_code == 303
    answers = at_once([lambda visitor=visitor: visitor.post("/undo") for visitor in pair])
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert [one.decision for one in catalog.reviews(item)] == ["approve", "undo"]


def test_a_proxied_person_has_one_session_at_a_browser(catalog: Catalog, proxied: DeskSettings) -> None:
    header = {"X-Remote-User": "reviewer"}
    with running(Desk(catalog, proxied)) as address:
        visitor = Visitor(address)
        pages = [visitor.get("/queue", headers=header) for _ in range(3)]
        assert [page.status_code for page in pages] == [200, 200, 200]
        assert len({TOKEN.search(page.text)[1] for page in pages}) == 1  # type: ignore[index]
        assert count(catalog, DeskSession) == 1
        other = visitor.get("/queue", headers={"X-Remote-User": "viewer"})
        assert "viewer" in other.text
        assert count(catalog, DeskSession) == 2


@pytest.fixture
def proxied(settings: DeskSettings) -> DeskSettings:
    return replace(settings, proxy=ProxySignIn("X-Remote-User", (ipaddress.ip_network("127.0.0.0/8"),)))


def at_once(calls: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Make every call from a thread of its own, as nearly at one moment as threads go."""
    start, answers = threading.Barrier(len(calls)), []

    def make(call: Callable[[], httpx.Response]) -> None:
        start.wait(10)
        answers.append(call())

    threads = [threading.Thread(target=make, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == len(calls)
    return answers
