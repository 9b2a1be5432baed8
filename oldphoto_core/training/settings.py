"""The numbers of a training: what is trained, how long, on what, at what rate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args

from oldphoto_core.errors import UsageError
from oldphoto_core.settings import Config, check_config
from oldphoto_core.weights.cards import beside_or_shipped, check_out

Ageing = Literal["workers", "device"]
Optimiser = Literal["adam", "muon"]


@dataclass(frozen=True)
class TrainingSettings:
    """One training run.

    The run ends after ``max_steps`` steps or, where that is None, after ``budget_minutes`` of wall-clock time
    (earlier runs that are resumed count). The learning rate is constant for ``constant_share`` of it and then
    falls linearly to zero. A run bounded by steps depends on nothing but its settings: on a CPU it can be
    repeated, and stopped and resumed, bit for bit.

    Attributes:
        optimiser: of the network; discriminators always have Adam.
        adversarial_from: share of the run after which the discriminators join; 1 leaves them out. The latent
            discriminator of eq 3 is one of them (``alignment``).
        feature_weight: λ₂ of eq 5.
        vgg: weights of VGG-19 for feature matching; None uses the layers of ``E_Y``.
        start: weights that the network starts from instead of new ones (a checkpoint that is resumed counts
            more). What the file lacks starts new.
        fidelity_weight: of the logarithm of each picture's mean square error (mapping), which is its PSNR.
        tones_at_large: False leaves tones over some 30 pixels out of the mapping's picture losses: a restoration
            takes them back (decision 0021), and a network that need not guess them has more to give elsewhere.
        vae_old, vae_clean: weights of the autoencoders that the mapping is trained between; None: those beside
            ``out``, else the shipped ones. vae-clean starts from ``vae_old``, and new without.
        stage_before: weights folder of the restorer that aged faces go through before the face generator sees
            them (None: the shipped weights), and ``stage_share`` of the faces that do.
        reuse: crops that are cut (or turned, where the crop is the whole sample) from an aged sample at least;
            more feed a fast device from few processors.
        ageing: where photographs are aged: by the worker processes, or with their batch on the training device.
        variational, alignment, nonlocal_branch: False is the ablation.
    """

    network: str
    config: Config
    data: Path
    out: Path
    budget_minutes: float = 60.0
    max_steps: int | None = None
    batch: int = 16
    crop: int = 128
    optimiser: Optimiser = "adam"
    learning_rate: float = 2e-4
    beta1: float = 0.9
    constant_share: float = 0.5
    warm_up_steps: int = 100
    gradient_clip: float = 50.0
    ema: float = 0.999
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    reuse: int = 2
    checkpoint_seconds: float = 120.0
    resume: bool = False
    ageing: Ageing = "workers"
    kl_weight: float = 0.02
    reconstruction_weight: float = 10.0
    latent_weight: float = 60.0
    pixel_weight: float = 60.0
    fidelity_weight: float = 0.0
    focal_weight: float = 10.0
    focal_gamma: float = 2.0
    positive_cap: float = 20.0
    real_share: float = 0.3
    missed_share: float = 0.15
    adversarial_from: float = 1.0
    adversarial_weight: float = 1.0
    alignment_weight: float = 1.0
    feature_weight: float = 10.0
    variational: bool = True
    alignment: bool = True
    nonlocal_branch: bool = True
    tones_at_large: bool = True
    stage_share: float = 0.75
    start: Path | None = None
    vae_old: Path | None = None
    vae_clean: Path | None = None
    vgg: Path | None = None
    stage_before: Path | None = None
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        """Raise :class:`UsageError` for what nothing can be trained with, or what the card would say wrongly."""
        check_config(self.config)
        check_out(self.out)
        for name, known in (("optimiser", Optimiser), ("ageing", Ageing)):
            if (given := getattr(self, name)) not in get_args(known):
                raise UsageError(f"--{name} {given!r} is neither {' nor '.join(get_args(known))}.")
        if not 0 < self.learning_rate < inf:
            raise UsageError(f"--learning-rate {self.learning_rate} is no step size. Choose one above 0.")
        if not self.budget_minutes > 0:
            raise UsageError(f"--budget {self.budget_minutes} is no length of time. Choose one above 0.")

    def autoencoder(self, network: str) -> Path:
        """Return the weights of ``vae-old`` or ``vae-clean`` that the mapping is trained with."""
        given = self.vae_old if network == "vae-old" else self.vae_clean
        return given or beside_or_shipped(self.config, network, self.out)

    def summary(self) -> dict[str, Any]:
        """Return the JSON-safe settings for the model card, without local paths."""
        hidden = {"data", "out", "resume", "workers", "checkpoint_seconds", "tensorboard", *_FILES}
        return {name: value for name, value in asdict(self).items() if name not in hidden}


_FILES = ("start", "vae_old", "vae_clean", "vgg", "stage_before")


def default_adversarial_from(config: Config, device: str) -> float:
    """Return when the discriminators join unless the user says so.

    The last 40 % of the run; never for ``compact`` on a CPU, where the time is better spent on the measured
    terms.
    """
    return 1.0 if config == "compact" and device == "cpu" else 0.6
