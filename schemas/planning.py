"""What a run has to do, decided in the database: set-based statements, nothing read into Python.

The words of the counts are defined in :mod:`schemas.runs`. ``plan`` runs in one transaction:

1. Cut the run's inputs to the limit.
2. Close earlier runs of this collection and recipe that never ended; what they left running is pending again.
3. Make the missing work items (asset, input digest, recipe).
4. Let them go before results that other recipes made since (:mod:`schemas.present`).
5. Take over those that are not finished, and those that may be tried again.
6. Settle photos that ingest could not take in: bytes that are no photo are quarantined, bytes that could
   not be read failed.
7. Give each pending work item the prefix of its derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    delete,
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
from sqlalchemy.sql import Select

from schemas import present, queue_upkeep, tallies
from schemas.errors import CatalogUseError
from schemas.listing import lock_collection
from schemas.naming import prefix_candidates
from schemas.records import (
    FINISHED_STATES,
    FIXITY_ERROR,
    OUTSIDE_ERRORS,
    EventOutcome,
    EventType,
    PendingItem,
    Plan,
    RunState,
    WorkState,
)
from schemas.runs import close_run, live_counts, refuse_taken_over, require_run
from schemas.statements import MAX_PARAMETERS, agent_ids, now, software_agent, upsert
from schemas.tables import Asset, Content, Event, Location, Recipe, Run, RunInput, WorkItem


def plan(
    connection: Connection,
    collection: int,
    recipe: int,
    run_id: int,
    limit: int | None,
    max_attempts: int,
    retry: bool,
) -> Plan:
    """Plan a run; see the module docstring. Raises CatalogUseError, TakenOverError."""
    agent = agent_ids(connection, [software_agent()])[software_agent()]
    lock_collection(connection, collection)
    run = require_run(connection, run_id, lock=True)
    if (run.collection_id, run.recipe_id) != (collection, recipe):
        raise CatalogUseError(f"run {run_id} is of another collection or recipe")
    refuse_taken_over(connection, run)
    if run.state != RunState.RUNNING:
        raise CatalogUseError(f"run {run_id} has ended ({run.state}); start a new one")
    if run.planned_at is None:
        moment = now()
        if limit is not None:
            _cut(connection, run_id, limit)
        _supersede(connection, run, moment)
        _add_missing(connection, run, moment)
        queue_upkeep.refresh_photos(connection, present.ask_again(connection, run))
        _take_over(connection, run, _Again(max_attempts, retry), agent, moment)
        _settle(connection, run, agent, moment)
        _assign_prefixes(connection, run)
        _note_planned(connection, run, moment)
    counts = live_counts(connection, require_run(connection, run_id))
    return Plan(counts["inputs"], counts["already_done"], counts["pending"])


def claim(connection: Connection, run_id: int, size: int) -> list[PendingItem]:
    """Mark up to ``size`` of the run's pending work items running and return them."""
    items = _pending(connection, run_id, min(size, MAX_PARAMETERS))
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
    query = select(func.count()).where(*failed, ~_Again(max_attempts, retry=False).failures())
    return connection.execute(query).scalar_one()


def _cut(connection: Connection, run_id: int, limit: int) -> None:
    """Keep the first ``limit`` inputs by key order."""
    if limit < 0:
        raise CatalogUseError(f"a limit cannot be negative: {limit}")
    by_key = (
        select(Asset.key)
        .join(RunInput, RunInput.asset_id == Asset.id)
        .where(RunInput.run_id == run_id)
        .order_by(Asset.key)
    )
    first_beyond = connection.scalar(by_key.offset(limit).limit(1))
    if first_beyond is None:
        return
    beyond = select(Asset.id).where(Asset.id == RunInput.asset_id, Asset.key >= first_beyond)
    connection.execute(delete(RunInput).where(RunInput.run_id == run_id, beyond.exists()))


def _supersede(connection: Connection, run: Row[Any], moment: datetime) -> None:
    """Close every other unfinished run of this collection and recipe and free what it holds.

    Such a run was killed; if it lives after all, its outcomes are not accepted any more
    (:mod:`schemas.outcomes`) and the work is done once more, into the same files.
    """
    same = (Run.collection_id == run.collection_id, Run.recipe_id == run.recipe_id, Run.id != run.id)
    unfinished = connection.execute(
        select(Run.__table__).where(*same, Run.state == RunState.RUNNING.value).with_for_update()
    ).all()
    for other in unfinished:
        close_run(connection, other, RunState.CRASHED, moment, None)
    # Runs that ended by themselves may have left work in flight as well (a stopped worker, a failed run).
    connection.execute(
        update(WorkItem)
        .where(WorkItem.run_id.in_(select(Run.id).where(*same)), WorkItem.state == WorkState.RUNNING.value)
        .values(state=WorkState.PENDING.value, interruptions=WorkItem.interruptions + 1)
    )


