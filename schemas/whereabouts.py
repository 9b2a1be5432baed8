"""Where the results lie that a run counts as already done: asked of few work items for each run that made some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from schemas.records import WorkState
from schemas.runs import require_run
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import Derivative, Run, WorkItem
from schemas.taking_over import of_inputs


class ResultPlace(NamedTuple):
    """Where the last file of a result lies by now, and what the run that made it called its destination."""

    uri: str
    destination: str | None


def of_earlier_runs(connection: Connection, run_id: int) -> list[int]:
    """Return the first and the last result of each earlier run among those that this one counts as already done."""
    run = require_run(connection, run_id)
    query = (
        select(func.min(WorkItem.id), func.max(WorkItem.id))
        .where(
            WorkItem.id.in_(of_inputs(run)),
            WorkItem.state == WorkState.DONE.value,
            WorkItem.run_id != run_id,
        )
        .group_by(WorkItem.run_id)
    )
    return sorted({item for ends in connection.execute(query) for item in ends})


def places(connection: Connection, items: Sequence[int]) -> list[ResultPlace]:
    """Return where these results lie. What a result wrote last counts: earlier attempts may have left files."""
    found: list[ResultPlace] = []
    for chunk in batches(items, MAX_PARAMETERS):
        last = select(func.max(Derivative.id)).where(Derivative.work_item_id.in_(chunk))
        query = (
            select(Derivative.uri, Run.parameters["destination"].as_string())
            .join(WorkItem, WorkItem.id == Derivative.work_item_id)
            .join(Run, Run.id == WorkItem.run_id)
            .where(Derivative.id.in_(last.group_by(Derivative.work_item_id)))
            .order_by(Derivative.id)
        )
        found += [ResultPlace(*row) for row in connection.execute(query)]
    return found
