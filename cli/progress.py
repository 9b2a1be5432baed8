"""Progress bars: on a terminal only, and on standard error, so that a pipe carries nothing but results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def progress_bar() -> Progress:
    """Return a bar that is drawn on a terminal and silent elsewhere."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


@contextmanager
def training_progress(network: str) -> Iterator[Callable[[int, float, dict[str, float]], None]]:
    """Yield a callback for the trainer: step, share done, smoothed losses."""
    with progress_bar() as bar:
        task = bar.add_task(f"training {network}", total=1.0, note="")

        def report(step: int, share: float, losses: dict[str, float]) -> None:
            note = f"step {step}  " + "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
            bar.update(task, completed=share, note=note)

        yield report
