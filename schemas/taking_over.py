"""Which unfinished work items a run takes over, and which it ends at once: ingest could not take the photo in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from schemas import tallies
from schemas.records import FIXITY_ERROR, OUTSIDE_ERRORS, EventOutcome, EventType, WorkState
from schemas.tables import Asset, Event, Location, Recipe, RunInput, WorkItem


@dataclass(frozen=True)
class Again:
    """Which ended work items are tried again, of those that ingest takes in now.

    Failures with attempts left, or whose cause lay outside the photo. Quarantined photos that ingest had
    refused (never handed out): a manifest was corrected, or a header is understood by now. Quarantined photos
    that were not the recorded bytes when they were worked on: ingest lists those bytes, so they are back (or
    the master is damaged, and that is told anew in every run). With ``retry`` all of both kinds.
    """

    max_attempts: int
    retry: bool

    def failures(self) -> ColumnElement[bool]:
        """Condition on work items that have failed."""
        error = func.coalesce(WorkItem.error_class, "")
        left = or_(WorkItem.attempts < self.max_attempts, error.in_(OUTSIDE_ERRORS), literal(self.retry))
        return and_(WorkItem.state == WorkState.FAILED.value, left)

    def quarantined(self) -> ColumnElement[bool]:
        """Condition on work items that were quarantined; whether ingest takes the photo in now is not asked."""
        error = func.coalesce(WorkItem.error_class, "")
        gone = or_(WorkItem.attempts == 0, error == FIXITY_ERROR, literal(self.retry))
        return and_(WorkItem.state == WorkState.QUARANTINED.value, gone)


class WorkSoFar(NamedTuple):
    """How a work item stands, and whether a run would try it again if it took the photo in.

    ``run`` and ``item``: the run that holds it, and its number; None for one that is not there yet.
    """

    state: str
    again: bool
    run: int | None = None
    item: int | None = None


def take_over(connection: Connection, run: Row[Any], trying: Again, agent: int, moment: datetime) -> None:
    """Let the run hold every unfinished work item of its inputs; those that may be tried again are pending."""
    failed = WorkItem.state == WorkState.FAILED.value
    excused = and_(trying.quarantined(), ~_refused(run, WorkItem))
    ours = WorkItem.id.in_(of_inputs(run))
    _tell(connection, run, agent, moment, EventType.UNQUARANTINE, ours, excused)
    again = or_(trying.failures(), excused)
    left = tallies.matching(connection, ours, or_(failed, excused))
    kept = tallies.matching(connection, ours, or_(failed, excused), ~again)
    tallies.add(connection, tallies.negative(left))
    tallies.add(connection, [(run.id, state, photos, seconds) for _, state, photos, seconds in kept])
    open_states = [WorkState.PENDING.value, WorkState.RUNNING.value]
    connection.execute(
        update(WorkItem)
        .where(ours, or_(WorkItem.state.in_(open_states), failed, excused))
        .values(
            run_id=run.id,
            reason=case((again, null()), else_=WorkItem.reason),
            error_class=case((again, null()), else_=WorkItem.error_class),
            finished_at=case((again, null()), else_=WorkItem.finished_at),
            state=case((again, WorkState.PENDING.value), else_=WorkItem.state),
        )
    )


def work_so_far(
    connection: Connection, collection: int, recipe_sha256: str, keys: Sequence[str], trying: Again
) -> dict[tuple[str, str], WorkSoFar]:
    """Return how a recipe's work on the photos of these keys stands, by key and SHA-256; change nothing."""
    again = or_(trying.failures(), trying.quarantined())
    query = (
        select(Asset.key, WorkItem.input_sha, WorkItem.state, again, WorkItem.run_id, WorkItem.id)
        .join(WorkItem, WorkItem.asset_id == Asset.id)
        .join(Recipe, Recipe.id == WorkItem.recipe_id)
        .where(Asset.collection_id == collection, Asset.key.in_(keys), Recipe.sha256 == recipe_sha256)
    )
    return {(key, sha256): WorkSoFar(*stands) for key, sha256, *stands in connection.execute(query)}


def settle(connection: Connection, run: Row[Any], agent: int, moment: datetime) -> None:
    """End the work items of photos that ingest could not take in, and tell so in an event each."""
    refused = (
        WorkItem.run_id == run.id,
        WorkItem.state == WorkState.PENDING.value,
        _refused(run, WorkItem),
    )
    unread = WorkItem.input_sha == ""

    def of_location(column: Any) -> Any:
        return (
            select(column)
            .join(RunInput, RunInput.location_id == Location.id)
            .where(RunInput.run_id == run.id, RunInput.asset_id == WorkItem.asset_id)
            .scalar_subquery()
        )

    settled = select(func.count()).select_from(WorkItem).where(*refused)
    failed = connection.execute(settled.where(unread)).scalar_one()
    quarantined = connection.execute(settled.where(~unread)).scalar_one()
    # Bytes that nobody could read are no object to quarantine; ingest has told of its failure already.
    _tell(connection, run, agent, moment, EventType.QUARANTINE, *refused, ~unread)
    connection.execute(
        update(WorkItem)
        .where(*refused)
        .values(
            state=case((unread, WorkState.FAILED.value), else_=WorkState.QUARANTINED.value),
            reason=of_location(Location.error),
            error_class=of_location(Location.error_class),
            finished_at=moment,
            # Nobody worked on them; what an earlier attempt took is told in its events.
            seconds=None,
        )
    )
    ended = [(WorkState.FAILED.value, failed), (WorkState.QUARANTINED.value, quarantined)]
    tallies.add(connection, [(run.id, state, photos, 0.0) for state, photos in ended if photos])


def of_inputs(run: Row[Any]) -> Select[tuple[int]]:
    """Select the work items of the run's inputs, found from the inputs: other recipes' items are not read."""
    item = aliased(WorkItem)
    return (
        select(item.id)
        .join(
            RunInput,
            and_(RunInput.asset_id == item.asset_id, RunInput.input_sha == item.input_sha),
        )
        .where(RunInput.run_id == run.id, item.recipe_id == run.recipe_id)
    )


def _refused(run: Row[Any], item: Any) -> ColumnElement[bool]:
    """Condition that ingest could not take in the photo of a work item in this run."""
    return exists().where(
        RunInput.run_id == run.id,
        RunInput.asset_id == item.asset_id,
        Location.id == RunInput.location_id,
        Location.error.is_not(None),
    )


def _tell(
    connection: Connection,
    run: Row[Any],
    agent: int,
    moment: datetime,
    kind: EventType,
    *conditions: ColumnElement[bool],
) -> None:
    """Write one event for each work item that meets the conditions."""
    rows = select(
        literal(kind.value),
        literal(moment, Event.at.type),
        literal(EventOutcome.SUCCESS.value),
        literal({}, Event.detail.type),
        literal(agent),
        WorkItem.asset_id,
        WorkItem.content_id,
        WorkItem.id,
        literal(run.id),
    ).where(*conditions)
    columns = ["type", "at", "outcome", "detail", "agent_id"]
    columns += ["asset_id", "content_id", "work_item_id", "run_id"]
    connection.execute(insert(Event).from_select(columns, rows))
