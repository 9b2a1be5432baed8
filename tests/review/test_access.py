"""Who gets in, and what each role may do: every route of the desk stands in the table."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from review.app import create_app
from review.desk import Desk
from review.roles import includes
from review.security import POLICY
from review.sessions import Person
from review.settings import DeskSettings, ProxySignIn, is_within, networks
from review.throttle import FREE_FAILURES, Throttle
from schemas.repository import Catalog
from schemas.review_records import Role
from tests.review.archive import PASSWORD, item_of
from tests.review.conftest import Visitor, running

OPEN = None
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"])
"""For laws that touch no database."""
TABLE: dict[tuple[str, str], Role | None] = {
    ("GET", "/static/{digest}/{name:path}"): OPEN,
    ("GET", "/health"): OPEN,
    ("HEAD", "/health"): OPEN,
    ("GET", "/sign-in"): OPEN,
    ("POST", "/sign-in"): OPEN,
    ("GET", "/sign-in/link"): OPEN,
    ("POST", "/sign-out"): Role.VIEWER,
    ("GET", "/"): Role.VIEWER,
    ("GET", "/queue"): Role.VIEWER,
    ("GET", "/photo/{item}"): Role.VIEWER,
    ("GET", "/photo/{item}/standing"): Role.VIEWER,
    ("GET", "/pictures/{item}/{layer}/{version}/thumbnail.jpg"): Role.VIEWER,
    ("GET", "/pictures/{item}/{layer}/{version}/{paint}/{level}/{column}_{row}"): Role.VIEWER,
    ("GET", "/pictures/{item}/{layer}/{version}/face/{position}.jpg"): Role.VIEWER,
    ("POST", "/photo/{item}/decide"): Role.REVIEWER,
    ("POST", "/undo"): Role.REVIEWER,
    ("GET", "/photo/{item}/mask"): Role.REVIEWER,
    ("POST", "/photo/{item}/mask"): Role.REVIEWER,
    ("POST", "/marked"): Role.REVIEWER,
    ("GET", "/batch"): Role.CURATOR,
    ("POST", "/batch"): Role.CURATOR,
    ("GET", "/lots"): Role.VIEWER,
    ("POST", "/lots"): Role.CURATOR,
    ("GET", "/lots/{lot}"): Role.VIEWER,
    ("GET", "/accounts"): Role.ADMIN,
    ("POST", "/accounts"): Role.ADMIN,
    ("POST", "/accounts/role"): Role.ADMIN,
    ("POST", "/accounts/password"): Role.ADMIN,
    ("POST", "/accounts/disable"): Role.ADMIN,
}
EXAMPLES = {
    "{layer}": "scan",
    "{version}": "0000000000000000",
    "{paint}": "photo",
    "{level}": "0",
    "{column}": "0",
    "{row}": "0",
    "{position}": "0",
    "{lot}": "1",
}
FIELDS: dict[str, Any] = {
    "decision": "approve",
    "output_sha256": "0" * 64,
    "marked": "1::",
    "expected": "1",
    "until": "2999-01-01T00:00:00Z",
    "aql": "2.5",
    "level": "II",
    "name": "nobody-new",
    "role": "viewer",
    "password": "long enough for this",
    "disabled": "true",
}


def routes_of(desk: Desk) -> set[tuple[str, str]]:
    """Return method and path of everything that the application answers, however FastAPI nests it."""
    found: set[tuple[str, str]] = set()

    def collect(routes: Iterable[Any]) -> None:
        for route in routes:
            if isinstance(route, APIRoute):
                found.update((method, route.path) for method in route.methods)
            elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
                collect(inner.routes)
            else:
                found.add(("?", repr(route)))

    collect(create_app(desk).routes)
    return found


def address_of(path: str, item: str) -> str:
    """Return an address that a route's path takes."""
    for name, example in {"{item}": item, **EXAMPLES}.items():
        path = path.replace(name, example)
    return path


def test_every_route_stands_in_the_table(desk: Desk) -> None:
    assert routes_of(desk) == set(TABLE)


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_reaches_what_the_table_says_and_nothing_else(
    role: Role | None, catalog: Catalog, visitor: Visitor
) -> None:
    if role is not None:
        visitor.sign_in(role.value)
    item = str(item_of(catalog, "album/first.png"))
    for (method, path), needed in TABLE.items():
        if needed is OPEN or path == "/sign-out":
            continue
        address = address_of(path, item)
        answer = visitor.get(address) if method == "GET" else visitor.post(address, **FIELDS)
        if role is None:
            assert answer.status_code == 303, (method, path)
            assert answer.headers["location"].startswith("/sign-in"), (method, path)
        elif includes(role, needed):
            assert "This needs the role" not in answer.text, (method, path, answer.text)
        else:
            assert answer.status_code == 403, (method, path)
            assert "This needs the role" in answer.text, (method, path)


