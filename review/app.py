"""The web application: routes, what surrounds them, and how errors are told."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response

from oldphoto_core.errors import OldPhotoError
from review.desk import Desk
from review.identity import SignInNeeded
from review.pages import bare_page, is_fragment, page, wants_json
from review.routes import ROUTERS
from review.security import HEADERS, SameOriginOnly, SecurityHeaders
from schemas.errors import (
    CatalogError,
    CatalogUseError,
    ReviewConflictError,
    UnknownItemError,
    UnknownLotError,
)

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
    """Send the browser to the sign-in page, and back afterwards if it wanted to look at something."""
    if wants_json(request):
        return JSONResponse({"problem": "You are signed out. Sign in again."}, 401)
    wanted = request.url.path if request.method == "GET" and not is_fragment(request) else ""
    if wanted and request.url.query:
        wanted += f"?{request.url.query}"
    address = f"/sign-in?{urlencode({'next': wanted})}" if wanted not in ("", "/") else "/sign-in"
    if is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


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
        return JSONResponse({"problem": str(error), "item": error.item_id}, 409)
    return page(request, "conflict.html", status=409, problem=str(error), item=error.item_id)


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
