"""The queue: photos to decide on, by reason and severity, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from review.desk import Desk
from review.filters import ANY_DECISION, QueueQuery, Wanted
from review.identity import desk_of, needs
from review.pages import is_fragment, page
from review.roles import Role
from schemas.review_records import SEVERITY_RANKS, QueueCount, QueueFilter, Standing

router = APIRouter()


@dataclass(frozen=True)
class Facet:
    """One choice of a filter with the number of photos behind it."""

    value: str
    photos: int | None
    severity: str | None = None


@dataclass(frozen=True)
class Facets:
    """The choices beside a queue; numbers come from the catalog's running counts, nothing is counted.

    ``photos`` is what the queue itself holds; None, as in each facet, while a search narrows it further.
    """

    photos: int | None
    flags: tuple[Facet, ...]
    severities: tuple[Facet, ...]
    decisions: tuple[Facet, ...]
    collections: tuple[str, ...]


@router.get("/queue", dependencies=[needs(Role.VIEWER)])
def queue(request: Request, wanted: Wanted, after: Annotated[str, Query(max_length=80)] = "") -> Response:
    """Show a page of the queue; HTMX gets the part that changes."""
    desk = desk_of(request)
    found = desk.catalog.review_queue(wanted.filter(), after=after or None, limit=desk.settings.page_size)
    if after and is_fragment(request):
        return page(request, "queue_cards.html", rows=found.rows, following=found.next, wanted=wanted)
    facets = facets_of(desk, wanted)
    template = "queue_body.html" if is_fragment(request) else "queue.html"
    return page(request, template, rows=found.rows, following=found.next, wanted=wanted, facets=facets)


def facets_of(desk: Desk, wanted: QueueQuery) -> Facets:
    """Return the choices for a queue, each with what it would show beside the other conditions."""
    counts = _counts(desk, wanted)

    def facet(value: str, mark: str | None = None, **change: Any) -> Facet:
        return Facet(value, _photos(counts, replace(wanted, **change)), mark)

    gravest = _gravest_by_flag(counts, wanted)
    flags = [facet(code, word, flag=code, unflagged=False) for code, word in gravest.items()]
    kept = [one for one in flags if one.photos != 0 or one.value == wanted.flag]
    return Facets(
        photos=_photos(counts, wanted),
        flags=tuple(sorted(kept, key=_gravest_first)),
        severities=tuple(facet(word, word, severity=word) for word in reversed(SEVERITY_RANKS)),
        decisions=tuple(facet(standing.value, decision=standing.value) for standing in Standing),
        collections=tuple(desk.catalog.collection_names()),
    )


def matching(desk: Desk, wanted: QueueQuery) -> int | None:
    """Return how many photos a queue holds; None where only looking through it would tell (a search)."""
    return _photos(_counts(desk, wanted), wanted)


def _counts(desk: Desk, wanted: QueueQuery) -> list[QueueCount]:
    return desk.catalog.queue_counts(QueueFilter(collection=wanted.collection or None, run=wanted.run))


def _photos(counts: Iterable[QueueCount], wanted: QueueQuery) -> int | None:
    if wanted.text:
        return None
    return sum(
        one.photos
        for one in counts
        if (one.flag or "") == wanted.flag
        and wanted.decision in (ANY_DECISION, one.decision.value)
        and wanted.severity in ("", one.severity)
        and (wanted.flag or wanted.unflagged or one.severity)
    )


def _gravest_by_flag(counts: Iterable[QueueCount], wanted: QueueQuery) -> dict[str, str]:
    """Return every flag that photos with the wanted decision have, with the gravest severity it comes in."""
    found: dict[str, str] = {}
    for one in counts:
        if one.flag and one.severity and wanted.decision in (ANY_DECISION, one.decision.value):
            before = found.get(one.flag, one.severity)
            found[one.flag] = max(before, one.severity, key=lambda word: SEVERITY_RANKS[word])
    return found


def _gravest_first(facet: Facet) -> tuple[int, int, str]:
    return -SEVERITY_RANKS.get(facet.severity or "", 0), -(facet.photos or 0), facet.value
