"""Who is asking: every route names the role that it needs, and every change needs the session's token.

A route declares ``dependencies=[needs(Role.…)]`` or is listed as open; a test goes through all routes.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Annotated, Any, Literal, NoReturn, TypedDict, cast

from fastapi import Depends, HTTPException, Request, Response

from review.desk import Desk
from review.numbers import whole_number
from review.roles import Role, includes
from review.security import SAFE_METHODS
from review.sessions import Person, Session
from review.settings import is_within

TOKEN_HEADER = "x-csrf-token"
TOKEN_FIELD = "csrf"


class _Guards(TypedDict):
    """What a browser is told about whom it may show the cookie to; the same when it is to forget it."""

    httponly: bool
    samesite: Literal["lax"]
    secure: bool
    path: str


class SignInNeeded(Exception):
    """Nobody is signed in at this browser."""


class TokenMissing(HTTPException):
    """The request does not carry its session's token."""

    def __init__(self) -> None:
        super().__init__(
            403,
            "This page has grown old, or the request did not come from it: nothing was changed. "
            "Reload the page and try again.",
        )


def desk_of(request: Request) -> Desk:
    """Return the desk that answers the request."""
    return cast(Desk, request.app.state.desk)


def cookie_name(request: Request) -> str:
    """Return the session cookie's name at the port that the browser asked for.

    A browser keeps cookies by host, whatever the port: under one name two desks on a machine would sign each other
    out. The Host header counts, which a web server in front passes on as it came: so all desks behind it have one
    name. The prefix makes browsers insist on https.
    """
    is_https = desk_of(request).settings.https
    name, usual = ("__Host-oldphoto", 443) if is_https else ("oldphoto", 80)
    port = whole_number(request.headers.get("host", "").rpartition(":")[2])
    return name if port in (None, usual) else f"{name}-{port}"


def cookie_of(request: Request) -> str | None:
    """Return the token of the browser's session; None for a browser without one."""
    return request.cookies.get(cookie_name(request))


def set_cookie(response: Response, request: Request, session: Session) -> None:
    """Give the browser its session."""
    response.set_cookie(cookie_name(request), session.token, **_guards(request))


def delete_cookie(response: Response, request: Request) -> None:
    """Take the browser's session away."""
    response.delete_cookie(cookie_name(request), **_guards(request))


def _guards(request: Request) -> _Guards:
    # Links from elsewhere arrive signed in. "strict" withholds the cookie from them, and the sign-in page that
    # answers would replace it. Nothing that a link reaches changes anything.
    return {"httponly": True, "samesite": "lax", "secure": desk_of(request).settings.https, "path": "/"}


def current_session(request: Request) -> Session | None:
    """Return the browser's session, signed in or not; what the proxy says counts before any cookie."""
    desk = desk_of(request)
    session = desk.sessions.find(cookie_of(request))
    name = proxied_name(request)
    if name is not None and (session is None or session.person is None or session.person.name != name):
        session = desk.sessions.begin(desk.person_of_account(name))
        request.state.new_session = session
    return session


def proxied_name(request: Request) -> str | None:
    """Return the name that a trusted proxy gives, where one is configured."""
    proxy = desk_of(request).settings.proxy
    peer = request.client.host if request.client else None
    if proxy is None or not proxy.trusts(peer):
        return None
    name = request.headers.get(proxy.header)
    return _as_utf8(name) if name else None


def address_of(request: Request) -> str | None:
    """Return whose address a request comes from; None behind a web server that does not say it.

    Only what stated web servers say counts: each adds the address that it sees at the end, and whatever stands
    before the first that is not one of theirs may be the visitor's invention.
    """
    forwarders = desk_of(request).settings.forwarders
    address = request.client.host if request.client else None
    if not is_within(address, forwarders):
        return address
    told = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    visitors = (one.strip() for one in reversed(told) if not is_within(one.strip(), forwarders))
    return _real_address(next(visitors, ""))


def person_of(request: Request) -> Person:
    """Return who is signed in, as the catalog knows the account at this moment. Raises SignInNeeded."""
    session = current_session(request)
    request.state.session = session
    if session is None or session.person is None:
        raise SignInNeeded
    return session.person


CurrentPerson = Annotated[Person, Depends(person_of)]


def needs(role: Role) -> Any:
    """Return the dependency that lets only ``role`` and higher ones pass, and changes only with the token."""

    async def check(request: Request, person: CurrentPerson) -> None:
        if not includes(person.role, role):
            _refuse(person, role)
        await check_token(request)

    return Depends(check)


async def check_token(request: Request) -> None:
    """Raise :class:`TokenMissing` for a change without the session's token (header or form field)."""
    if request.method in SAFE_METHODS:
        return
    session: Session | None = getattr(request.state, "session", None) or current_session(request)
    given = request.headers.get(TOKEN_HEADER)
    if given is None and "form" in request.headers.get("content-type", ""):
        field = (await request.form()).get(TOKEN_FIELD)
        given = field if isinstance(field, str) else None
    if session is None or not hmac.compare_digest((given or "").encode(), session.csrf.encode()):
        raise TokenMissing


def _as_utf8(name: str) -> str:
    """Return a header that was read as Latin-1 as its sender meant it; most servers send UTF-8."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return name


def _real_address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _refuse(person: Person, role: Role) -> NoReturn:
    raise HTTPException(
        403, f"This needs the role {role.value}; {person.name} is {person.role.value}. Ask an admin for it."
    )
