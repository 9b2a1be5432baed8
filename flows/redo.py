"""The `redo` flow: make photos again that reviewers asked for, with the mask that they drew.

A request is done as a run of its own with the parameters of the run that made the photo, under a recipe that
names the mask's digest; so its files go under ``recipes/`` and nothing is overwritten. A request without a
mask waits until the recipe is another one, and so does one with the very mask that the photo was made with: the
same recipe would give the same pixels. Without a mask it is let go as soon as another result is the present one,
whoever had it made. What was made before under the recipe that a request leads to is not made again: it becomes the
present result again (`schemas.redos.ended`).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from actors.job import RestoreJob
from actors.restorer import PhotoRestorer, shipped_restorer
from actors.rows import InputRow
from actors.stream import run_stream
from flows.catalog_urls import catalog_url_beside
from flows.given_mask import RedoRestorer, read_mask
from flows.progress import Progress, listener
from flows.recipe import with_given_mask
from flows.recording import OutcomeRecorder, Run, recorded_run
from flows.redo_requests import named, pending
from flows.request import OUTPUT_FOLDERS, RestoreRequest
from flows.summary import Answer, RedoSummary
from flows.workplace import Decision, Workplace, decide
from oldphoto_core.errors import OldPhotoError
from schemas.errors import CatalogError
from schemas.records import FIXITY_ERROR, RunState
from schemas.repository import Catalog
from schemas.review_records import QueueRow, RedoRecord, Standing
from storage import open_store
from storage.places import absolute_place, relative_place

_RUNS = 100_000
_LATEST = 100
"""Among so many of its collection's runs one that is under way is looked for."""


class RedoError(OldPhotoError):
    """One request could not be done; the others are."""


@flow(name="redo", flow_run_name="redo in {destination}", persist_result=False)
def redo(
    destination: str,
    catalog: str | None = None,
    collection: str | None = None,
    device: str = "auto",
    limit: int | None = None,
) -> RedoSummary:
    """Do what reviewers asked for at the desk.

    Args:
        destination: the folder or ``s3://`` prefix whose photos are to be made again.
        catalog: URL of the catalog, without a password (see `flows.restore_archive`), its file, or a folder that
            holds ``catalog.db``; when not given, what OLDPHOTO_CATALOG names, or ``catalog.db`` in the destination.
        collection: only this collection.
        device: ``auto``, ``cpu`` or ``cuda``.
        limit: attempt at most so many photos; requests that can only wait do not count.

    Raises:
        UsageError: a bucket without a catalog's URL.
        CatalogError: there is no such catalog or collection, or it cannot be used.
    """
    url = catalog_url_beside(destination, catalog)
    summary = RedoSummary()
    with Catalog.open(url, create=False) as opened:
        redoer = Redoer(opened, url, absolute_place(destination), device)
        requests = named(pending(opened, collection))
        if requests:
            # What killed writers left; once for all requests, it goes through the whole destination.
            open_store(redoer.destination).sweep_partials()
        for number, (name, record) in enumerate(requests, 1):
            if limit is not None and summary.attempted >= limit:
                break
            redoer.attempt(name, record, summary)
            listener().progress(Progress("restore", number, len(requests), record.key))
    # Before Prefect is told: its server may be away.
    listener().redone(summary)
    return summary


