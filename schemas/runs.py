"""Recipes and runs: when a run began and ended, and its counts.

**The law:** ``inputs = already_done + done + skipped + quarantined + failed + pending``, for every run at
any time. Each input of a run has exactly one work item (its bytes under the run's recipe), and each word
counts work items of the run's inputs:

* ``inputs``: photos that the source listed in this run, cut to the limit. 0 before planning.
* ``already_done``: those that had ended as done, skipped or quarantined before this run was planned.
* ``done``, ``skipped``, ``quarantined``: those that ended so in this run, photos that ingest found
  impossible among the last.
* ``failed``: those whose last attempt failed. An earlier run's failure is tried again, up to the allowed
  number of attempts (without bound where its cause lay outside the photo); after that it is counted here,
  untouched, in every run that is not told to retry.
* ``pending``: those that nobody has finished, in flight or not.

A photo that has vanished from the source is no input and is counted nowhere; its rows stay.
When a run ends, or another takes its work over, its counts are kept in its row and never change again.
A run that stands for lost ones has ended when it begins; its counts grow with what is taken back
(:mod:`schemas.rebuild`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from schemas import tallies
from schemas.errors import CatalogUseError, TakenOverError
from schemas.records import COUNTS, OUTCOME_STATES, ModelRecord, RunState
from schemas.statements import now, upsert
from schemas.tables import Model, Recipe, RecipeModel, Run, RunInput


def recipe_id(
    connection: Connection, recipe_sha256: str, canonical_json: str, models: tuple[ModelRecord, ...]
) -> int:
    """Return the recipe's id, recording it with its models when new. Raises CatalogUseError."""
    computed = sha256(canonical_json.encode("utf-8")).hexdigest()
    if computed != recipe_sha256:
        raise CatalogUseError(
            f"the recipe's SHA-256 is {computed}, not {recipe_sha256}; hash the canonical JSON as it is given"
        )
    query = select(Recipe.id).where(Recipe.sha256 == recipe_sha256)
    found = connection.scalar(query)
    if found is None:
        row = {"sha256": recipe_sha256, "document": canonical_json, "created_at": now()}
        connection.execute(upsert(connection, Recipe).on_conflict_do_nothing(), [row])
        found = connection.scalar(query)
    assert found is not None
    link_models(connection, found, models)
    return found


def link_models(connection: Connection, recipe: int, models: tuple[ModelRecord, ...]) -> None:
    """Record a recipe's models, those that are new."""
    for model in sorted(models, key=lambda model: (model.name, model.version, model.weights_sha256)):
        row = {
            "name": model.name,
            "version": model.version,
            "weights_sha256": model.weights_sha256,
            "licence": model.licence,
        }
        connection.execute(upsert(connection, Model).on_conflict_do_nothing(), [row])
        identity = select(Model.id).where(
            Model.name == model.name,
            Model.version == model.version,
            Model.weights_sha256 == model.weights_sha256,
        )
        link = {"recipe_id": recipe, "model_id": connection.scalar(identity)}
        connection.execute(upsert(connection, RecipeModel).on_conflict_do_nothing(), [link])


def start_run(
    connection: Connection,
    flow_run_id: str | None,
    collection: int,
    recipe: int | None,
    parameters: Mapping[str, Any],
) -> int:
    """Record that a run began; return its id."""
    values = {
        "flow_run_id": flow_run_id,
        "collection_id": collection,
        "recipe_id": recipe,
        "parameters": dict(parameters),
        "state": RunState.RUNNING.value,
        "started_at": now(),
    }
    return connection.execute(insert(Run).values(values).returning(Run.id)).scalar_one()


def require_run(connection: Connection, run_id: int, *, lock: bool = False) -> Row[Any]:
    """Return the run's row. Raises CatalogUseError when there is none.

    With ``lock`` nobody else can end the run, or record outcomes in it, before the transaction ends.
    """
    query = select(Run.__table__).where(Run.id == run_id)
    row = connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise CatalogUseError(f"there is no run {run_id} in this catalog")
    return row


def taken_over_by(connection: Connection, run: Row[Any]) -> int | None:
    """Return the run that took over the work of this one; None when there is none."""
    if run.state != RunState.CRASHED:
        return None
    query = select(Run.id).where(
        Run.collection_id == run.collection_id,
        Run.recipe_id == run.recipe_id,
        Run.id != run.id,
        Run.planned_at >= run.finished_at,
    )
    return connection.scalar(query.order_by(Run.planned_at, Run.id).limit(1))


def refuse_taken_over(connection: Connection, run: Row[Any]) -> None:
    """Raise TakenOverError when another run took over the work of this one."""
    if (other := taken_over_by(connection, run)) is not None:
        raise TakenOverError(
            f"run {run.id} was ended by run {other}, which goes over the same photos and took its work. Let one "
            f"run at a time go over a collection; `oldphoto runs` tells how run {other} stands"
        )


def run_counts(connection: Connection, run_id: int) -> dict[str, int]:
    """Return the run's counts (module docstring): the kept ones when it has ended, else as of now."""
    run = require_run(connection, run_id)
    if run.state != RunState.RUNNING:
        return {name: getattr(run, name) or 0 for name in COUNTS}
    return live_counts(connection, run)


def live_counts(connection: Connection, run: Row[Any]) -> dict[str, int]:
    """Return the counts of a running run, from the tally of what has ended: no work item is counted."""
    states = tallies.of_run(connection, run.id)
    ended = {state.value: states.get(state, 0) for state in OUTCOME_STATES}
    inputs, already = run.inputs or 0, run.already_done or 0
    return {
        "inputs": inputs,
        "already_done": already,
        **ended,
        "pending": inputs - already - sum(ended.values()),
    }


def finish_run(connection: Connection, run_id: int, seconds: float, state: RunState) -> dict[str, int]:
    """End a run and keep its counts; a run that has ended already is left as it is."""
    if state == RunState.RUNNING:
        raise CatalogUseError("a run cannot end as running")
    run = require_run(connection, run_id, lock=True)
    if run.state != RunState.RUNNING:
        return run_counts(connection, run_id)
    return close_run(connection, run, state, now(), seconds)


def close_run(
    connection: Connection, run: Row[Any], state: RunState, moment: datetime, seconds: float | None
) -> dict[str, int]:
    """Write the counts and the end of a running, locked run into its row; forget its list of inputs."""
    counts = live_counts(connection, run)
    connection.execute(
        update(Run)
        .where(Run.id == run.id)
        .values(**counts, state=state.value, finished_at=moment, seconds=seconds)
    )
    connection.execute(delete(RunInput).where(RunInput.run_id == run.id))
    return counts
