"""All stages in this process, one photo after the other: for tests, debugging and very small jobs."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from actors.job import RestoreJob
from actors.restorer import RestorerFactory
from actors.rows import InputRow, OutcomeRow, PhotoRow
from actors.stages.fused import FusedStage


def run_inline(
    items: Iterable[InputRow], job: RestoreJob, restorer_factory: RestorerFactory | None = None
) -> Generator[OutcomeRow]:
    """Yield each photo's outcome as soon as it is known.

    A file that crashes the interpreter crashes this process: only the Ray executor survives that.
    """
    fused = FusedStage(job, restorer_factory=restorer_factory)
    for item in items:
        yield settled(fused(PhotoRow(item)))


def settled(photo: PhotoRow) -> OutcomeRow:
    """Return the result that every photo has after the last stage."""
    if photo.result is None:
        raise ValueError(f"{photo.input.key}: the write stage has not run")
    return photo.result
