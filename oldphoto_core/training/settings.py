"""The numbers of a training: what is trained, how long, on what, at what rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from oldphoto_core.models.build import Config


@dataclass(frozen=True)
class TrainingSettings:
    """One training run.

    The learning rate is constant for ``constant_share`` of the run and then falls linearly to zero.
    The run ends at ``budget_minutes`` of wall-clock time (earlier runs that are resumed count) or at
    ``max_steps``, whichever comes first.
    """

    network: str
    config: Config
    data: Path
    out: Path
    budget_minutes: float = 60.0
    max_steps: int = 1_000_000
    batch: int = 16
    crop: int = 128
    learning_rate: float = 2e-4
    beta1: float = 0.9
    constant_share: float = 0.5
    warm_up_steps: int = 100
    gradient_clip: float = 50.0
    ema: float = 0.999
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    checkpoint_seconds: float = 120.0
    resume: bool = False
    kl_weight: float = 0.02
    reconstruction_weight: float = 10.0
    latent_weight: float = 60.0
    pixel_weight: float = 60.0
    focal_weight: float = 10.0
    focal_gamma: float = 2.0
    positive_cap: float = 20.0
    real_share: float = 0.4
    missed_share: float = 0.15
    variational: bool = True
    nonlocal_branch: bool = True
    vae_old: Path | None = None
    vae_clean: Path | None = None

    def summary(self) -> dict[str, Any]:
        """Return the JSON-safe settings for the model card, without local paths."""
        hidden = {"data", "out", "vae_old", "vae_clean", "resume", "workers", "checkpoint_seconds"}
        return {name: value for name, value in asdict(self).items() if name not in hidden}
