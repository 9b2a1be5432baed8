"""Progress bars: on a terminal only, and on standard error, so that a pipe carries nothing but results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from oldphoto_core.training.trainer import Status


def progress_bar(*, remaining: bool = True) -> Progress:
    """Return a bar that is drawn on a terminal and silent elsewhere; ``remaining`` guesses the time left."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        *([TimeRemainingColumn()] if remaining else []),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


@contextmanager
def training_progress(network: str) -> Iterator[Callable[[Status], None]]:
    """Yield a callback for the trainer: a bar with the losses of late, images a second and the time left."""
    with progress_bar(remaining=False) as bar:
        task = bar.add_task(f"training {network}", total=1.0, note="")

        def report(status: Status) -> None:
            losses = "  ".join(f"{name} {value:.4f}" for name, value in status.losses.items())
            left = timedelta(seconds=round(status.seconds_left))
            note = f"{left} left  {status.images_per_second:.1f} images/s  step {status.step}  {losses}"
            bar.update(task, completed=status.share, note=note)

        yield report
