"""Which pending work items go to the workers next, and how many failed ones have been given up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, update

from schemas.records import PendingItem, WorkState
from schemas.statements import MAX_PARAMETERS
from schemas.tables import Asset, Content, Location, RunInput, WorkItem
from schemas.taking_over import Again


def claim(connection: Connection, run_id: int, size: int) -> list[PendingItem]:
    """Mark up to ``size`` of the run's pending work items running and return them; none is the end."""
    items = _pending(connection, run_id, min(size, MAX_PARAMETERS), skip_locked=True)
    if not items:
        # Perhaps others hold all that is left: a run that was superseded, and records after all, or one that is
        # planned. One at a time, so that nobody who is waited for waits for a work item held here.
        items = _pending(connection, run_id, min(size, 1), skip_locked=False)
    if items:
        connection.execute(
            update(WorkItem)
            .where(WorkItem.id.in_([item.work_item_id for item in items]))
            .values(state=WorkState.RUNNING.value)
        )
    return items


def given_up(connection: Connection, run_id: int, max_attempts: int) -> int:
    """Return how many failed work items of the run have no attempts left."""
    failed = (WorkItem.run_id == run_id, WorkItem.state == WorkState.FAILED.value)
    query = select(func.count()).where(*failed, ~Again(max_attempts, retry=False).failures())
    return connection.execute(query).scalar_one()


def _pending(connection: Connection, run_id: int, size: int, *, skip_locked: bool) -> list[PendingItem]:
    query: Select[Any] = (
        select(
            WorkItem.id.label("work_item_id"),
            WorkItem.asset_id,
            Asset.key,
            Location.uri,
            WorkItem.input_sha.label("sha256"),
            Location.size,
            Content.width,
            Content.height,
            WorkItem.prefix,
            Asset.stem.label("derivative_stem"),
        )
        .join(Asset, Asset.id == WorkItem.asset_id)
        .join(Content, Content.id == WorkItem.content_id)
        .join(RunInput, and_(RunInput.run_id == run_id, RunInput.asset_id == WorkItem.asset_id))
        .join(Location, Location.id == RunInput.location_id)
        .where(WorkItem.run_id == run_id, WorkItem.state == WorkState.PENDING.value)
        .order_by(WorkItem.interruptions, WorkItem.id)
        .limit(size)
        .with_for_update(of=WorkItem, key_share=True, skip_locked=skip_locked)
    )
    return [PendingItem(**row._mapping) for row in connection.execute(query)]
