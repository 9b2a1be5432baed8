"""The `restore-archive` flow: ingest → plan → stream → record → report.

Prefect sees one task per stage and none per photo; the catalog, not the engine, knows what is pending, so
nothing is cached and a run may be started again at any time. Only a store or a catalog out of reach is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

from prefect import State, Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import TaskRun
from prefect.runtime import flow_run
from prefect.states import Completed

from actors.resources import EngineSettings
from actors.rows import InputRow
from actors.stream import require_engine, run_stream
from flows.artifacts import ProgressArtifact, show_summary
from flows.breaker import Breaker
from flows.elsewhere import remark_elsewhere
from flows.ingest import IngestResult
from flows.parameters import RestoreParameters
from flows.progress import Progress, RunDetails, listener
from flows.recording import OutcomeRecorder, Run, claim, recorded_run
from flows.rehearsal import rehearse
from flows.remarks import Remarks
from flows.report import Report, existing_report, write_report
from flows.report_data import collect_report
from flows.request import RestoreRequest
from flows.summary import RunSummary, in_words, summarise
from flows.workplace import Workplace, effects_of_missing, ingest_of, open_workplace
from oldphoto_core.errors import StorageError
from schemas.errors import CatalogUnavailableError
from schemas.records import Plan

PAGE = 256
"""Pending photos are taken from the catalog so many at a time."""


def may_pass(task: Task[..., Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether a task failed on a store or on reaching the catalog: the only reasons to try it again."""
    return isinstance(state.data, StorageError | CatalogUnavailableError)


PATIENT: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "retries": 2,
    "retry_delay_seconds": [5, 30],
    "retry_condition_fn": may_pass,
}
"""Options of a task that is tried again, twice, after so many seconds."""


@flow(name="restore-archive", flow_run_name="restore {source}", persist_result=False)
def restore_archive(
    source: str,
    destination: str,
    catalog: str | None = None,
    collection: str | None = None,
    profile: str = RestoreParameters.profile,
    tier: str = RestoreParameters.tier,
    device: str = RestoreParameters.device,
    limit: int | None = None,
    dry_run: bool = False,
    manifest: str | None = None,
    keep_tiers: bool = False,
    weights: str | None = None,
    config: str = RestoreParameters.config,
    executor: str = RestoreParameters.executor,
    memory: float = RestoreParameters.memory,
    workers: int | None = None,
    retry: bool = False,
) -> RunSummary:
    """Restore every photograph of an archive that this recipe has not restored yet.

    Args:
        source: folder or ``s3://bucket/prefix`` with the masters; only ever read.
        destination: folder or ``s3://bucket/prefix`` for derivatives; only ever added to.
        catalog: URL of the catalog, its file, or a folder that holds ``catalog.db``; when not given, what the
            environment's OLDPHOTO_CATALOG names, or ``catalog.db`` in the destination. A URL without a password:
            Prefect stores and shows parameters, and the database's driver looks into PGPASSWORD and ``~/.pgpass``.
        collection: name of the collection in the catalog; the source's address when not given.
        profile: ``archive``, ``tones-as-scanned`` or ``conservation``.
        tier: the highest tier to make: ``conserved``, ``restored`` or ``enhanced``.
        device: ``auto``, ``cpu`` or ``cuda``.
        limit: look at the first so many photographs only.
        dry_run: only say what would be done; nothing is written to the destination.
        manifest: file with the SHA-256 that each master must have (sha256sum or BagIt format).
        keep_tiers: keep lower tiers too, under ``tiers/``.
        weights: folder of weights; the shipped ones when not given.
        config: the networks' configuration, ``compact`` or ``paper``.
        executor: ``ray``, or ``inline`` for one process.
        memory: GiB that one worker may take, with two photos in hand; larger ones are restored by parts.
        workers: how many workers run the networks; as many as memory and processors allow when not given.
        retry: try once more what was given up, or quarantined while it was worked on.

    Returns:
        The run in numbers.

    Raises:
        UsageError: what was asked for is impossible.
        WeightsError: no stage has trained weights.
        StorageError: a store refuses altogether.
        CatalogError: the catalog cannot be used.
        EngineError: the workers cannot be had.
    """
    request = RestoreRequest(
        source=source,
        destination=destination,
        catalog=catalog,
        collection=collection,
        profile=profile,
        tier=tier,
        device=device,
        limit=limit,
        dry_run=dry_run,
        manifest=manifest,
        keep_tiers=keep_tiers,
        weights=weights,
        config=config,
        executor=executor,
        memory=memory,
        workers=workers,
        retry=retry,
    )
    if request.dry_run:
        return rehearse(request)
    with open_workplace(request) as place:
        # Not after hours in which the source was looked at.
        require_engine(request.executor_name)
        with recorded_run(place, flow_run.id) as run:
            ingested = ingest_source(place, run)
            plan = plan_work(place, run, ingested.remarks)
            outcomes = restore_photos(place, run, plan)
            report = write_run_report(place, run, plan, ingested.remarks)
        summary = announce(place, run, ingested, outcomes, report)
    # A state, for Prefect to show the words beside "Completed"; to whoever calls the flow it hands the data on.
    return cast(RunSummary, Completed(message=in_words(summary), data=summary))


