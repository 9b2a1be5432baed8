"""What hears of a run for the command that started it: a bar on a terminal, and the details for the end."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cli.progress import progress_bar

if TYPE_CHECKING:
    from rich.progress import TaskID

    from flows.progress import Progress, RunDetails
    from flows.summary import RedoSummary

PHASES = {
    "ingest": "looking",
    "restore": "restoring",
    "verify": "verifying",
    "export": "exporting",
    "rebuild": "rebuilding",
}


class Watcher:
    """Draws the progress bar and keeps for the end what came of it: ``details``, or ``summary`` of a redo.

    Args:
        known: called once that is there.
    """

    def __init__(self, known: Callable[[], None] = lambda: None) -> None:
        self.bar = progress_bar()
        self.details: RunDetails | None = None
        self.summary: RedoSummary | None = None
        self._known = known
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def progress(self, progress: Progress) -> None:
        """Move the bar of the progress's phase."""
        if progress.phase not in self._tasks:
            self._tasks[progress.phase] = self.bar.add_task(PHASES[progress.phase], total=None, note="")
        note = f"{progress.finished:,}" + (f"/{progress.total:,}" if progress.total else "")
        self.bar.update(
            self._tasks[progress.phase],
            completed=progress.finished,
            total=progress.total,
            note=f"{note} {progress.note}".rstrip(),
        )

    def finished(self, details: RunDetails) -> None:
        """Keep the details."""
        self.details = details
        self._known()

    def redone(self, summary: RedoSummary) -> None:
        """Keep the summary."""
        self.summary = summary
        self._known()
