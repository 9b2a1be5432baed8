"""Which results a rebuild records together: those of one origin, and of one photo never two at once.

Results of several origins may come by turns: of two recipes, of two collections. Each origin has a batch that fills
on its own, or every turn would be a transaction with an entry in the audit chain. Only the results of one photo keep
the order in which they come: the catalog takes the last for the present one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

from actors.sidecar import SidecarFacts
from schemas.rebuild_records import RebuiltPhoto

ORIGINS = 10
"""So many full batches may wait in all. Each mask that was drawn is a recipe of its own, of one photo."""


class Origin(NamedTuple):
    """Where results come from that one run stands for; ``source`` is None where the files do not tell it."""

    collection: str
    recipe: str
    source: str | None
    parameters: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, facts: SidecarFacts) -> Self:
        """Return where a sidecar's photo comes from: the source is its address without its key."""
        root = facts.source.removesuffix(f"/{facts.key}")
        source = root if root not in ("", facts.source) else None
        return cls(facts.collection, facts.recipe, source, tuple(facts.parameters.items()))


class Batch(NamedTuple):
    """Results of one origin, each of another photo."""

    origin: Origin
    photos: list[RebuiltPhoto]


class WaitingBatches:
    """Results that wait to be recorded; who lets them wait records what is given back, in that order.

    Args:
        size: how many results are recorded together at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # In the order in which they began.
        self._waiting: dict[Origin, list[RebuiltPhoto]] = {}
        self._where: dict[tuple[str, str], Origin] = {}

    def add(self, origin: Origin, photo: RebuiltPhoto) -> list[Batch]:
        """Let a result wait; return what has to be recorded by now."""
        due = []
        place = (origin.collection, photo.key)
        if (earlier := self._where.get(place)) is not None:
            due.append(self._take(earlier))
        self._where[place] = origin
        self._waiting.setdefault(origin, []).append(photo)
        if len(self._waiting[origin]) >= self._size:
            due.append(self._take(origin))
        elif len(self._where) >= ORIGINS * self._size:
            due.append(self._take(next(iter(self._waiting))))
        return due

    def rest(self) -> Iterator[Batch]:
        """Yield what still waits; nothing waits then."""
        while self._waiting:
            yield self._take(next(iter(self._waiting)))

    def _take(self, origin: Origin) -> Batch:
        photos = self._waiting.pop(origin)
        for photo in photos:
            del self._where[origin.collection, photo.key]
        return Batch(origin, photos)
