"""Rendering: templates with what every page needs, and addresses of static files that never go stale."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from oldphoto_core.flag_words import FLAGS_WITHOUT_VALUE
from review import words
from review.identity import current_session, desk_of, set_cookie
from review.roles import Role, includes

HERE = Path(__file__).parent
STATIC = HERE / "static"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        # Everything is escaped, whatever a template is called: keys and EXIF strings are strangers' text.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        static=static_address,
        includes=includes,
        Role=Role,
        flags_without_value=FLAGS_WITHOUT_VALUE,
    )
    environment.filters.update(words.FILTERS)
    return environment


@cache
def static_digest() -> str:
    """Return one digest of all static files: scripts import each other by relative addresses."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def static_address(name: str) -> str:
    """Return the address of a static file; it changes whenever a file does."""
    return f"/static/{static_digest()}/{name}"


_templates = Jinja2Templates(env=_environment())


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """Return a rendered page.

    Args:
        request: what is answered.
        template: its name.
        status: HTTP status.
        context: what the template shows.
    """
    desk = desk_of(request)
    session = getattr(request.state, "session", None) or current_session(request)
    begun = getattr(request.state, "new_session", None)
    if session is None:
        begun = session = desk.sessions.begin()
    everywhere = {
        "person": session.person,
        "csrf": session.csrf,
        "is_proxied": desk.settings.proxy is not None,
        "path": request.url.path,
    }
    response = _templates.TemplateResponse(request, template, {**everywhere, **context}, status_code=status)
    if begun is not None:
        set_cookie(response, request, begun)
    return response


def bare_page(template: str, status: int, headers: Mapping[str, str], **context: Any) -> Response:
    """Return a page that needs neither session nor catalog."""
    text = _templates.get_template(template).render(context)
    return HTMLResponse(text, status, {**headers, "Cache-Control": "no-store"})


def is_fragment(request: Request) -> bool:
    """Return whether HTMX asks for a part of the page that it already shows."""
    return (
        request.headers.get("hx-request") == "true"
        and request.headers.get("hx-history-restore-request") != "true"
    )


def wants_json(request: Request) -> bool:
    """Return whether a script asks, not a page."""
    return "application/json" in request.headers.get("accept", "")
