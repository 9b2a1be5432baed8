"""Which quarantined and failed work items are trouble still, and which are over.

A work item stays as it ended when its photo got a better scan, or when another recipe restored it: no run of the old
recipe comes back to it. Lists and totals that are asked for neither a run nor a recipe leave out what is over, so
that they tell of a photo's bytes what came of them last.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, literal_column, or_
from sqlalchemy.orm import aliased

from schemas.listing import of_bytes_seen_last
from schemas.records import OUTCOME_STATES, TROUBLES
from schemas.standing import overruled
from schemas.tables import Review, Run, WorkItem

TROUBLED: ColumnElement[bool] = literal_column(f"work_item.state IN ('{TROUBLES[0]}', '{TROUBLES[1]}')")
"""Condition on work items in trouble; in literals, or neither database can tell that its partial index applies."""


def over(item: Any) -> ColumnElement[bool]:
    """Condition that the trouble of a quarantined or failed work item is over.

    Its photo has other bytes by now, something came of the same bytes in a later run, or it is of a redo that
    nobody asks for any more.
    """
    return or_(~of_bytes_seen_last(item), _ended_later(item), _of_overruled_redo(item))


def _ended_later(item: Any) -> ColumnElement[bool]:
    """Condition that a later run ended with these bytes under another recipe, well or not.

    By the run that holds them, not by their numbers: a failed work item goes along from run to run of its recipe, and
    is the latest again where an earlier recipe is tried once more.
    """
    other = aliased(WorkItem)
    return exists().where(
        other.asset_id == item.asset_id,
        other.input_sha == item.input_sha,
        other.run_id > item.run_id,
        other.state.in_([state.value for state in OUTCOME_STATES]),
    )


def _of_overruled_redo(item: Any) -> ColumnElement[bool]:
    """Condition that a work item was to answer a redo, and that its photo was decided on otherwise since."""
    asked = Run.parameters["review"].as_integer()
    return exists().where(Run.id == item.run_id, Review.id == asked, overruled(Review))
