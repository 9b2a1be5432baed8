"""The web application: routes, what surrounds them, and how errors are told."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import URL
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response

from oldphoto_core.errors import OldPhotoError
from review.desk import Desk
from review.identity import SignInNeeded, desk_of
from review.pages import bare_page, is_fragment, page, wants_json
from review.routes import ROUTERS
from review.security import HEADERS, SameOriginOnly, SecurityHeaders, netloc_of
from schemas.errors import (
    CatalogError,
    CatalogUseError,
    ReviewConflictError,
    UnknownItemError,
    UnknownLotError,
)
from schemas.standing import current_review

FAILURE = (
    "The desk could not do this; perhaps its catalog cannot be reached. What was recorded before is safe. "
    "Go back, look how the photo stands, and try again."
)


def create_app(desk: Desk) -> FastAPI:
    """Return the application for a desk.

    The generated API pages are off: this is a desk, not an interface.
    """
    app = FastAPI(title="oldphoto review desk", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(ReviewConflictError, _conflict)
    app.add_exception_handler(CatalogError, _catalog_error)
    app.add_exception_handler(OldPhotoError, _photo_error)
    app.add_exception_handler(Exception, _failure)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)
    app.add_middleware(SameOriginOnly)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(desk.settings.hosts))
    app.add_middleware(SecurityHeaders)
    return app


def _to_sign_in(request: Request, error: Exception) -> Response:
    """Send the browser to the sign-in page, and back afterwards; what it sent is told to be lost."""
    if wants_json(request):
        words = "You are signed out. Sign in again in another tab, then try once more here."
        return JSONResponse({"problem": words}, 401)
    is_page = request.method == "GET" and not is_fragment(request)
    wanted = _in_site(request.url) if is_page else _page_before(request)
    query = {"next": wanted} if wanted not in ("", "/") else {}
    if request.method != "GET" and request.url.path != "/sign-out":
        query["lost"] = "1"
    address = f"/sign-in?{urlencode(query)}" if query else "/sign-in"
    if is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _page_before(request: Request) -> str:
    """Return the page that a form or script was on, as far as it can be looked at again; else nothing."""
    referer = request.headers.get("referer", "")
    if netloc_of(referer) != request.headers.get("host"):
        return ""
    page_before = URL(referer)
    answers_to_forms = page_before.path.endswith(("/decide", "/marked", "/undo"))
    return "" if answers_to_forms else _in_site(page_before)


def _in_site(address: URL) -> str:
    return f"{address.path}?{address.query}" if address.query else address.path


def tell(request: Request, status: int, problem: str) -> Response:
    """Return a problem in the form that the asker understands."""
    if wants_json(request):
        return JSONResponse({"problem": problem}, status)
    return page(request, "error.html", status=status, problem=problem, code=status)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    words = {404: "There is no such page or photo.", 405: "This address does not take that kind of request."}
    problem = words.get(error.status_code, str(error.detail))
    if isinstance(error, HTTPException) and error.status_code != 405 and error.detail != "Not Found":
        problem = str(error.detail)
    return tell(request, error.status_code, problem)


def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
    return tell(request, 400, f"The request could not be understood ({fields}).")


def _conflict(request: Request, error: Exception) -> Response:
    assert isinstance(error, ReviewConflictError)
    if wants_json(request):
        told = {"problem": _sentence(str(error)), "item": error.item_id, "last_review": error.last_review}
        return JSONResponse(told, 409)
    reviews = desk_of(request).catalog.reviews(error.item_id)
    return page(
        request,
        "conflict.html",
        status=409,
        problem=_sentence(str(error)),
        address=f"/photo/{error.item_id}" + (f"?{request.url.query}" if request.url.query else ""),
        decided_by=current_review(reviews),
    )


def _catalog_error(request: Request, error: Exception) -> Response:
    if isinstance(error, UnknownItemError):
        return tell(request, 404, "There is no such photo in this catalog, or nothing of it to decide on.")
    codes = {UnknownLotError: 404, CatalogUseError: 400}
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), 503)
    return tell(request, code, _sentence(str(error)))


def _photo_error(request: Request, error: Exception) -> Response:
    return tell(request, 422, _sentence(str(error)))


def _failure(request: Request, error: Exception) -> Response:
    """Tell of what nobody foresaw, such as a database that went away; the server's log has the particulars.

    It is answered outside everything else, so it brings the headers and needs neither session nor catalog.
    """
    if wants_json(request):
        return JSONResponse({"problem": FAILURE}, 500, dict(HEADERS))
    return bare_page("failure.html", 500, HEADERS, problem=FAILURE)


def _sentence(text: str) -> str:
    """Return a message of the command line as a page tells it."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