class Redoer:
    """Does requests one after the other; networks are loaded once for each set of parameters.

    Args:
        catalog: an open catalog.
        url: its URL.
        destination: the absolute place whose photos are made again.
        device: where the networks run.
    """

    def __init__(self, catalog: Catalog, url: str, destination: str, device: str) -> None:
        self.catalog, self.url, self.destination, self.device = catalog, url, destination, device
        self._decisions: dict[RestoreRequest, Decision] = {}
        self._restorers: dict[str, PhotoRestorer] = {}

    def attempt(self, name: str, record: RedoRecord, summary: RedoSummary) -> None:
        """Do one request; what prevents it is told under ``name`` and stops no other."""
        try:
            # First of all: what else keeps the request from being done does not matter then.
            answer = self._let_go(record) or self._do(record)
        except (OldPhotoError, CatalogError) as error:
            summary.problems[name] = str(error)
            return
        summary.add(name, answer)

    def _let_go(self, record: RedoRecord) -> Answer | None:
        """Let a request without a mask go where another result is the present one, of other bytes as well; say so."""
        if record.mask is not None:
            return None
        history = self.catalog.history(record.item_id)
        number = history["present"]
        if number == record.item_id:
            return None
        made_by = next(one["run"] for one in history["work_items"] if one["work_item"] == number)
        assert made_by is not None, "a run made what has an output"
        self.catalog.redo_taken([record.review_id], made_by)
        return Answer("superseded", "another result is the present one: decide on that")

    def _do(self, record: RedoRecord) -> Answer | None:
        """Do a request and return None, or return why nothing was made. Raises OldPhotoError."""
        request = self._request(record)
        if request.destination != self.destination:
            return Answer("waiting", f"it is of {request.destination}")
        decision = self._decision(request)
        recipe = decision.recipe
        if record.mask is not None:
            recipe = with_given_mask(recipe, record.mask.sha256)
        if recipe.sha256 == record.recipe:
            drawn = "no mask was drawn" if record.mask is None else "it was made with this very mask"
            return Answer("waiting", f"{drawn} and the recipe is the same: the same pixels would come out")
        if record.mask is None and (run := self._under_way(request.collection_name(), recipe.sha256)):
            # Another run of one recipe would take all its work over, for this one photo.
            again = "if that was killed, the next `oldphoto restore` will"
            return Answer("waiting", f"run {run} does it with the new recipe; {again}")
        place = Workplace(
            request,
            replace(decision, recipe=recipe),
            open_store(request.source),
            open_store(request.destination),
            self.catalog,
        )
        return self._run(place, record)

    def _under_way(self, collection: str, recipe: str) -> int | None:
        """Return a run of the recipe over the collection that has not ended, if there is one."""
        rows = self.catalog.runs(collection=collection, limit=_LATEST)
        states = ((row["run"], row["recipe"], row["state"]) for row in rows)
        return next((run for run, of, state in states if (of, state) == (recipe, RunState.RUNNING)), None)

    def _run(self, place: Workplace, record: RedoRecord) -> Answer | None:
        mask = None
        if record.mask is not None:
            content = self.catalog.history(record.item_id)["content"]
            assert content is not None, "what has an output was made of bytes that could be read"
            orientation = int(content["metadata"].get("orientation") or 1)
            mask = read_mask(place.destination, record.mask, orientation)
        remarks = {"redo_of": record.item_id, "review": record.review_id}
        with recorded_run(place, flow_run.id, remarks) as run:
            self._list(run, record)
            # Somebody asks for this very photo: it is tried however often it has failed.
            self.catalog.plan(run.collection_id, run.recipe_id, run.id, retry=True)
            rows = [
                InputRow.from_pending(item) for page in self.catalog.iter_pending(run.id, 1) for item in page
            ]

            def restorer(job: RestoreJob) -> PhotoRestorer:
                return RedoRestorer(self._restorer(place, job), mask)

            changed = False
            stream = run_stream(rows, place.job, executor="inline", restorer_factory=restorer, sweep=False)
            with closing(stream), OutcomeRecorder(self.catalog, run.id) as recorder:
                for outcomes in stream:
                    recorder.add(outcomes)
                    changed |= any(one.error_class == FIXITY_ERROR for one in outcomes)
        return self._settle(run, record, changed)

    def _settle(self, run: Run, record: RedoRecord, changed: bool) -> Answer | None:
        """Let the request go if its photo ended in the run, or had ended before. Raises RedoError.

        Its result is the present one then; the answer is None if it was made for this request.
        ``changed`` says that the scan was not the recorded bytes, which may be so for a moment only.
        """
        counts = self.catalog.counts(run.id)
        if changed:
            raise RedoError("The scan is not what was recorded. Put it back; the request stays.")
        if counts["failed"]:
            raise RedoError(f"It failed; `oldphoto show {record.key}` says why. The request stays.")
        if counts["pending"]:
            raise RedoError("Another run took it over before it was done. The request stays.")
        if counts["quarantined"]:
            self.catalog.redo_taken([record.review_id], run.id)
            raise RedoError(f"It was quarantined; `oldphoto show {record.key}` says why.")
        result = self.catalog.redo_ended(record.review_id, run.id)
        if not counts["already_done"]:
            return None
        if result is None:
            return Answer("superseded", "it was decided on otherwise meanwhile")
        row = self.catalog.queue_row(result)
        if self._parameters.get(row.run, {}).get("review") == record.review_id:
            # Then that run was killed before it could say so.
            return None
        todo = "decide on it" if row.decision is Standing.UNDECIDED else f"its decision is {row.decision}"
        return Answer(
            "gone_back", f"work item {result} was made so before, and is the present result again: {todo}"
        )

    def _list(self, run: Run, record: RedoRecord) -> None:
        """Make the photo the run's only input. Raises RedoError where the master is another one by now."""
        known = self.catalog.known(run.collection_id, [record.key]).get(record.key)
        if known is None:
            raise RedoError(
                "When the source was last looked at, the scan could not be read there, or a manifest contradicted "
                f"it; `oldphoto show {record.key}` says which. Run `oldphoto restore` once that is mended."
            )
        if known.sha256 != record.sha256:
            raise RedoError(
                "The scan has changed at the source since it was looked at. Run `oldphoto restore` and look at "
                "the new result."
            )
        self.catalog.record_assets(run.collection_id, [known], run.id)

    def _request(self, record: RedoRecord) -> RestoreRequest:
        """Return the parameters of the run that made the photo, to be followed again here."""
        made_by = self.catalog.queue_row(record.item_id)
        recorded = self._parameters.get(made_by.run)
        if recorded is None:
            raise RedoError("The run that made it is not in the catalog any more.")
        known = {one.name for one in fields(RestoreRequest)}
        given: dict[str, Any] = {name: value for name, value in recorded.items() if name in known}
        if unknown := sorted({"source", "destination", "profile", "tier"} - given.keys()):
            raise RedoError(
                f"The run that made it is known from its files only, and they do not tell its "
                f"{' and '.join(unknown)}. Run `oldphoto restore` and decide on the new result."
            )
        given |= {
            "source": absolute_place(_source(record) or given["source"]),
            "destination": absolute_place(self._present(made_by) or given["destination"]),
            "catalog": self.url,
            "collection": made_by.collection,
            "device": self.device,
            "executor": "inline",
            "limit": None,
            "dry_run": False,
            "retry": False,
            "manifest": None,
        }
        return RestoreRequest(**given)

    def _present(self, made_by: QueueRow) -> str | None:
        """Return our destination where the photo's files lie in it: it may have been moved since the run."""
        inside = relative_place(self.destination, made_by.mask) if made_by.mask else None
        return self.destination if inside and inside.split("/")[0] in OUTPUT_FOLDERS else None

    @cached_property
    def _parameters(self) -> dict[int, dict[str, Any]]:
        return {row["run"]: row["parameters"] for row in self.catalog.runs(limit=_RUNS)}

    def _decision(self, request: RestoreRequest) -> Decision:
        if request not in self._decisions:
            self._decisions[request] = decide(request)
        return self._decisions[request]

    def _restorer(self, place: Workplace, job: RestoreJob) -> PhotoRestorer:
        """Return the networks for these parameters, whatever the mask."""
        name = repr((job.config, job.weights, job.settings, job.device))
        if name not in self._restorers:
            self._restorers[name] = shipped_restorer(job)
        return self._restorers[name]


def _source(record: RedoRecord) -> str | None:
    """Return the place of the scans where the photo was seen last: they may have been moved since the run."""
    end = f"/{record.key}"
    return record.source.removesuffix(end) if record.source and record.source.endswith(end) else None
