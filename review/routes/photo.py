"""A photo's page: everything that a curator needs to decide, on one screen."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from review.desk import Desk
from review.filters import QueueQuery, Wanted, place_of
from review.identity import CurrentPerson, desk_of, needs
from review.layers import Layer, LayerKind, PhotoLayers
from review.numbers import ItemNumber
from review.pages import page
from review.pictures import TILE_OVERLAP, TILE_SIZE
from review.pictures.tiles import Paint
from review.roles import Role, includes
from review.story import story_of
from review.words import tier_name
from schemas.review_records import QueueFilter, QueuePage, QueueRow
from schemas.standing import current_review

router = APIRouter()

FURTHER = 3
"""How often a search looks further before a page goes without. Each time takes some hundredths of a second, and
where nothing is found the way leads to the queue, which goes on by itself."""


@router.get("/photo/{item}", dependencies=[needs(Role.VIEWER)])
def photo(request: Request, item: ItemNumber, wanted: Wanted, person: CurrentPerson) -> Response:
    """Show a photo as part of a queue."""
    desk = desk_of(request)
    history = desk.history(item)
    layers = desk.layers(item)
    row = history["queue"]
    following = next_item(desk, row, wanted) if row is not None else None
    decided_by = current_review(desk.catalog.reviews(item))
    return page(
        request,
        "photo.html",
        item=item,
        photo=history,
        layers=layers,
        row=row,
        wanted=wanted,
        stage=stage_of(layers),
        following=following,
        next_address=wanted.address(f"/photo/{following.item_id}") if following else wanted.address(),
        story=story_of(history),
        decided_by=decided_by,
        redo_waits=decided_by is not None and desk.catalog.redo_waits(decided_by.review_id),
        can_decide=includes(person.role, Role.REVIEWER) and row is not None,
        picture=picture_address,
        warm=warming(following),
    )


@router.get("/photo/{item}/standing", dependencies=[needs(Role.VIEWER)])
def standing(request: Request, item: ItemNumber) -> Response:
    """Say how the photo stands now, for a page that has been open for a while."""
    row = desk_of(request).catalog.queue_row(item)
    return JSONResponse(
        {"decision": row.decision, "last_review": row.last_review, "output": row.output_sha256}
    )


def next_item(desk: Desk, row: QueueRow, wanted: QueueQuery) -> QueueRow | None:
    """Return what follows a photo in a queue."""
    condition = wanted.filter()
    found = sought(desk, condition, place_of(row, condition), 1)
    return found.rows[0] if found.rows else None


def sought(desk: Desk, condition: QueueFilter, after: str | None, limit: int) -> QueuePage:
    """Return a page of a queue; where a search finds nothing at first, of what it finds a little further on."""
    found = desk.catalog.review_queue(condition, after=after, limit=limit)
    for _ in range(FURTHER):
        if found.rows or found.next is None:
            break
        found = desk.catalog.review_queue(condition, after=found.next, limit=limit)
    return found


def warming(row: QueueRow | None) -> list[str]:
    """Return addresses that make the desk prepare a photo before anybody looks at it."""
    if row is None:
        return []
    names = [("scan", row.sha256)] + ([("restored", row.output_sha256)] if row.restored else [])
    return [f"/pictures/{row.item_id}/{name}/{digest[:16]}/photo/0/0_0" for name, digest in names]


def stage_of(layers: PhotoLayers) -> dict[str, object]:
    """Return what the viewer shows of a photo, for the page's script: size, tiles and layers."""
    scan, mask, probability = layers.get("scan"), layers.get("mask"), layers.get("probability")
    results = [
        {"name": one.name, "label": tier_name(one.tier), "url": tiles(layers, one, Paint.PHOTO)}
        for one in layers.results
    ]
    edits = [
        {"name": one.name, "label": one.name, "url": tiles(layers, one, Paint.VALUES)} for one in layers.edits
    ]
    return {
        "width": layers.width,
        "height": layers.height,
        "tileSize": TILE_SIZE,
        "overlap": TILE_OVERLAP,
        "scan": tiles(layers, scan, Paint.PHOTO) if scan else None,
        "results": results,
        "mask": tiles(layers, mask, Paint.MASK) if mask else None,
        "probability": tiles(layers, probability, Paint.HEAT) if probability else None,
        "edits": edits,
    }


def tiles(layers: PhotoLayers, layer: Layer, paint: Paint) -> str:
    """Return the address below which a layer's tiles lie."""
    return f"/pictures/{layers.item}/{layer.name}/{layer.version}/{paint.value}/"


def picture_address(layers: PhotoLayers, name: str, rest: str) -> str:
    """Return the address of something made of a layer: a thumbnail, a face."""
    layer = layers[name]
    assert layer.kind in (LayerKind.SCAN, LayerKind.RESULT)
    return f"/pictures/{layers.item}/{name}/{layer.version}/{rest}"
