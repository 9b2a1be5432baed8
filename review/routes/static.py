"""Style sheets, scripts and the like: public, and kept by the browser for good."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response

from review.pages import STATIC

router = APIRouter()

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FILES = {
    path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.suffix in _MEDIA_TYPES
}


@router.get("/static/{digest}/{name:path}")
def static_file(digest: str, name: str) -> Response:
    """Return a file; ``digest`` only keeps its address fresh. Files are looked up, never searched for."""
    path = _FILES.get(name)
    if path is None:
        raise HTTPException(404, "There is no such file.")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix], headers=kept)


@router.api_route("/health", methods=["GET", "HEAD"])
def health() -> Response:
    """Say that the desk is there, for whoever watches it."""
    return PlainTextResponse("ok")
