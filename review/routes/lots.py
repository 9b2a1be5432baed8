"""Quality-control lots: a random sample stands for many photos (ISO 2859-1)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from review.filters import QueueQuery
from review.identity import CurrentPerson, desk_of, needs
from review.pages import page
from review.roles import Role
from schemas.records import LARGEST_NUMBER
from schemas.review_records import LotRecord, QueueFilter, Standing

router = APIRouter()

AQLS = (0.1, 0.15, 0.25, 0.4, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5)
LEVELS = ("I", "II", "III")
_PAGE = 50


@router.get("/lots", dependencies=[needs(Role.VIEWER)])
def lots(
    request: Request,
    person: CurrentPerson,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER)] = None,
) -> Response:
    """Show the lots and, to curators, the form that draws one."""
    desk = desk_of(request)
    return page(
        request,
        "lots.html",
        lots=desk.catalog.lots(limit=_PAGE, before=before),
        collections=desk.catalog.collection_names(),
        aqls=AQLS,
        levels=LEVELS,
        page_size=_PAGE,
    )


@router.post("/lots", dependencies=[needs(Role.CURATOR)])
def draw(
    request: Request,
    person: CurrentPerson,
    aql: Annotated[float, Form(gt=0, le=1000)],
    level: Annotated[str, Form(max_length=4)],
    collection: Annotated[str, Form(max_length=2048)] = "",
    scope: Annotated[str, Form(pattern="^(flagged|all)$")] = "all",
) -> Response:
    """Draw a lot of a collection's undecided photos."""
    desk = desk_of(request)
    wanted = QueueFilter(
        collection=collection or None, decision=Standing.UNDECIDED, flagged_only=scope != "all"
    )
    lot = desk.catalog.draw_lot(wanted, aql=aql, created_by=person.name, level=level)
    return RedirectResponse(f"/lots/{lot.lot_id}", 303)


@router.get("/lots/{lot}", dependencies=[needs(Role.VIEWER)])
def show_lot(request: Request, lot: Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]) -> Response:
    """Show a lot, its sample and its verdict as of now."""
    desk = desk_of(request)
    record = desk.catalog.lot(lot)
    return page(
        request,
        "lot.html",
        lot=record,
        rows=desk.catalog.lot_sample(lot),
        scope=scope_of(record),
        wanted=QueueQuery(),
    )


def scope_of(lot: LotRecord) -> list[tuple[str, str]]:
    """Return what a lot was drawn of, in words."""
    names: dict[str, Any] = dict(lot.filter)
    told = [("Collection", str(names.get("collection", "all")))]
    told.append(("Photos", "flagged only" if names.get("flagged_only") else "all with an output"))
    told += [
        (name.capitalize(), str(names[name])) for name in ("flag", "severity", "text") if names.get(name)
    ]
    return told
