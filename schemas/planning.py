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

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from schemas import present, queue_upkeep, taking_over
from schemas.errors import CatalogUseError
from schemas.listing import lock_collection
from schemas.naming import prefix_candidates
from schemas.records import (
    FINISHED_STATES,
    Plan,
    RunState,
    WorkState,
)
from schemas.runs import close_run, live_counts, refuse_taken_over, require_run
from schemas.statements import agent_ids, now, software_agent, upsert
from schemas.tables import Asset, Recipe, Run, RunInput, WorkItem


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
        taking_over.take_over(connection, run, taking_over.Again(max_attempts, retry), agent, moment)
        taking_over.settle(connection, run, agent, moment)
        _assign_prefixes(connection, run)
        _note_planned(connection, run, moment)
    counts = live_counts(connection, require_run(connection, run_id))
    return Plan(counts["inputs"], counts["already_done"], counts["pending"])


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
        select(Run.__table__)
        .where(*same, Run.state == RunState.RUNNING.value)
        .with_for_update(key_share=True)
    ).all()
    for other in unfinished:
        close_run(connection, other, RunState.CRASHED, moment, None)
    # Runs that ended by themselves may have left work in flight as well (a stopped worker, a failed run).
    connection.execute(
        update(WorkItem)
        .where(WorkItem.run_id.in_(select(Run.id).where(*same)), WorkItem.state == WorkState.RUNNING.value)
        .values(state=WorkState.PENDING.value, interruptions=WorkItem.interruptions + 1)
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
            WorkItem.id.in_(taking_over.of_inputs(run)),
            WorkItem.state.in_([state.value for state in FINISHED_STATES]),
            or_(WorkItem.run_id.is_(None), WorkItem.run_id != run.id),
        )
    )
    connection.execute(
        update(Run).where(Run.id == run.id).values(inputs=inputs, already_done=finished, planned_at=moment)
    )