def _of_inputs(run: Row[Any]) -> Select[tuple[int]]:
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


def _add_missing(connection: Connection, run: Row[Any], moment: datetime) -> None:
    there = exists().where(
        WorkItem.asset_id == RunInput.asset_id,
        WorkItem.input_sha == RunInput.input_sha,
        WorkItem.recipe_id == run.recipe_id,
    )
    missing = select(
        RunInput.asset_id,
        RunInput.content_id,
        RunInput.input_sha,
        literal(run.recipe_id),
        literal(WorkState.PENDING.value),
        literal(0),
        literal(0),
        literal(moment, WorkItem.created_at.type),
    ).where(RunInput.run_id == run.id, ~there)
    columns = [
        "asset_id",
        "content_id",
        "input_sha",
        "recipe_id",
        "state",
        "attempts",
        "interruptions",
        "created_at",
    ]
    # In key order, so that work goes through an archive as its keys do.
    ordered = missing.join(Asset, Asset.id == RunInput.asset_id).order_by(Asset.key)
    connection.execute(upsert(connection, WorkItem).from_select(columns, ordered).on_conflict_do_nothing())


@dataclass(frozen=True)
class _Again:
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

    def excused(self, run: Row[Any]) -> ColumnElement[bool]:
        """Condition on work items that were quarantined."""
        error = func.coalesce(WorkItem.error_class, "")
        gone = or_(WorkItem.attempts == 0, error == FIXITY_ERROR, literal(self.retry))
        return and_(WorkItem.state == WorkState.QUARANTINED.value, gone, ~_refused(run, WorkItem))


def _take_over(connection: Connection, run: Row[Any], trying: _Again, agent: int, moment: datetime) -> None:
    """Let the run hold every unfinished work item of its inputs; those that may be tried again are pending."""
    failed = WorkItem.state == WorkState.FAILED.value
    excused = trying.excused(run)
    ours = WorkItem.id.in_(_of_inputs(run))
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


def _refused(run: Row[Any], item: Any) -> ColumnElement[bool]:
    """Condition that ingest could not take in the photo of a work item in this run."""
    return exists().where(
        RunInput.run_id == run.id,
        RunInput.asset_id == item.asset_id,
        Location.id == RunInput.location_id,
        Location.error.is_not(None),
    )


def _settle(connection: Connection, run: Row[Any], agent: int, moment: datetime) -> None:
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


def _assign_prefixes(connection: Connection, run: Row[Any]) -> None:
    """Give each pending item the first prefix that no other item of its asset has (schemas.naming)."""
    recipe_sha = connection.execute(select(Recipe.sha256).where(Recipe.id == run.recipe_id)).scalar_one()
    other = aliased(WorkItem)
    wanting = (
        WorkItem.run_id == run.id,
        WorkItem.state == WorkState.PENDING.value,
        WorkItem.prefix.is_(None),
    )
    first, second, _ = prefix_candidates(recipe_sha, "")
    for prefix in (first, second):
        taken = exists().where(other.asset_id == WorkItem.asset_id, other.prefix == prefix)
        connection.execute(update(WorkItem).where(*wanting, ~taken).values(prefix=prefix))
    own = literal(f"{second}contents/") + func.substr(WorkItem.input_sha, 1, 12) + literal("/")
    connection.execute(update(WorkItem).where(*wanting).values(prefix=own))


def _note_planned(connection: Connection, run: Row[Any], moment: datetime) -> None:
    inputs = connection.scalar(select(func.count()).where(RunInput.run_id == run.id))
    finished = connection.scalar(
        select(func.count())
        .select_from(WorkItem)
        .where(
            WorkItem.id.in_(_of_inputs(run)),
            WorkItem.state.in_([state.value for state in FINISHED_STATES]),
            or_(WorkItem.run_id.is_(None), WorkItem.run_id != run.id),
        )
    )
    connection.execute(
        update(Run).where(Run.id == run.id).values(inputs=inputs, already_done=finished, planned_at=moment)
    )


def _pending(connection: Connection, run_id: int, size: int) -> list[PendingItem]:
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
        .with_for_update(of=WorkItem, skip_locked=True)
    )
    return [PendingItem(**row._mapping) for row in connection.execute(query)]