def test_no_change_without_the_sessions_token(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    admin = signed_in("admin")
    item = str(item_of(catalog, "album/first.png"))
    before = (catalog.accounts(), catalog.audit_entries(limit=1), catalog.reviews(int(item)))
    for path in sorted(path for method, path in TABLE if method == "POST"):
        for token in ("", "stolen"):
            answer = admin.client.post(path.replace("{item}", item), data={**FIELDS, "csrf": token})
            assert answer.status_code == 403, path
            assert "nothing was changed" in answer.text
    assert (catalog.accounts(), catalog.audit_entries(limit=1), catalog.reviews(int(item))) == before


def test_a_request_from_another_site_is_refused(signed_in: Callable[[str], Visitor]) -> None:
    admin = signed_in("admin")
    form = {**FIELDS, "csrf": admin.token}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = admin.client.post("/accounts", data=form, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text


def test_a_header_that_is_no_address_is_of_no_site(visitor: Visitor) -> None:
    for address in ("http://[", "//[::1", "http://[::1]x/"):
        assert visitor.client.post("/undo", headers={"Origin": address}).status_code == 403
        answer = visitor.client.post("/undo", headers={"Referer": address})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?lost=1")


def test_every_answer_carries_the_policy(visitor: Visitor) -> None:
    for path in ("/sign-in", "/queue", "/nothing", "/health"):
        answer = visitor.get(path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY


def test_an_unknown_host_name_is_refused(visitor: Visitor) -> None:
    assert visitor.get("/health", headers={"Host": "evil.example"}).status_code == 400


def test_the_cookie_is_kept_from_scripts_and_from_what_other_sites_send(visitor: Visitor) -> None:
    cookie = visitor.sign_in("viewer").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_looking_changes_nothing_whatever_page_led_here(
    catalog: Catalog, signed_in: Callable[[str], Visitor]
) -> None:
    """A link on any page brings the session along, so what a link reaches must only show."""
    admin = signed_in("admin")
    item = item_of(catalog, "album/first.png")

    def recorded() -> Any:
        return (
            catalog.accounts(),
            catalog.audit_entries(limit=1),
            catalog.reviews(item),
            catalog.lots(limit=1),
        )

    before = recorded()
    for path in sorted(path for method, path in TABLE if method == "GET"):
        address = address_of(path, str(item))
        followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert admin.get(f"{address}?token=guessed&decision=approve", headers=followed).status_code < 500, (
            path
        )
    assert recorded() == before
    assert admin.get("/queue").status_code == 200


def test_https_binds_the_cookie(desk_with: Callable[..., Desk]) -> None:
    with running(desk_with(https=True)) as address:
        cookie = Visitor(address).get("/sign-in").headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "secure" in cookie.lower()


@ONE_DATABASE
@pytest.mark.parametrize(
    ("host", "https", "name"),
    [
        ("localhost:8766", False, "oldphoto-8766"),
        ("[::1]:8766", False, "oldphoto-8766"),
        ("localhost", False, "oldphoto"),
        ("[::1]", False, "oldphoto"),
        ("photos.example:8443", True, "__Host-oldphoto-8443"),
        ("photos.example:443", True, "__Host-oldphoto"),
        ("photos.example", True, "__Host-oldphoto"),
    ],
)
def test_the_cookie_is_named_after_the_port_that_the_browser_asked_for(
    host: str, https: bool, name: str, desk_with: Callable[..., Desk]
) -> None:
    """Behind a web server that is not the port at which the desk listens; all desks behind it share the name."""
    with running(desk_with(https=https, hosts=("*",))) as address:
        visitor = Visitor(address)
        visitor.client.headers.update({"Host": host, "X-Forwarded-Host": "h:1", "X-Forwarded-Port": "1"})
        answer = visitor.get("/sign-in")
    assert answer.headers["set-cookie"].startswith(f"{name}=")


def test_signing_in_changes_the_session(visitor: Visitor) -> None:
    visitor.get("/sign-in")
    ((name, before),) = visitor.client.cookies.items()
    visitor.sign_in("viewer")
    assert visitor.client.cookies[name] != before


def test_a_wrong_password_is_slowed_down(visitor: Visitor) -> None:
    visitor.get("/sign-in")
    answers = [visitor.post("/sign-in", name="admin", password="guess") for _ in range(FREE_FAILURES + 1)]
    assert [answer.status_code for answer in answers] == [401] * FREE_FAILURES + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    right = visitor.post("/sign-in", name="admin", password="correct horse battery")
    assert right.status_code == 429


def test_waiting_times_double_and_are_forgotten() -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    assert [throttle.claim("a") for _ in range(FREE_FAILURES + 1)] == [0] * FREE_FAILURES + [2]
    assert throttle.claim("b") == 0
    now[0] = 2
    assert throttle.claim("a") == 0
    assert throttle.claim("a") == 4
    throttle.succeeded("a")
    assert throttle.claim("a") == 0


def test_a_try_that_did_not_fail_costs_nobody_anything() -> None:
    now = [0.0]
    throttle = Throttle(free=1, clock=lambda: now[0])
    assert throttle.claim("house") == 0
    now[0] = 2
    assert throttle.claim("house") == 0
    assert throttle.claim("house") == 4, "a try under way counts as a failure"
    throttle.give_back("house")
    assert throttle.claim("house") == 0, "neither its failure nor its waiting time is left"


class _Hesitant(Desk):
    """A desk that takes its time to find a password wrong."""

    def person_by_password(self, name: str, password: str) -> Person | None:
        time.sleep(0.3)
        return None


@ONE_DATABASE
def test_guesses_that_are_sent_together_are_slowed_down_as_well(
    catalog: Catalog, settings: DeskSettings
) -> None:
    with running(_Hesitant(catalog, settings)) as address:
        visitors = [Visitor(address) for _ in range(3 * FREE_FAILURES)]
        for visitor in visitors:
            visitor.get("/sign-in")
        with ThreadPoolExecutor(len(visitors)) as pool:
            answers = list(
                pool.map(lambda one: one.post("/sign-in", name="admin", password="guess"), visitors)
            )
    told = Counter(answer.status_code for answer in answers)
    assert told == {401: FREE_FAILURES, 429: 2 * FREE_FAILURES}


def _locks_out(desk: Desk, guesser: str | None, other: str | None) -> bool:
    """Whether wrong passwords of one visitor make another one wait; both come through the same web server."""
    desk.address_throttle = Throttle(free=2)
    with running(desk) as address:
        for told, name, password in (
            (guesser, "admin", "guess"),
            (guesser, "curator", "guess"),
            (other, "viewer", PASSWORD),
        ):
            visitor = Visitor(address)
            visitor.client.headers.update({"X-Forwarded-For": told} if told else {})
            visitor.get("/sign-in")
            answer = visitor.post("/sign-in", name=name, password=password)
    return answer.status_code == 429


@ONE_DATABASE
@pytest.mark.parametrize("told", ["192.0.2.1", "192.0.2.2, 192.0.2.1", "192.0.2.1, 127.0.0.9", None])
def test_a_visitors_wrong_passwords_lock_nobody_else_out_behind_a_web_server(
    told: str | None, desk_with: Callable[..., Desk]
) -> None:
    assert not _locks_out(desk_with(forwarders=networks(("127.0.0.0/8",))), told, told and "192.0.2.2")


@ONE_DATABASE
def test_a_visitor_cannot_say_that_he_is_another(desk_with: Callable[..., Desk]) -> None:
    for place in ((), ("10.0.0.0/8",)):
        assert _locks_out(desk_with(forwarders=networks(place)), "192.0.2.1", "192.0.2.2")
    invented, seen = "192.0.2.7, 192.0.2.2", "192.0.2.2"
    assert _locks_out(desk_with(forwarders=networks(("127.0.0.0/8",))), invented, seen)


def test_what_lies_in_a_network() -> None:
    inside = networks(("10.0.0.0/8", "2001:db8::/32"))
    assert all(is_within(text, inside) for text in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"))
    assert not any(is_within(text, inside) for text in (None, "", "unknown", "11.0.0.1", "10.1.2.3:443"))


def test_the_link_signs_in_once(visitor: Visitor, address: str) -> None:
    assert visitor.get("/sign-in/link?token=wrong").status_code == 403
    assert visitor.get("/sign-in/link?token=word-of-the-link").headers["location"] == "/queue"
    assert visitor.get("/queue").status_code == 200
    assert Visitor(address).get("/sign-in/link?token=word-of-the-link").status_code == 403


def test_after_signing_in_one_lands_on_this_desk_only(visitor: Visitor) -> None:
    for wanted, landed in (
        ("/photo/3?flag=x", "/photo/3?flag=x"),
        ("https://evil.example/", "/queue"),
        ("//evil.example/", "/queue"),
        ("/\\evil.example", "/queue"),
    ):
        visitor.get("/sign-in")
        answer = visitor.post("/sign-in", name="viewer", password="correct horse battery", next=wanted)
        assert answer.headers["location"] == landed


def test_a_disabled_account_is_out_at_once(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    reviewer = signed_in("reviewer")
    assert reviewer.get("/queue").status_code == 200
    catalog.disable("reviewer")
    assert reviewer.get("/queue").status_code == 303


def test_a_changed_role_holds_at_once(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    curator = signed_in("curator")
    catalog.set_role("curator", Role.VIEWER)
    assert curator.get("/batch").status_code == 403


def test_signing_out_ends_the_session(signed_in: Callable[[str], Visitor]) -> None:
    viewer = signed_in("viewer")
    ((name, cookie),) = viewer.client.cookies.items()
    assert viewer.post("/sign-out").status_code == 303
    assert not viewer.client.cookies
    viewer.client.cookies.set(name, cookie)
    assert viewer.get("/queue").status_code == 303


def test_the_proxys_word_counts_only_from_the_proxy(desk_with: Callable[..., Desk]) -> None:
    here, elsewhere = ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8")
    header = {"X-Remote-User": "reviewer"}
    with running(desk_with(proxy=ProxySignIn("X-Remote-User", (here,)))) as address:
        assert Visitor(address).get("/queue", headers=header).status_code == 200
        assert Visitor(address).get("/queue", headers={"X-Remote-User": "stranger"}).status_code == 303
        assert Visitor(address).get("/queue").status_code == 303
    with running(desk_with(proxy=ProxySignIn("X-Remote-User", (elsewhere,)))) as address:
        assert Visitor(address).get("/queue", headers=header).status_code == 303
    with running(desk_with()) as address:
        assert Visitor(address).get("/queue", headers=header).status_code == 303


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_proxy_may_name_people_with_accents(
    encoding: str, catalog: Catalog, desk_with: Callable[..., Desk]
) -> None:
    catalog.add_account("Zoë", Role.VIEWER, None)
    proxy = ProxySignIn("X-Remote-User", networks(("127.0.0.0/8",)))
    with running(desk_with(proxy=proxy)) as address:
        header = [(b"X-Remote-User", "Zoë".encode(encoding))]
        assert httpx.get(f"{address}/queue", headers=header).status_code == 200


@ONE_DATABASE
def test_whoever_watches_the_desk_may_ask_for_heads_only(address: str) -> None:
    answer = httpx.head(f"{address}/health")
    assert (answer.status_code, answer.content) == (200, b"")


def test_accounts_are_managed_by_admins(catalog: Catalog, signed_in: Callable[[str], Visitor]) -> None:
    admin = signed_in("admin")
    assert admin.post("/accounts", name="new", role="curator", password="long enough now").status_code == 303
    account = catalog.account("new")
    assert account is not None
    assert account.role is Role.CURATOR
    assert account.password_hash is not None
    assert account.password_hash.startswith("$argon2id$")
    refused = admin.post("/accounts/role", name="admin", role="viewer")
    assert "last admin" in refused.text
    assert "10 to 1024" in admin.post("/accounts", name="short", role="viewer", password="short").text


def test_a_failure_is_told_without_its_particulars(
    address: str, signed_in: Callable[[str], Visitor], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = signed_in("viewer")

    def fail(*given: object, **named: object) -> None:
        raise RuntimeError("password=hunter2 of the database")

    monkeypatch.setattr(type(catalog), "review_queue", fail)
    answer = viewer.get("/queue")
    assert answer.status_code == 500
    assert "What was recorded before is safe" in answer.text
    assert "hunter2" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    # The server gives up the connection afterwards.
    asked = {"cookies": dict(viewer.client.cookies), "headers": {"Accept": "application/json"}}
    told = httpx.get(f"{address}/queue", **asked)  # type: ignore[arg-type]
    assert (told.status_code, list(told.json())) == (500, ["problem"])
