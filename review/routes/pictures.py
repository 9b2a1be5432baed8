"""Pictures for the browser, by the catalog's numbers only: no address ever holds a path.

The digest in an address makes it good for ever, so the browser keeps what it has.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from starlette.responses import Response

from review.desk import Desk
from review.identity import desk_of, needs
from review.layers import Layer, LayerKind
from review.numbers import ItemNumber
from review.pictures.tiles import MEDIA_TYPES, Paint, crop, cut_tile
from review.roles import Role

router = APIRouter(prefix="/pictures/{item}/{layer}/{version}", dependencies=[needs(Role.VIEWER)])

THUMBNAIL_SIDE = 480
_FACE_SIDE = 320
_FACE_MARGIN = 0.35
_KEPT = {"Cache-Control": "private, max-age=31536000, immutable"}

Small = Annotated[int, Path(ge=0, le=2**20)]


@router.get("/thumbnail.jpg")
def thumbnail(request: Request, item: ItemNumber, layer: str, version: str) -> Response:
    """Return a small JPEG."""
    desk = desk_of(request)
    found = _layer(desk, item, layer, version)
    data = desk.shelf.thumbnail(found.picture, THUMBNAIL_SIDE)
    return Response(data, media_type="image/jpeg", headers=_KEPT)


@router.get("/{paint}/{level}/{column}_{row}")
def tile(
    request: Request,
    item: ItemNumber,
    layer: str,
    version: str,
    paint: Paint,
    level: Annotated[int, Path(ge=0, le=40)],
    column: Small,
    row: Small,
) -> Response:
    """Return a Deep Zoom tile."""
    desk = desk_of(request)
    found = _layer(desk, item, layer, version)
    if (paint is Paint.PHOTO) is not (found.kind in (LayerKind.SCAN, LayerKind.RESULT)):
        raise HTTPException(404, "This layer is not shown in this way.")
    data = cut_tile(desk.shelf.pyramid(found.picture), level, column, row, paint)
    if data is None:
        raise HTTPException(404, "The picture has no such tile.")
    return Response(data, media_type=MEDIA_TYPES[paint], headers=_KEPT)


@router.get("/face/{position}.jpg")
def face(request: Request, item: ItemNumber, layer: str, version: str, position: Small) -> Response:
    """Return a face with some of its surroundings."""
    desk = desk_of(request)
    found = _layer(desk, item, layer, version)
    faces = desk.faces(item)
    if found.kind not in (LayerKind.SCAN, LayerKind.RESULT) or position >= len(faces):
        raise HTTPException(404, "There is no such face.")
    x, y, width, height = faces[position]
    margin = _FACE_MARGIN * max(width, height)
    box = (x - margin, y - margin, width + 2 * margin, height + 2 * margin)
    data = crop(desk.shelf.pyramid(found.picture), box, _FACE_SIDE)
    return Response(data, media_type="image/jpeg", headers=_KEPT)


def _layer(desk: Desk, item: int, name: str, version: str) -> Layer:
    layer = desk.layer(item, name)
    if layer is None or layer.version != version:
        raise HTTPException(404, "There is no such picture.")
    return layer
