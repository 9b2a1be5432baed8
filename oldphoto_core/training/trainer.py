"""The training loop: batches, loss, step, moving average, checkpoints; ends by time or by steps.

This file decides how a network is optimised; `tasks` decides what for, `batches` on what.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from oldphoto_core import __version__
from oldphoto_core.training.batches import Batch, batches
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.split import in_annotated_validation, in_validation
from oldphoto_core.training.tasks import Losses, MappingTask, Task, make_task
from oldphoto_core.weights.store import LICENCE, save_weights

Report = Callable[[int, float, dict[str, float]], None]
"""Called with step, share of the run done in [0, 1], and the smoothed losses."""


class Trainer:
    """Trains one network.

    State that a checkpoint keeps: network, its moving average, optimiser, step, seconds spent.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.device = torch.device(settings.device)
        self.task: Task = make_task(settings)
        self.network = self.task.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if isinstance(self.task, MappingTask):
            self.task.to(self.device)
        self.average = deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=settings.learning_rate, betas=(settings.beta1, 0.999)
        )
        self.step = 0
        self.seconds_before = 0.0
        self.started = time.monotonic()
        self.smoothed: dict[str, float] = {}
        self.checkpoint_path = settings.out.with_suffix(".checkpoint.pt")
        if settings.resume and self.checkpoint_path.exists():
            self._resume()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds spent on this network, earlier runs included."""
        return self.seconds_before + time.monotonic() - self.started

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]."""
        spent = self.seconds / (60 * self.settings.budget_minutes)
        return min(1.0, max(spent, self.step / self.settings.max_steps))

    def run(self, report: Report | None = None) -> Path:
        """Train until the budget is spent; write weights and card; return the weights' path."""
        source = self._batches()
        last_saved = time.monotonic()
        while self.progress < 1.0:
            losses = self._train_step(next(source))
            if self.step % 20 == 0:
                self._log(losses, report)
            if time.monotonic() - last_saved > self.settings.checkpoint_seconds:
                self.save()
                last_saved = time.monotonic()
        self.save()
        return self.settings.out

    def save(self) -> None:
        """Write the checkpoint, then the moving average's weights with their card."""
        self.checkpoint_path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        temporary = self.checkpoint_path.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint_path)
        save_weights(self.average, self.settings.out, self._card())

    def _train_step(self, batch: Batch) -> Losses:
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        self.network.train()
        moved = {
            name: tensor.to(self.device, memory_format=torch.channels_last, non_blocking=True)
            for name, tensor in batch.items()
        }
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            losses = self.task.losses(moved)
        self.optimiser.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_clip)
        self.optimiser.step()
        self.step += 1
        update_average(self.average, self.network, self.settings.ema, self.step)
        return losses

    def _learning_rate(self) -> float:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / settings.warm_up_steps)
        fall = (1.0 - self.progress) / max(1e-9, 1.0 - settings.constant_share)
        return settings.learning_rate * warm * min(1.0, fall)

    def _batches(self) -> Iterator[Batch]:
        settings = self.settings
        return batches(
            settings.data,
            self.task.shares,
            batch=settings.batch,
            crop=settings.crop,
            seed=settings.seed + self.step,
            workers=settings.workers,
        )

    def _log(self, losses: Losses, report: Report | None) -> None:
        for name, value in losses.items():
            before = self.smoothed.get(name, value.item())
            self.smoothed[name] = 0.9 * before + 0.1 * value.item()
        path = self.settings.out.with_suffix(".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if fresh:
                writer.writerow(["step", "seconds", *losses])
            writer.writerow([self.step, round(self.seconds, 1), *(f"{losses[n].item():.5f}" for n in losses)])
        if report:
            report(self.step, self.progress, self.smoothed)

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(self.checkpoint_path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds_before = state["step"], state["seconds"]

    def _card(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "name": f"{settings.network}-{settings.config}",
            "version": __version__,
            "licence": LICENCE,
            "settings": settings.summary(),
            "data": training_photographs(settings.data, self.task.shares),
            "steps": self.step,
            "crops": self.step * settings.batch,
            "hours": round(self.seconds / 3600, 3),
            "hardware": _hardware(self.device),
            "date": datetime.now(UTC).date().isoformat(),
        }


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network``; early steps move faster, so that the start is forgotten."""
    decay = min(decay, (1 + step) / (10 + step))
    for held, current in zip(average.parameters(), network.parameters(), strict=True):
        held.lerp_(current, 1 - decay)
    for kept, latest in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(latest)


def training_photographs(data: Path, shares: dict[str, float]) -> dict[str, int]:
    """Return how many photographs each folder gave to training; those held out are not counted."""
    folders = {"aged": "clean", "old": "old", "annotated": "annotated"}
    held_out = {"annotated": in_annotated_validation}
    counts = {}
    for source in shares:
        names = {p.stem.removesuffix("_mask") for p in (data / folders[source]).glob("*.[jp][pn]g")}
        names = {name for name in names if not name.endswith("_ignore")}
        counts[folders[source]] = sum(not held_out.get(source, in_validation)(name) for name in names)
    return counts


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
