"""The curves of a training: a CSV file beside the weights and, if asked for, TensorBoard's event files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from oldphoto_core.errors import UsageError


class Curves:
    """Writes one row a call: step, seconds, learning rate and losses.

    Args:
        path: the CSV file; a resumed training goes on in it.
        tensorboard: folder for event files, or None.
    """

    def __init__(self, path: Path, tensorboard: Path | None = None) -> None:
        self.path = path
        self.writer = _summary_writer(tensorboard) if tensorboard else None

    def add(self, step: int, values: dict[str, float]) -> None:
        """Append the values of one step; a value that earlier rows do not have gets a column of its own."""
        row = {"step": str(step), **{name: f"{value:.6g}" for name, value in values.items()}}
        columns = self._columns()
        if set(row) - set(columns):
            self._widen([*columns, *(name for name in row if name not in columns)])
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            csv.DictWriter(stream, self._columns(), restval="").writerow(row)
        if self.writer is not None:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def keep(self, last: int) -> None:
        """Drop the rows after step ``last``; without any left the file goes."""
        if not self.path.exists():
            return
        columns = self._columns()
        with self.path.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if int(row["step"]) <= last]
        self.path.unlink()
        if rows:
            with self.path.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)

    def thinned(self, points: int = 40) -> dict[str, list[float]]:
        """Return the steps and the total loss, means over about ``points`` stretches of equal length."""
        if not self.path.exists():
            return {"step": [], "total": []}
        with self.path.open(newline="", encoding="utf-8") as stream:
            rows = [(float(row["step"]), float(row["total"])) for row in csv.DictReader(stream)]
        stretch = max(1, -(-len(rows) // points))
        groups = [rows[start : start + stretch] for start in range(0, len(rows), stretch)]
        return {
            "step": [group[-1][0] for group in groups],
            "total": [round(sum(total for _, total in group) / len(group), 5) for group in groups],
        }

    def close(self) -> None:
        """Flush the event files."""
        if self.writer is not None:
            self.writer.close()

    def _columns(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as stream:
            return next(csv.reader(stream), [])

    def _widen(self, columns: list[str]) -> None:
        rows: list[dict[str, str]] = []
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed. Install oldphoto[tensorboard], or leave --tensorboard out: "
            "the curves lie in the CSV file beside the weights all the same."
        ) from error
    return SummaryWriter(str(folder))
