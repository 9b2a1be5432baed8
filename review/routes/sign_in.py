"""Signing in and out: by password, by the link in the terminal, or through a proxy that has done it."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from review.desk import Desk
from review.identity import (
    CurrentPerson,
    address_of,
    check_token,
    cookie_of,
    delete_cookie,
    desk_of,
    needs,
    set_cookie,
)
from review.pages import page
from review.roles import Role
from review.sessions import Person

router = APIRouter()


@router.get("/sign-in")
def sign_in_page(
    request: Request,
    next: Annotated[str, Query(max_length=2000)] = "",
    lost: Annotated[bool, Query()] = False,
) -> Response:
    """Show the form; ``lost``: the browser sent something that nobody was signed in for."""
    problem = "You were signed out: what you just sent was not recorded." if lost else None
    return page(request, "sign_in.html", next=safe_next(next), problem=problem, name="")


@router.post("/sign-in", dependencies=[Depends(check_token)])
def sign_in(
    request: Request,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=2000)],
    next: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Check name and password; the session gets a new token, so that none known before is worth anything."""
    name, target, desk = name.strip(), safe_next(next), desk_of(request)
    address = address_of(request)
    if (wait := _claim(desk, name, address)) > 0:
        problem = f"Too many attempts. Wait {math.ceil(wait)} seconds and try again."
        answer = page(request, "sign_in.html", status=429, next=target, problem=problem, name=name)
        answer.headers["Retry-After"] = str(math.ceil(wait))
        return answer
    person = desk.person_by_password(name, password)
    if person is None:
        problem = "Name or password is not right."
        return page(request, "sign_in.html", status=401, next=target, problem=problem, name=name)
    desk.account_throttle.succeeded(name)
    if address is not None:
        desk.address_throttle.give_back(address)
    return _begin(request, person, target)


@router.get("/sign-in/link")
def sign_in_by_link(request: Request, token: Annotated[str, Query(max_length=200)]) -> Response:
    """Sign in the person at this machine, once."""
    person = desk_of(request).person_by_link(token)
    if person is None:
        problem = (
            "This link has been used, or belongs to another start of the desk. Restart it for a new one."
        )
        return page(request, "sign_in.html", status=403, next="/queue", problem=problem, name="")
    return _begin(request, person, "/queue")


@router.post("/sign-out", dependencies=[needs(Role.VIEWER)])
def sign_out(request: Request) -> Response:
    """End the session."""
    desk_of(request).sessions.end(cookie_of(request))
    response = RedirectResponse("/sign-in", 303)
    delete_cookie(response, request)
    return response


@router.get("/", dependencies=[needs(Role.VIEWER)])
def start(person: CurrentPerson) -> Response:
    """Go to the queue."""
    return RedirectResponse("/queue", 303)


def safe_next(wanted: str) -> str:
    """Return where to go after signing in: a path of this desk and nothing else."""
    inside = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/sign-in"))
    return wanted if inside and wanted.isprintable() else "/queue"


def _claim(desk: Desk, name: str, address: str | None) -> float:
    """Count a failure of name and address in advance and return 0; or return how long to wait.

    ``address`` None: it is not known who asks; then one person's mistakes would lock everybody out.
    """
    wait = desk.account_throttle.claim(name)
    if wait == 0 and address is not None and (wait := desk.address_throttle.claim(address)) > 0:
        desk.account_throttle.give_back(name)
    return wait


def _begin(request: Request, person: Person, target: str) -> Response:
    desk = desk_of(request)
    desk.sessions.end(cookie_of(request))
    session = desk.sessions.begin(person)
    response = RedirectResponse(target, 303)
    set_cookie(response, request, session)
    return response
