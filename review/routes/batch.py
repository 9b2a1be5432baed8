"""One decision on many photos: those marked in the queue, or all that a filter shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import AwareDatetime
from starlette.responses import RedirectResponse, Response

from review.filters import QueueQuery, Wanted
from review.identity import CurrentPerson, desk_of, needs
from review.numbers import whole_number
from review.pages import page
from review.roles import Role
from review.routes.decisions import REASON_NEEDED, Reason, decision_of, remember
from review.routes.photo import sought
from review.routes.queue import matching
from review.sessions import Session
from schemas.review_records import Decision, DecisionRequest, DecisionResult, Standing

router = APIRouter()

MOST = 2000
"""Photos that one press of a button decides on."""
_MOST_MARKED = 500
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Around them no calendar holds an instant in every zone."""


@router.get("/batch", dependencies=[needs(Role.CURATOR)])
def batch_page(request: Request, wanted: Wanted) -> Response:
    """Show what a decision on the whole queue would touch."""
    return _form(request, replace(wanted, decision=Standing.UNDECIDED.value))


@router.post("/batch", dependencies=[needs(Role.CURATOR)])
def decide_all(
    request: Request,
    wanted: Wanted,
    person: CurrentPerson,
    decision: Annotated[str, Form()],
    expected: Annotated[int, Form(ge=1)],
    until: Annotated[AwareDatetime, Form(gt=_FIRST, lt=_LAST)],
    reason: Annotated[Reason, Form()] = "",
) -> Response:
    """Decide on the first photos of a queue, as many as the page said, and on none that came since."""
    desk = desk_of(request)
    if wanted.decision != Standing.UNDECIDED.value:
        raise HTTPException(400, "Only undecided photos are decided on together.")
    if decision in REASON_NEEDED and not reason.strip():
        return _form(request, wanted, "Say why: the reason is recorded with every photo.")
    chosen = decision_of(decision, reason)
    results: list[DecisionResult] = []
    limit = min(expected, MOST)
    decided = desk.catalog.decide_many(
        wanted.filter(), chosen, reason.strip(), person.name, limit=limit, until=until
    )
    for chunk in decided:
        results += chunk
    return _told(request, wanted, chosen, results)


@router.post("/marked", dependencies=[needs(Role.REVIEWER)])
def decide_marked(
    request: Request,
    wanted: Wanted,
    person: CurrentPerson,
    decision: Annotated[str, Form()],
    marked: Annotated[list[str], Form(max_length=_MOST_MARKED)],
    reason: Annotated[Reason, Form()] = "",
) -> Response:
    """Decide on the photos that were marked in the queue, each as it was when the page was made."""
    desk = desk_of(request)
    chosen = decision_of(decision, reason)
    requests = [marked_request(text) for text in marked]
    results = desk.catalog.decide_each(requests, chosen, reason.strip(), person.name)
    if all(one.decided for one in results):
        _remember(request.state.session, chosen, results)
        return RedirectResponse(wanted.address(), 303)
    return _told(request, wanted, chosen, results)


def marked_request(text: str) -> DecisionRequest:
    """Read ``item:output:review`` as a queue's card writes it. Raises HTTPException."""
    item, _, rest = text.partition(":")
    output, _, review = rest.partition(":")
    photo, seen = whole_number(item), whole_number(review)
    if photo is None or len(output) != 64 or (review and seen is None):
        raise HTTPException(400, "The form was changed on its way. Reload the page.")
    return DecisionRequest(photo, output, seen)


def _form(request: Request, wanted: QueueQuery, problem: str = "") -> Response:
    desk, until = desk_of(request), datetime.now(UTC)
    found = sought(desk, wanted.filter(), None, 24)
    return page(
        request,
        "batch.html",
        status=400 if problem else 200,
        wanted=wanted,
        rows=found.rows,
        total=matching(desk, wanted),
        until=until.isoformat(),
        most=MOST,
        results=None,
        problem=problem,
    )


def _told(
    request: Request, wanted: QueueQuery, decision: Decision, results: list[DecisionResult]
) -> Response:
    _remember(request.state.session, decision, results)
    status = 200 if all(one.decided for one in results) else 409
    return page(
        request,
        "batch.html",
        status=status,
        wanted=wanted,
        rows=(),
        total=0,
        most=MOST,
        results=results,
        decision=decision,
    )


def _remember(session: Session, decision: Decision, results: list[DecisionResult]) -> None:
    reviews = [(one.item_id, one.review.review_id) for one in results if one.review is not None]
    if reviews:
        words = f"{len(reviews)} photos" if len(reviews) > 1 else "1 photo"
        remember(session, decision, words, reviews)
