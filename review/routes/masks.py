"""The mask editor: what should be repaired, drawn by hand, and a redo with it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import JSONResponse, Response

from oldphoto_core.errors import StorageError
from review.desk import Desk
from review.filters import Wanted
from review.identity import CurrentPerson, desk_of, needs
from review.layers import PhotoLayers, layers_of
from review.masks import MaskDrawing, draw, save
from review.numbers import ItemNumber
from review.pages import page
from review.pictures import TILE_OVERLAP, TILE_SIZE
from review.pictures.tiles import Paint
from review.roles import Role
from review.routes.decisions import Reason, decision_of, remember
from review.routes.photo import next_item, tiles
from review.words import decision_name
from schemas.errors import ReviewConflictError
from schemas.review_records import Decision, DecisionRequest, QueueRow
from schemas.reviews import Opinion
from schemas.standing import current_review

router = APIRouter()


class MaskSubmission(MaskDrawing):
    """A drawn mask, and what the curator saw when asking for a redo with it."""

    reason: Reason = ""
    output_sha256: Annotated[str, Field(min_length=64, max_length=64)]
    seen_review: int | None = None


@router.get("/photo/{item}/mask", dependencies=[needs(Role.REVIEWER)])
def editor(request: Request, item: ItemNumber, wanted: Wanted) -> Response:
    """Show the editor."""
    desk = desk_of(request)
    history, layers = desk.history(item), desk.layers(item)
    layers.mask_source()
    return page(
        request,
        "mask.html",
        item=item,
        photo=history,
        row=desk.catalog.queue_row(item),
        wanted=wanted,
        canvas=canvas_of(layers),
    )


@router.post("/photo/{item}/mask", dependencies=[needs(Role.REVIEWER)])
def submit(
    request: Request, item: ItemNumber, wanted: Wanted, person: CurrentPerson, drawn: MaskSubmission
) -> Response:
    """Save the mask as a new file, record it, and ask for a redo with it."""
    desk = desk_of(request)
    decision_of(Decision.REDO.value, drawn.reason)
    row = desk.catalog.queue_row(item)
    _require_seen(desk, row, drawn)
    following = next_item(desk, row, wanted)
    layers = layers_of(desk.history(item))
    mask = draw(drawn, layers, desk.shelf)
    file = save(mask, layers, desk.files)
    seen = DecisionRequest(item, drawn.output_sha256, drawn.seen_review)
    redo = Opinion(Decision.REDO, drawn.reason.strip(), person.name)
    review = desk.catalog.redo_with_mask(seen, redo, file.sha256, file.uri)
    desk.history(item)
    remember(request.state.session, Decision.REDO, row.key, [(item, review.review_id)])
    address = wanted.address(f"/photo/{following.item_id}") if following else wanted.address()
    told = {"next": address, "sha256": file.sha256, "share": float(mask.mean())}
    return JSONResponse(told)


def _require_seen(desk: Desk, row: QueueRow, drawn: MaskSubmission) -> None:
    """Raise ReviewConflictError before a file is written that no decision would name."""
    if row.output_sha256 != drawn.output_sha256:
        problem = f"the result of {row.key!r} is not the one that was looked at; look at the photo again"
        raise ReviewConflictError(row.item_id, problem, row.last_review)
    if row.last_review != drawn.seen_review:
        current = current_review(desk.catalog.reviews(row.item_id))
        how = f"{decision_name(current.decision)} by {current.reviewer}" if current else "taken back"
        problem = (
            f"{row.key!r} was decided on in the meantime: {how}. What you drew is still here: save once more to ask "
            "for a redo all the same. Both decisions stay in the history"
        )
        raise ReviewConflictError(row.item_id, problem, row.last_review)


def canvas_of(layers: PhotoLayers) -> dict[str, object]:
    """Return what the editor's script works on. Raises StorageError where there is no picture to draw on."""
    probability, scan = layers.get("probability"), layers.get("scan")
    bases = {
        layer.name: tiles(layers, layer, Paint.VALUES)
        for layer in (layers.mask_source(), *([probability] if probability else []), *layers.edits)
    }
    result = next(iter(layers.results), None)
    if (shown := scan or result) is None:
        raise StorageError(
            "There is no picture to draw on: nothing was made of this scan, and another took its place."
        )
    return {
        "width": layers.width,
        "height": layers.height,
        "tileSize": TILE_SIZE,
        "overlap": TILE_OVERLAP,
        "picture": tiles(layers, shown, Paint.PHOTO),
        "result": tiles(layers, result, Paint.PHOTO) if result else None,
        "bases": bases,
    }
