"""The training loop: batches, loss, step, moving average, checkpoints; ends by time or by steps.

This file decides how a network is optimised; ``tasks`` decides what for, ``stream`` on what. Everything random in
a step comes from (seed, step), so a checkpoint needs no generator's state.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from oldphoto_core.device import computes_in_bfloat16
from oldphoto_core.errors import TrainingError, UsageError
from oldphoto_core.training.card import ablations, model_card
from oldphoto_core.training.curves import Curves
from oldphoto_core.training.interrupts import held_back
from oldphoto_core.training.late_ageing import LateAgeing
from oldphoto_core.training.muon import Muon
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import UNAGED, Batch, BlockDataset, batches_from
from oldphoto_core.training.tasks import Losses, Task, make_task
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.store import can_be_saved, save_weights, start_from

_LOG_EVERY = 20
"""Steps between two points of the curves, each the mean of these: reading a loss off a GPU stops it."""


@dataclass(frozen=True)
class Status:
    """How a run stands: ``share`` done in [0, 1], losses of late, throughput, and the time it still needs."""

    step: int
    share: float
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float


Report = Callable[[Status], None]


class Trainer:
    """Trains one network.

    State that a checkpoint keeps: network, moving average, discriminators, both optimisers, step, seconds spent.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.device = torch.device(settings.device)
        self.rounded = computes_in_bfloat16(self.device)
        self.task: Task = make_task(settings)
        if self.task.crop % self.task.multiple:
            raise UsageError(
                f"A crop of {self.task.crop} pixels does not fit {settings.network}. Choose a multiple of "
                f"{self.task.multiple} for --crop."
            )
        self.task.to(self.device)
        self.network = self.task.network
        self.judges = self.task.judges
        self.started_from: str | None = None
        if settings.start is not None:
            start_from(self.network, settings.start)
            # Now: where the training writes to the file that it starts from, the card there will be its own.
            self.started_from = read_card(settings.start)["sha256"]
        if self.device.type == "cuda":
            # Every step has the same shapes: the fastest convolution is looked for once.
            torch.backends.cudnn.benchmark = True
        self.average = deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser: torch.optim.Optimizer = (
            Muon(self.network, settings.learning_rate)
            if settings.optimiser == "muon"
            else self._adam(self.network, settings.beta1)
        )
        # The text's β₁ for adversarial training; a discriminator with a long memory lags behind.
        self.judge_optimiser = self._adam(self.judges, 0.5) if len(self.judges) else None
        self.late_ageing = self._late_ageing()
        self.step = 0
        self.seconds_before = 0.0
        self.started = time.monotonic()
        self._recent: dict[str, list[torch.Tensor]] = defaultdict(list)
        self.curves = Curves(settings.out.with_suffix(".csv"), settings.tensorboard)
        self._logged = (self.step, self.started)
        self.checkpoint_path = settings.out.with_suffix(".checkpoint.pt")
        resumed = settings.resume and self.checkpoint_path.exists()
        if resumed:
            self._resume()
        # What was written of steps that are done again, or by an earlier training, is no part of this one.
        self.curves.keep(self.step if resumed else 0)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds spent on this network, earlier runs included."""
        return self.seconds_before + time.monotonic() - self.started

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]: of its steps where they are given, else of its time."""
        if self.settings.max_steps is not None:
            return min(1.0, self.step / max(1, self.settings.max_steps))
        return min(1.0, self.seconds / (60 * self.settings.budget_minutes))

    def run(self, report: Report | None = None, *, until: int | None = None) -> Path:
        """Train to the end of the run; write weights and card; return the weights' path.

        Stopped by ``KeyboardInterrupt`` (which waits for the step's end) or at step ``until``, it saves a checkpoint
        to go on from.

        Raises:
            TrainingError: loss or weights are no longer finite; the last checkpoint stays as it was.
            UsageError: no training photographs.
        """
        dataset = BlockDataset(
            self.task.mixes,
            batch=self.settings.batch,
            crop=self.task.crop,
            seed=self.settings.seed,
            reuse=self.settings.reuse,
        )
        source = batches_from(self.step, dataset, workers=self.settings.workers, device=self.device)
        last_saved = time.monotonic()
        try:
            with held_back() as asked:
                while self.progress < 1.0 and self.step != until:
                    for name, value in self._train_step(next(source)).items():
                        self._recent[name].append(value.detach())
                    if self.step % _LOG_EVERY == 0:
                        self._log(report)
                    if asked():
                        raise KeyboardInterrupt
                    if time.monotonic() - last_saved > self.settings.checkpoint_seconds:
                        self.save()
                        last_saved = time.monotonic()
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            self.curves.close()
        self.save()
        return self.settings.out

    def save(self) -> None:
        """Write the checkpoint, then the moving average's weights with their card.

        Raises:
            TrainingError: weights are no longer finite, or the disk does not take them; earlier ones stay.
        """
        sound = all(bool(one.isfinite().all()) for one in self.network.parameters())
        if not (sound and can_be_saved(self.average)):
            raise self._diverged("Weights are no longer finite")
        self.checkpoint_path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "optimiser_name": self.settings.optimiser,
            "step": self.step,
            "seconds": self.seconds,
            "started_from": self.started_from,
            "belongs_to": self.task.belongs_to,
        }
        if self.judge_optimiser is not None:
            state |= {
                "judges": self.judges.state_dict(),
                "judge_optimiser": self.judge_optimiser.state_dict(),
            }
        temporary = self.checkpoint_path.with_suffix(".part")
        try:
            torch.save(state, temporary)
            temporary.replace(self.checkpoint_path)
            save_weights(self.average, self.settings.out, self._card())
        # Torch and safetensors have errors of their own for a full disk.
        except (OSError, RuntimeError, SafetensorError) as error:
            raise TrainingError(
                f"What was learnt in {self.step} steps cannot be written to {self.checkpoint_path.parent}: {error}. "
                "Free space there; --resume goes on from the last checkpoint."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _train_step(self, batch: Batch) -> Losses:
        seed = (self.settings.seed * 1_000_003 + self.step) % 2**63
        torch.manual_seed(seed)
        adversarial = self.judge_optimiser is not None and self.progress >= self.settings.adversarial_from
        rate = self._learning_rate()
        batch = self._aged(batch, seed)
        self.network.train()
        self.judges.requires_grad_(False)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.rounded):
            losses = self.task.losses(batch, adversarial=adversarial)
        self._descend(self.optimiser, self.network, losses["total"], rate)
        if adversarial and self.judge_optimiser is not None:
            self.judges.requires_grad_(True)
            judged = self.task.judgements()
            self._descend(self.judge_optimiser, self.judges, torch.stack([*judged.values()]).sum(), rate)
            losses |= judged
        self.step += 1
        update_average(self.average, self.network, self.settings.ema, self.step)
        return losses

    def _aged(self, batch: Batch, seed: int) -> Batch:
        """Return the batch with the rows aged that wait for it."""
        unaged = batch.pop(UNAGED, None)
        if unaged is None or self.late_ageing is None:
            return batch
        return self.late_ageing.apply(batch, unaged.flatten() > 0, seed)

    def _late_ageing(self) -> LateAgeing | None:
        if not any(mix.unaged for mix in self.task.mixes.values()):
            return None
        settings = self.settings
        return LateAgeing(settings.data, side=self.task.crop, seed=settings.seed, device=self.device)

    def _descend(
        self, optimiser: torch.optim.Optimizer, network: nn.Module, loss: torch.Tensor, rate: float
    ) -> None:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), self.settings.gradient_clip)
        optimiser.step()

    def _learning_rate(self) -> float:
        settings = self.settings
        warm = min(1.0, (self.step + 1) / settings.warm_up_steps)
        fall = (1.0 - self.progress) / max(1e-9, 1.0 - settings.constant_share)
        return settings.learning_rate * warm * min(1.0, fall)

    def _adam(self, network: nn.Module, beta1: float) -> torch.optim.Adam:
        return torch.optim.Adam(network.parameters(), lr=self.settings.learning_rate, betas=(beta1, 0.999))

    def _diverged(self, what: str) -> TrainingError:
        return TrainingError(
            f"{what} in {self.settings.network} at step {self.step}. "
            "Resume from the checkpoint with a smaller --learning-rate."
        )

    def _log(self, report: Report | None) -> None:
        means = {name: torch.stack(values).mean().item() for name, values in self._recent.items()}
        self._recent.clear()
        if not math.isfinite(means["total"]):
            raise self._diverged(f"The loss is {means['total']}")
        now, (step, then) = time.monotonic(), self._logged
        speed = (self.step - step) * self.settings.batch / max(1e-9, now - then)
        self._logged = (self.step, now)
        self.curves.add(self.step, {"seconds": self.seconds, "learning rate": self._learning_rate(), **means})
        if report:
            left = self.seconds * (1 - self.progress) / max(1e-9, self.progress)
            report(Status(self.step, self.progress, means, speed, left))

    def _resume(self) -> None:
        try:
            self._go_on_from(torch.load(self.checkpoint_path, map_location=self.device, weights_only=True))
        except (OSError, RuntimeError, ValueError, LookupError, EOFError, UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UsageError(
                f"{self.checkpoint_path} is no checkpoint that {self.settings.network} can go on from ({reason}). "
                "Name the --out and the options of the training that wrote it, or leave --resume out to begin anew."
            ) from error

    def _go_on_from(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        # Earlier checkpoints do not say it.
        for entry, before in state.get("belongs_to", {}).items():
            if (now := self.task.belongs_to[entry]) != before:
                raise ValueError(f"{entry} was {before[:12]}…, now it is {now[:12]}…")
        # A run that began with the other optimiser goes on with fresh momentum.
        if state.get("optimiser_name", "adam") == self.settings.optimiser:
            self.optimiser.load_state_dict(state["optimiser"])
        # A run that used none may go on with discriminators; they then start untrained.
        if self.judge_optimiser is not None and "judges" in state:
            self.judges.load_state_dict(state["judges"])
            self.judge_optimiser.load_state_dict(state["judge_optimiser"])
        self.step, self.seconds_before = state["step"], state["seconds"]
        self.started_from = state.get("started_from", self.started_from)
        self._logged = (self.step, self.started)

    def _card(self) -> dict[str, Any]:
        return model_card(
            self.settings,
            self.task.mixes,
            steps=self.step,
            seconds=self.seconds,
            features=self.task.features,
            ablations=ablations(self.settings),
            curve=self.curves.thinned(),
            started_from=self.started_from,
            belongs_to=self.task.belongs_to,
        )


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network``; early steps move faster, so that the start is forgotten."""
    decay = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    for kept, latest in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(latest)
