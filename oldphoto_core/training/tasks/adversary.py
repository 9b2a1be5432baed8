"""A discriminator and the two sides of its loss: what the network gains by fooling it, and what it learns.

The network's side is computed first, on the live pictures; the discriminator then judges the same pictures,
cut off from the network. Spectral normalisation needs full precision, so discriminators never run in bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from oldphoto_core.models.patch_discriminator import MultiScaleDiscriminator, PatchDiscriminator
from oldphoto_core.training import losses

Form = Literal["least-squares", "hinge"]


@dataclass(frozen=True)
class _Rules:
    """The two sides of an adversarial loss."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


_RULES: dict[Form, _Rules] = {
    "least-squares": _Rules(losses.lsgan_discriminator, losses.lsgan_generator),
    "hinge": _Rules(losses.hinge_discriminator, losses.hinge_generator),
}


class Adversary(Protocol):
    """A discriminator in training."""

    @property
    def judge(self) -> torch.nn.Module:
        """Its network."""
        ...

    def judgement(self) -> Tensor:
        """Return what the discriminator minimises on what it was last shown."""
        ...


class Fooled(NamedTuple):
    """The network's side: the adversarial loss, and feature matching over the discriminator's layers."""

    adversarial: Tensor
    matching: Tensor


class PictureAdversary:
    """Judges pictures at several scales; real and made pictures are of one shape, ``B×C×H×W``."""

    def __init__(self, judge: MultiScaleDiscriminator, form: Form = "least-squares") -> None:
        self.judge = judge
        self.rules = _RULES[form]
        self._shown: tuple[Tensor, Tensor] | None = None

    def fooled(self, made: Tensor, real: Tensor) -> Fooled:
        """Return the terms that the network minimises; each is a mean over the scales."""
        made, real = made.float(), real.float()
        self._shown = (made.detach(), real.detach())
        with torch.autocast(made.device.type, enabled=False):
            judged = self.judge(made)
            with torch.no_grad():
                wanted = self.judge(real)
        adversarial = torch.stack([self.rules.generator(layers[-1]) for layers in judged]).mean()
        matching = torch.stack(
            [
                losses.feature_matching(layers[:-1], aims[:-1])
                for layers, aims in zip(judged, wanted, strict=True)
            ]
        ).mean()
        return Fooled(adversarial, matching)

    def judgement(self) -> Tensor:
        """Return the discriminator's loss, a mean over the scales."""
        assert self._shown is not None, "nothing has been shown to the discriminator"
        made, real = self._shown
        with torch.autocast(made.device.type, enabled=False):
            judged, wanted = self.judge(made), self.judge(real)
        scales = zip(judged, wanted, strict=True)
        return torch.stack([self.rules.discriminator(real[-1], made[-1]) for made, real in scales]).mean()


class LatentAdversary:
    """Tells the latents of real old photos from those of aged ones (eq 3); the encoder wants them alike."""

    def __init__(self, judge: PatchDiscriminator) -> None:
        self.judge = judge
        self._shown: tuple[Tensor, Tensor] | None = None

    def fooled(self, latents: Tensor, old: Tensor) -> Tensor:
        """Return the encoder's part of eq 4.

        Args:
            latents: ``B×C×h×w``.
            old: ``B`` bool, True = a real old photo.
        """
        latents = latents.float()
        self._shown = (latents.detach(), old)
        with torch.autocast(latents.device.type, enabled=False):
            scores = self.judge(latents)[-1]
        return losses.alignment_encoder(scores[old], scores[~old])

    def judgement(self) -> Tensor:
        """Return eq 3."""
        assert self._shown is not None, "nothing has been shown to the discriminator"
        latents, old = self._shown
        with torch.autocast(latents.device.type, enabled=False):
            scores = self.judge(latents)[-1]
        return losses.alignment_discriminator(scores[old], scores[~old])
