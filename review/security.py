"""What every answer says to the browser, and which requests are refused before any page sees them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class SecurityHeaders:
    """Adds the headers to every answer; what says nothing about caching is not cached."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers)


class SameOriginOnly:
    """Refuses requests that change something and come from another site's page, and bodies that are too large.

    This stands before the token check of :mod:`review.identity`; either alone would do.
    """

    def __init__(self, app: ASGIApp, largest_body: int = 16 << 20) -> None:
        self.app, self.largest_body = app, largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = _foreign(headers) or self._too_large(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _too_large(self, headers: Headers) -> PlainTextResponse | None:
        length = headers.get("content-length", "")
        if not length.isdigit():
            return PlainTextResponse("The request does not say how long it is.", 411)
        if int(length) > self.largest_body:
            return PlainTextResponse("The request is too large.", 413)
        return None


def netloc_of(address: str) -> str | None:
    """Return host and port of an address that a browser, or whoever, sent; None where it is no address."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None


def _foreign(headers: Headers) -> PlainTextResponse | None:
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    foreign_site = site is not None and site not in ("same-origin", "none")
    foreign_origin = origin is not None and netloc_of(origin) != headers.get("host")
    if foreign_site or foreign_origin:
        return PlainTextResponse("This request came from another site and was refused.", 403)
    return None
