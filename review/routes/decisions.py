"""Deciding on a photo, and taking it back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import BeforeValidator, StringConstraints
from starlette.responses import JSONResponse, RedirectResponse, Response

from review.desk import Desk
from review.filters import Wanted
from review.identity import CurrentPerson, desk_of, needs
from review.numbers import ItemNumber, whole_number
from review.pages import page, wants_json
from review.roles import Role
from review.routes.photo import next_item
from review.sessions import Session
from schemas.desk_sessions import StepRecord
from schemas.errors import CatalogError
from schemas.review_records import Decision

router = APIRouter()

REASON_NEEDED = (Decision.REJECT, Decision.REDO)
MAX_REASON = 2000
_NAMED = 10
"""So many decisions that could not be taken back are named."""


def _one_line_end(text: object) -> object:
    """Return text with one character for each line end: a form's fields are counted so, and sent with two."""
    return text.replace("\r\n", "\n") if isinstance(text, str) else text


Reason = Annotated[str, StringConstraints(max_length=MAX_REASON), BeforeValidator(_one_line_end)]
"""Why somebody decided so, as long as its field in the page takes it."""


@router.post("/photo/{item}/decide", dependencies=[needs(Role.REVIEWER)])
def decide(
    request: Request,
    item: ItemNumber,
    wanted: Wanted,
    person: CurrentPerson,
    decision: Annotated[str, Form()],
    output_sha256: Annotated[str, Form(min_length=64, max_length=64)],
    seen_review: Annotated[str, Form(max_length=20)] = "",
    reason: Annotated[Reason, Form()] = "",
    mask_edit: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Record a decision on exactly what the page showed, and go on to the next photo."""
    desk = desk_of(request)
    chosen = decision_of(decision, reason)
    row = desk.catalog.queue_row(item)
    following = next_item(desk, row, wanted)
    review = desk.catalog.decide(
        item,
        chosen,
        reason.strip(),
        person.name,
        output_sha256,
        number_or_none(seen_review),
        number_or_none(mask_edit),
    )
    remember(request.state.session, chosen, row.key, [(item, review.review_id)])
    address = wanted.address(f"/photo/{following.item_id}") if following else wanted.address()
    if wants_json(request):
        return JSONResponse({"review": review.review_id, "next": address})
    return RedirectResponse(address, 303)


@router.post("/undo", dependencies=[needs(Role.REVIEWER)])
def undo(request: Request, wanted: Wanted, person: CurrentPerson) -> Response:
    """Take back this session's last decision (of a batch, all of it) and show the photo again."""
    desk, session = desk_of(request), request.state.session
    last = session.take_last()
    if last is None:
        raise HTTPException(
            409, "There is nothing to undo: you have not decided anything since you signed in."
        )
    problems = take_back(desk, person.name, last)
    if problems and len(problems) == len(last.reviews):
        raise problems[0]
    single = last.reviews[0][0] if len(last.reviews) == 1 else None
    address = wanted.address(f"/photo/{single}") if single else wanted.address()
    if wants_json(request):
        return JSONResponse({"next": address, "problems": [str(one) for one in problems]})
    if problems:
        return page(request, "error.html", status=409, problem=_not_all(last, problems), code=409)
    return RedirectResponse(address, 303)


def _not_all(last: StepRecord, problems: list[CatalogError]) -> str:
    every, left = len(last.reviews), len(problems)
    named = "; ".join(map(str, problems[:_NAMED])) + (" …" if left > _NAMED else "")
    return f"Of {every} decisions {every - left} were taken back; {left} could not be: {named}."


def take_back(desk: Desk, name: str, last: StepRecord) -> list[CatalogError]:
    """Undo each review; return what could not be undone because somebody decided anew since."""
    problems = []
    for _, review in last.reviews:
        try:
            desk.catalog.undo(review, name)
        except CatalogError as error:
            problems.append(error)
    return problems


def remember(session: Session, decision: Decision, key: str, reviews: list[tuple[int, int]]) -> None:
    """Note a decision, so that it can be shown on the next page and taken back."""
    session.remember(StepRecord(decision.value, key, tuple(reviews)))


def decision_of(decision: str, reason: str) -> Decision:
    """Return the decision. Raises HTTPException for none, or for one that lacks its reason."""
    known = {one.value: one for one in (Decision.APPROVE, Decision.REJECT, Decision.REDO)}
    if decision not in known:
        raise HTTPException(400, "A decision is to approve, to reject or to redo.")
    if known[decision] in REASON_NEEDED and not reason.strip():
        raise HTTPException(400, "Say why: whoever reads the record later will want to know.")
    return known[decision]


def number_or_none(text: str) -> int | None:
    """Return a form field's number; None where it is empty."""
    if not text:
        return None
    number = whole_number(text)
    if number is None:
        raise HTTPException(400, "The form was changed on its way. Reload the page.")
    return number
