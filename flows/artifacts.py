"""What Prefect's pages show of a run: how far it is, its summary, and a sample.

Artifacts are for people who watch; the catalog is the record. When Prefect's server cannot be reached for a
moment, the run goes on without them.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.report import Report
from flows.summary import NOT_INPUTS, OUTCOMES, RunSummary
from schemas.fixity import FixityProblem

_log = logging.getLogger(__name__)

UPDATE_SECONDS = 5.0
"""A progress artifact is updated at most this often; each update is a request to Prefect's server."""

RESPITE = 20
"""After an update nothing is told for so many times as long as it took."""

FAILED_SECONDS = 60.0
"""An update that failed counts as if it had taken so long."""


class ProgressArtifact:
    """A percentage on the flow run's page.

    Args:
        total: how many photos there are to do.
        every: least seconds between two updates.
        clock: tells seconds; for tests.
    """

    def __init__(
        self, total: int, *, every: float = UPDATE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.every, self.clock = total, every, clock
        self.updates = 0
        self._id: UUID | None = None
        self._updated_at = clock()
        self._pause = every
        self._answers = True
        if total:
            self._create()

    def update(self, finished: int) -> None:
        """Say how many photos are finished; the last one is always said to a server that answers."""
        now, artifact = self.clock(), self._id
        waits = now - self._updated_at < self._pause and (finished < self.total or not self._answers)
        if artifact is None or waits:
            return
        self.updates += 1
        percent = 100.0 * min(finished, self.total) / self.total
        # Photos wait meanwhile: Prefect's own attempts go on for a minute where a server is away, and for seven where
        # it takes connections and does not answer.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            self._answers = _shown(lambda: update_progress_artifact(artifact, progress=percent))
        self._updated_at = self.clock()
        took = max(self._updated_at - now, 0.0 if self._answers else FAILED_SECONDS)
        self._pause = max(self.every, RESPITE * took)

    def _create(self) -> None:
        def create() -> None:
            found = create_progress_artifact(
                0.0, key="restore-progress", description=f"{self.total} photographs"
            )
            if isinstance(found, UUID):
                self._id = found

        _shown(create)


def show_summary(
    summary: RunSummary, collection: str, notes: Sequence[str], report: Report | None = None
) -> None:
    """Put the summary table, a page of text around it, and one photo of the report on the flow run's page.

    A server that cannot be reached for one of them is not asked for the others: it costs a minute each time.
    """
    rows: list[dict[str, Any]] = [{"outcome": name, "photographs": summary[name]} for name in OUTCOMES]
    rows += [{"outcome": name, "photographs": summary[name]} for name in NOT_INPUTS if summary[name]]
    text = summary_markdown(summary, collection, report.uri if report else None, notes)

    def show() -> None:
        told = f"Outcomes of run {summary['run']} on {collection}"
        create_table_artifact(rows, key="restore-outcomes", description=told)
        create_markdown_artifact(text, key="restore-summary", description="Summary of the run")
        if report is not None and report.sample is not None:
            page = sample_markdown(report.sample.pictures, report.sample.key)
            create_markdown_artifact(page, key="restore-sample", description="One photograph of the run")

    _shown(show)


def show_fixity(problems: Sequence[FixityProblem]) -> None:
    """Put the files that are not as recorded on the flow run's page."""
    left_out = ("expected", "found", "error")
    rows = [{name: told for name, told in one.items() if name not in left_out} for one in problems]
    _shown(
        lambda: create_table_artifact(
            rows, key="fixity-problems", description="Files that are not as recorded (at most a thousand)"
        )
    )


def summary_markdown(summary: RunSummary, collection: str, report: str | None, notes: Sequence[str]) -> str:
    """Return the summary as a page of Markdown."""
    lines = [
        f"# {collection}: run {summary['run']}",
        "",
        f"{summary['inputs']} photographs listed, {summary['already_done']} of them finished by an earlier run, "
        f"{summary['seconds']:.0f} s.",
        "",
        "| outcome | photographs |",
        "|---|---:|",
        *(f"| {name} | {summary[name]} |" for name in OUTCOMES),
        *(f"| {name} | {summary[name]} |" for name in NOT_INPUTS if summary[name]),
        "",
        f"Recipe `{summary['recipe']}`",
    ]
    if report is not None:
        lines += ["", f"Report: `{report}`"]
    return "\n".join([*lines, *(f"\n> {_plain(note)}" for note in notes)])


def _plain(text: str) -> str:
    """Return a text that says in Markdown what it says: names of files come from anybody."""
    return re.sub(r"([\\`*_\[\]<>&|])", r"\\\1", text)


def sample_markdown(pictures: Mapping[str, str], key: str) -> str:
    """Return one photo before and after as Markdown.

    Args:
        pictures: caption → JPEG as a data URI.
        key: the photo's source key.
    """
    header = " | ".join(pictures)
    cells = " | ".join(f"![{caption}]({uri})" for caption, uri in pictures.items())
    return f"**{key.replace('|', '/')}**\n\n| {header} |\n|{'---|' * len(pictures)}\n| {cells} |"


def _shown(show: Callable[[], Any]) -> bool:
    """Do something with Prefect's server, unless nobody runs this as a flow; say whether it took that."""
    if FlowRunContext.get() is None:
        return True
    try:
        show()
    except (httpx.HTTPError, PrefectException) as error:
        _log.warning("an artifact could not be shown: %s", error)
        return False
    return True
