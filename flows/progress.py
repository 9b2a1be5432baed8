"""How a run tells whoever watches how far it is, without the flow knowing who that is.

A flow's parameters are stored as JSON by Prefect, so a listener cannot be one of them: it is held in a
context variable instead, which tasks called by the flow see too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from flows.remarks import Remarks
from flows.summary import RedoSummary, RunSummary


@dataclass(frozen=True)
class Progress:
    """A moment of a run: ``phase`` is ``ingest`` or ``restore``; ``total`` is None while it is not known."""

    phase: str
    finished: int
    total: int | None = None
    note: str = ""


@dataclass(frozen=True)
class RunDetails:
    """What a person wants to know at the end, beside the numbers.

    ``given_up`` counts the failed photos that no later run tries again by itself, ``taken_over_by`` names the
    run that took this one's work. ``flags`` counts the flags that this run raised, by code. ``stages_off``
    pairs each stage that had no trained weights with what that means, ``remarks`` are about the source.
    """

    summary: RunSummary
    tier: str
    report: str | None
    dry_run: bool = False
    given_up: int = 0
    taken_over_by: int | None = None
    flagged_photos: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)
    stages_off: tuple[tuple[str, str], ...] = ()
    remarks: Remarks = field(default_factory=Remarks)


class Listener(Protocol):
    """Whoever wants to hear of a run; called from the flow's thread and quick to return."""

    def progress(self, progress: Progress) -> None:
        """Hear how far the run is."""

    def finished(self, details: RunDetails) -> None:
        """Hear how it ended; not called when the run itself fails."""

    def redone(self, summary: RedoSummary) -> None:
        """Hear what became of requests to redo; not called when the flow itself fails."""


class Nobody:
    """Hears nothing."""

    def progress(self, progress: Progress) -> None:
        """Do nothing."""

    def finished(self, details: RunDetails) -> None:
        """Do nothing."""

    def redone(self, summary: RedoSummary) -> None:
        """Do nothing."""


_NOBODY = Nobody()
_listener: ContextVar[Listener] = ContextVar("oldphoto_listener", default=_NOBODY)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let ``listener`` hear of every run inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Listener:
    """Return whoever is listening at present."""
    return _listener.get()
