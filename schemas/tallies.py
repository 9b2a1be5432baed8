"""Counts of ended work items by run, kept in the transactions that end them, take them over or settle them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from schemas.records import OUTCOME_STATES
from schemas.statements import upsert
from schemas.tables import OutcomeTally, WorkItem

Ended = tuple[int, str, int, float]
"""Run, state, work items, seconds."""


def add(connection: Connection, ended: Iterable[Ended]) -> None:
    """Add work items (or with negative numbers take away) to the counts."""
    totals: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for run, state, photos, seconds in ended:
        total = totals[run, state]
        total[0] += photos
        total[1] += seconds
    if not totals:
        return
    statement = upsert(connection, OutcomeTally)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["run_id", "state"],
        set_={
            "photos": OutcomeTally.photos + new.photos,
            "seconds": OutcomeTally.seconds + new.seconds,
        },
    )
    rows = [
        {"run_id": run, "state": state, "photos": int(photos), "seconds": seconds}
        for (run, state), (photos, seconds) in sorted(totals.items())
    ]
    connection.execute(statement, rows)


def matching(connection: Connection, *conditions: ColumnElement[bool]) -> list[Ended]:
    """Return counts of the ended work items that meet the conditions, to be added or taken away."""
    query = (
        select(
            WorkItem.run_id,
            WorkItem.state,
            func.count(),
            func.sum(func.coalesce(WorkItem.seconds, 0.0)),
        )
        .where(WorkItem.state.in_([state.value for state in OUTCOME_STATES]), *conditions)
        .group_by(WorkItem.run_id, WorkItem.state)
    )
    return [_plain(row) for row in connection.execute(query) if row[0] is not None]


def negative(ended: Iterable[Ended]) -> list[Ended]:
    """Return the counts as what takes them away."""
    return [(run, state, -photos, -seconds) for run, state, photos, seconds in ended]


def of_run(connection: Connection, run: int) -> dict[str, int]:
    """Return how many work items that the run holds ended in each state."""
    query = select(OutcomeTally.state, OutcomeTally.photos).where(OutcomeTally.run_id == run)
    return {row[0]: row[1] for row in connection.execute(query)}


def _plain(row: Row[Any]) -> Ended:
    return row[0], row[1], int(row[2]), float(row[3])
