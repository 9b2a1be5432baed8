"""What the trainer needs to know of a network in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

import torch
from torch import Tensor, nn

from oldphoto_core.models.autoencoder import Autoencoder
from oldphoto_core.models.build import build_autoencoder
from oldphoto_core.training.late_ageing import CleanSamples
from oldphoto_core.training.samples import SOURCES
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch, Mix
from oldphoto_core.training.tasks.adversary import Adversary
from oldphoto_core.weights.cards import AUTOENCODERS
from oldphoto_core.weights.store import load_weights

Losses = dict[str, Tensor]


class Task(ABC):
    """A network in training.

    Attributes:
        network: what is trained and shipped.
        mixes: where its samples come from, and in which shares.
        crop: side of a training crop in pixels, a multiple of ``multiple``.
        adversaries: discriminators, trained beside the network; empty where there is no adversarial term.
        frozen: networks that take part and are not trained.
        belongs_to: the weights without which those of this network are worth nothing: entry of the card → SHA-256.
        features: the frozen network that feature matching uses, for the card.
    """

    network: nn.Module
    mixes: dict[str, Mix]
    features: str = "none"
    multiple: int = 1

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.crop = settings.crop
        self.adversaries: dict[str, Adversary] = {}
        self.frozen = nn.ModuleList()
        self.belongs_to: dict[str, str] = {}

    @abstractmethod
    def losses(self, batch: Batch, *, adversarial: bool) -> Losses:
        """Return the terms of one batch for the curves and, under ``total``, what the network minimises.

        ``adversarial`` adds the terms that the discriminators judge.
        """

    def judgements(self) -> Losses:
        """Return what each discriminator minimises on the pictures that the last ``losses`` showed it."""
        return {f"{name} judge": adversary.judgement() for name, adversary in self.adversaries.items()}

    def frozen_autoencoder(self, network: str) -> Autoencoder:
        """Return ``vae-old`` or ``vae-clean``, trained and not trained further; the card will say which weights."""
        made = build_autoencoder(self.settings.config)
        identity = load_weights(made, self.settings.autoencoder(network))
        self.belongs_to[AUTOENCODERS[network]] = identity.sha256
        self.frozen.append(made)
        return made.eval().requires_grad_(False)

    @property
    def judges(self) -> nn.ModuleList:
        """The discriminators' networks."""
        return nn.ModuleList(adversary.judge for adversary in self.adversaries.values())

    def to(self, device: torch.device) -> None:
        """Move every network to ``device``, in channels-last layout."""
        for module in (self.network, self.judges, self.frozen):
            module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def wants_adversaries(self) -> bool:
        """Whether the settings ever switch the adversarial terms on."""
        return self.settings.adversarial_from < 1.0


def mixed(settings: TrainingSettings, shares: dict[str, float]) -> dict[str, Mix]:
    """Return the mix of the registered sources with the given shares; those with a share of 0 are left out.

    With ``ageing="device"`` the source "aged" gives clean crops, to be aged with their batch.
    """
    mixes = {
        name: Mix(share, partial(SOURCES[name], settings.data)) for name, share in shares.items() if share > 0
    }
    if settings.ageing == "device" and "aged" in mixes:
        mixes["aged"] = Mix(shares["aged"], partial(CleanSamples, settings.data), unaged=True)
    return mixes


def full_precision(like: Tensor) -> torch.autocast:
    """Return a context in which nothing is rounded to bfloat16, on the device of ``like``."""
    return torch.autocast(like.device.type, enabled=False)
