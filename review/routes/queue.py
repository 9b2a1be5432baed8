"""The queue: photos to decide on, by reason and severity, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from review.collections import collection_names
from review.desk import Desk
from review.filters import QueueQuery, Wanted
from review.identity import desk_of, needs
from review.pages import is_fragment, page
from review.roles import Role
from schemas.review_records import SEVERITY_RANKS, QueueCount, QueueFilter, Standing

router = APIRouter()


@dataclass(frozen=True)
class Facet:
    """One choice of a filter with the number of photos behind it."""

    value: str
    photos: int
    severity: str | None = None


@dataclass(frozen=True)
class Facets:
    """The choices beside a queue; numbers come from the catalog's running counts, nothing is counted."""

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
    """Return the choices for a queue, each with what it would show."""
    counts = desk.catalog.queue_counts(QueueFilter(collection=wanted.collection or None, run=wanted.run))
    standing = [one for one in counts if wanted.decision in ("any", one.decision.value)]
    items = [one for one in counts if one.flag is None and (wanted.unflagged or one.severity)]
    return Facets(
        flags=_flags(standing),
        severities=_severities(standing, wanted.flag or None),
        decisions=_decisions(items),
        collections=collection_names(desk.catalog),
    )


def matching(desk: Desk, wanted: QueueQuery) -> int | None:
    """Return how many photos a queue holds; None where only looking through it would tell (a search)."""
    if wanted.text:
        return None
    narrowed = QueueFilter(
        flag=wanted.flag or None,
        severity=wanted.severity or None,
        collection=wanted.collection or None,
        run=wanted.run,
    )
    counts = desk.catalog.queue_counts(narrowed)
    return sum(
        one.photos
        for one in counts
        if (one.flag or "") == wanted.flag
        and wanted.decision in ("any", one.decision.value)
        and (wanted.flag or wanted.unflagged or one.severity)
    )


def _flags(counts: Iterable[QueueCount]) -> tuple[Facet, ...]:
    photos: Counter[str] = Counter()
    gravest: dict[str, str] = {}
    for one in counts:
        if one.flag is None or one.severity is None:
            continue
        photos[one.flag] += one.photos
        before = gravest.get(one.flag, one.severity)
        gravest[one.flag] = max(before, one.severity, key=lambda word: SEVERITY_RANKS[word])
    ordered = sorted(photos, key=lambda code: (-SEVERITY_RANKS[gravest[code]], -photos[code], code))
    return tuple(Facet(code, photos[code], gravest[code]) for code in ordered)


def _severities(counts: Iterable[QueueCount], flag: str | None) -> tuple[Facet, ...]:
    photos: Counter[str] = Counter()
    for one in counts:
        if one.flag == flag and one.severity is not None:
            photos[one.severity] += one.photos
    return tuple(Facet(word, photos[word], word) for word in reversed(SEVERITY_RANKS))


def _decisions(counts: Iterable[QueueCount]) -> tuple[Facet, ...]:
    photos: Counter[str] = Counter()
    for one in counts:
        photos[one.decision.value] += one.photos
    return tuple(Facet(standing.value, photos[standing.value]) for standing in Standing)
