"""Rows of runs and of totals, key by key; like those of photos in :mod:`schemas.rows`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict


class RunCounts(TypedDict):
    """What became of a run's inputs; :mod:`schemas.runs` defines each word."""

    inputs: int
    already_done: int
    done: int
    skipped: int
    quarantined: int
    failed: int
    pending: int


class RunColumns(RunCounts):
    """A run by itself. ``recipe`` None: it only took photos in; ``finished_at`` and ``seconds`` None: not ended."""

    run: int
    collection: str
    recipe: str | None
    state: str
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None


class RunRow(RunColumns):
    """A run as lists show it."""

    flow_run: str | None
    parameters: dict[str, Any]


class RunTotal(RunColumns):
    """A run with its speed, None where it took no time."""

    photos_per_hour: float | None


class OutcomeTotal(TypedDict):
    """How many photos of a collection ended so under a recipe."""

    collection: str
    recipe: str
    outcome: str
    photos: int
    seconds: float
    seconds_each: float


class CollectionTotal(TypedDict):
    """How many photos a collection has ever had, and runs."""

    collection: str
    photos: int
    runs: int
    last_run_at: datetime | None


class FlagTotal(TypedDict):
    """How many photos a flag marks, undecided (``open``) and decided, and the span of its values."""

    collection: str
    flag: str
    severity: str | None
    open: int
    closed: int
    lowest: float
    mean: float
    highest: float


Total = RunTotal | OutcomeTotal | CollectionTotal | FlagTotal
"""A row of totals, by whatever."""
