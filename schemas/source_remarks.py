"""What a run has to tell of its source beside the outcomes of its photographs."""

from __future__ import annotations

from sqlalchemy import Connection, and_, func, select

from schemas.records import WITH_OUTPUT, EventRecord
from schemas.statements import agent_ids, event_row, insert_events
from schemas.tables import Asset, Location, Run, RunInput, WorkItem


def refused_though_finished(
    connection: Connection, run_id: int, error_class: str, limit: int
) -> tuple[int, list[tuple[str, str]]]:
    """Return how many inputs of a run were refused with this class of error although its recipe has restored
    these very bytes; and key and error of the first ``limit``.
    """
    rows = (
        select(Asset.key, Location.error)
        .select_from(RunInput)
        .join(Run, Run.id == RunInput.run_id)
        .join(
            WorkItem,
            and_(
                WorkItem.asset_id == RunInput.asset_id,
                WorkItem.input_sha == RunInput.input_sha,
                WorkItem.recipe_id == Run.recipe_id,
            ),
        )
        .join(Location, Location.id == RunInput.location_id)
        .join(Asset, Asset.id == RunInput.asset_id)
        .where(
            RunInput.run_id == run_id,
            Location.error_class == error_class,
            WorkItem.state.in_(WITH_OUTPUT),
        )
    )
    number = connection.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
    first = connection.execute(rows.order_by(Asset.key).limit(limit))
    return number, [(row.key, row.error) for row in first]


def record_run_event(connection: Connection, run_id: int, event: EventRecord) -> None:
    """Record what happened to a run as a whole."""
    agents = agent_ids(connection, [event.agent])
    insert_events(connection, [event_row(event, agents, run_id=run_id)])
