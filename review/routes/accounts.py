"""Accounts: who may sign in, and as what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from review.identity import CurrentPerson, desk_of, needs
from review.pages import page
from review.passwords import hashed
from review.roles import Role

router = APIRouter(prefix="/accounts", dependencies=[needs(Role.ADMIN)])

Name = Annotated[str, Form(min_length=1, max_length=200)]


@router.get("")
def accounts(request: Request) -> Response:
    """List the accounts."""
    return page(request, "accounts.html", accounts=desk_of(request).catalog.accounts(), roles=list(Role))


@router.post("")
def add(
    request: Request,
    person: CurrentPerson,
    name: Name,
    role: Annotated[Role, Form()],
    password: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Add an account; without a password it can sign in through the proxy only."""
    stored = hashed(password) if password else None
    desk_of(request).catalog.add_account(name.strip(), role, stored, by=person.name)
    return RedirectResponse("/accounts", 303)


@router.post("/role")
def set_role(request: Request, person: CurrentPerson, name: Name, role: Annotated[Role, Form()]) -> Response:
    """Give an account another role; it holds from the account's next request on."""
    desk_of(request).catalog.set_role(name, role, by=person.name)
    return RedirectResponse("/accounts", 303)


@router.post("/password")
def set_password(
    request: Request, person: CurrentPerson, name: Name, password: Annotated[str, Form(max_length=2000)]
) -> Response:
    """Give an account a new password and end its sessions."""
    desk_of(request).catalog.set_password(name, hashed(password), by=person.name)
    return RedirectResponse("/accounts", 303)


@router.post("/disable")
def disable(
    request: Request, person: CurrentPerson, name: Name, disabled: Annotated[bool, Form()]
) -> Response:
    """Shut an account out, which ends its sessions, or let it in again."""
    desk_of(request).catalog.disable(name, disabled=disabled, by=person.name)
    return RedirectResponse("/accounts", 303)