@task(name="ingest", **PATIENT)
def ingest_source(place: Workplace, run: Run) -> IngestResult:
    """Look at every file of the source and record it as an input of the run."""
    return ingest_of(place.request, place.source).run(
        place.catalog,
        run.collection_id,
        run.id,
        leave_out=place.request.leave_out(),
        limit=place.request.limit,
        on_progress=lambda seen: listener().progress(Progress("ingest", seen)),
    )


@task(name="plan", **PATIENT)
def plan_work(place: Workplace, run: Run, remarks: Remarks | None = None) -> Plan:
    """Decide which photographs this recipe still has to restore; remark what it has restored to elsewhere."""
    request, catalog = place.request, place.catalog
    plan = catalog.plan(run.collection_id, run.recipe_id, run.id, request.limit, retry=request.retry)
    if remarks is not None and plan.already_done:
        remark_elsewhere(catalog, catalog.results_of_earlier_runs(run.id), request.destination, remarks)
    return plan


@task(name="restore", cache_policy=NO_CACHE)
def restore_photos(place: Workplace, run: Run, plan: Plan) -> OutcomeRecorder:
    """Stream the pending photographs through the stages and record what becomes of each."""
    recorder = OutcomeRecorder(place.catalog, run.id)
    if not plan.pending:
        return recorder
    artifact, breaker = ProgressArtifact(plan.pending), Breaker()
    request = place.request
    settings = EngineSettings(worker_bytes=request.memory_bytes, workers=request.workers)
    photos, executor = pending_rows(place, run), request.executor_name
    stream = run_stream(photos, place.job, executor=executor, settings=settings)
    # Closed here, after what is done was recorded: left to the end of the process, an interrupted one ends no worker.
    with closing(stream), recorder:
        for rows in stream:
            recorder.add(rows)
            breaker.hear(rows)
            finished = recorder.outcomes.total()
            listener().progress(Progress("restore", finished, plan.pending, rows[-1].key if rows else ""))
            artifact.update(finished)
    return recorder


@task(name="report", **PATIENT)
def write_run_report(place: Workplace, run: Run, plan: Plan, remarks: Remarks | None = None) -> Report | None:
    """Write the report into the destination; a run that had nothing to do, and nothing to remark, leaves the
    earlier one as it is.
    """
    if plan.inputs == plan.already_done and not (remarks and remarks.incomplete):
        return existing_report(place.destination)
    return write_report(collect_report(place, run, remarks), place.destination)


def pending_rows(place: Workplace, run: Run) -> Iterator[InputRow]:
    """Yield the run's pending photographs, a page of the catalog at a time."""
    while page := claim(place.catalog, run.id, PAGE):
        yield from map(InputRow.from_pending, page)


def announce(
    place: Workplace, run: Run, ingested: IngestResult, outcomes: OutcomeRecorder, report: Report | None
) -> RunSummary:
    """Tell everybody who watches how the run ended, and return its numbers."""
    recipe = place.decision.recipe
    catalog, remarks = place.catalog, ingested.remarks
    summary = summarise(run.id, recipe.sha256, catalog.counts(run.id), run.seconds, remarks)
    details = RunDetails(
        summary=summary,
        given_up=catalog.given_up(run.id) if summary["failed"] else 0,
        taken_over_by=catalog.taken_over_by(run.id) if summary["pending"] else None,
        tier=place.decision.tier.value,
        report=report.uri if report else None,
        flagged_photos=outcomes.flagged_photos,
        flags=dict(outcomes.flags),
        stages_off=effects_of_missing(place.decision.stages_off),
        remarks=remarks,
    )
    notes = [f"{stage} was off, it has no trained weights: {effect}" for stage, effect in details.stages_off]
    notes += remarks.lines()
    if details.given_up:
        notes.append(f"{details.given_up} failed ones were given up; a run with `retry` tries them once more")
    if details.taken_over_by is not None:
        notes.append(f"Run {details.taken_over_by} took over what this one left pending")
    # First of all: Prefect's server may be away.
    listener().finished(details)
    show_summary(summary, place.request.collection_name(), notes, report)
    return summary
