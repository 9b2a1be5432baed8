"""Which result of a photo is the present one: what the desk asks about, and what reports and exports show.

A photo has a result for each recipe and for each of the scans that lay under its key. Present is the newest that
ended with an output, so that a better recipe or a new scan takes the place of what was there. A profile that was only
tried is left again by asking for the former one: there is nothing to be done, but results made since are *set aside*,
and come behind all others until a run asks for them again. Redone photos are not: somebody wanted those one by one.
They are when a redo asks for what was made before them: then somebody wants that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from schemas.records import DONE_AGAIN, WITH_OUTPUT
from schemas.statements import MAX_PARAMETERS, batches
from schemas.tables import Asset, Flag, RunInput, WorkItem


def replaced(item: Any) -> ColumnElement[bool]:
    """Condition that another result of its photo is the present one; ``item`` has a result itself."""
    other = aliased(WorkItem)
    newer = and_(other.set_aside == item.set_aside, other.id > item.id)
    return exists().where(
        other.asset_id == item.asset_id,
        other.state.in_(WITH_OUTPUT),
        or_(newer, and_(item.set_aside, ~other.set_aside)),
    )


def ask_again(connection: Connection, run: Row[Any]) -> list[int]:
    """Let what this run asks for go before what others made since; return the work items that this changed."""
    if "redo_of" in run.parameters:
        return []
    wanted, other = aliased(WorkItem), aliased(WorkItem)
    ours = (RunInput.run_id == run.id, wanted.recipe_id == run.recipe_id)
    same = and_(RunInput.asset_id == wanted.asset_id, RunInput.input_sha == wanted.input_sha)
    back = select(wanted.id).join(RunInput, same).where(*ours, wanted.set_aside)
    # By the flag, not by the run: of a redo whose catalog was rebuilt only what its sidecar tells is known.
    redone = exists().where(Flag.work_item_id == other.id, Flag.code == DONE_AGAIN)
    since = (
        select(other.id)
        .join(wanted, and_(other.asset_id == wanted.asset_id, other.id > wanted.id))
        .join(RunInput, same)
        .where(*ours, ~other.set_aside, ~redone)
    )
    changed = [(item, False) for item in connection.scalars(back)]
    changed += [(item, True) for item in connection.scalars(since)]
    # In the order in which everybody locks them; an UPDATE locks rows as it comes upon them.
    results_beside(connection, [item for item, _ in changed])
    for aside in (False, True):
        for chunk in batches([item for item, is_aside in changed if is_aside is aside], MAX_PARAMETERS):
            statement = update(WorkItem).where(WorkItem.id.in_(chunk))
            connection.execute(statement.values(set_aside=aside))
    return [item for item, _ in changed]


def bring_back(connection: Connection, item: int) -> list[int]:
    """Let this result go before all others of its photo, redone ones too; return the work items of the photo.

    They are locked until the transaction ends.
    """
    beside = results_beside(connection, [item])
    newer = [one for one in beside if one > item]
    for aside, changed in ((False, [item]), (True, newer)):
        connection.execute(update(WorkItem).where(WorkItem.id.in_(changed)).values(set_aside=aside))
    return beside


def lock_photos(connection: Connection, items: Sequence[int]) -> None:
    """Keep others from recording results of the photos of ``items`` until the transaction ends.

    Before any work item is locked: of two runs that record results of one photo at once the later then sees the
    other's, and no run that is planned waits for work items of one that waits for its photos.
    """
    for chunk in batches(sorted(set(items)), MAX_PARAMETERS):
        photos = select(WorkItem.asset_id).where(WorkItem.id.in_(chunk))
        turn = select(Asset.id).where(Asset.id.in_(photos)).order_by(Asset.id)
        connection.execute(turn.with_for_update(key_share=True))


def results_beside(connection: Connection, items: Sequence[int]) -> list[int]:
    """Return all work items with a result of the photos of ``items``, locked until the transaction ends."""
    lock_photos(connection, items)
    found: list[int] = []
    for chunk in batches(sorted(set(items)), MAX_PARAMETERS):
        photos = select(WorkItem.asset_id).where(WorkItem.id.in_(chunk))
        query = (
            select(WorkItem.id)
            .where(WorkItem.asset_id.in_(photos), WorkItem.state.in_(WITH_OUTPUT))
            .order_by(WorkItem.id)
            .with_for_update(key_share=True)
        )
        found += connection.scalars(query)
    return found
