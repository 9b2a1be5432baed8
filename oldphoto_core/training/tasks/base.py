"""What each network is trained on and for: one task a network, a data mix and a loss."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from oldphoto_core.models.autoencoder import Autoencoder
from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.training.batches import Batch, luminance
from oldphoto_core.training.losses import pyramid_l1, segmentation
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.weights.store import load_weights

Losses = dict[str, Tensor]


class Task(Protocol):
    """A network in training: its data mix (source name → share) and the loss of a batch.

    ``losses`` returns the terms for the curves and, under ``total``, what is minimised.
    """

    shares: dict[str, float]

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        ...

    def losses(self, batch: Batch) -> Losses:
        """Return the loss terms of one batch."""
        ...


class DetectorTask:
    """The defect U-Net on synthetic damage and on real, hand-marked damage (section 3.3)."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.network = build_detector(settings.config)
        self.shares = {"aged": 1 - settings.real_share}
        if settings.real_share:
            self.shares["annotated"] = settings.real_share

    def losses(self, batch: Batch) -> Losses:
        """Return eq 15 on the batch's luminance."""
        logits = self.network(luminance(batch["aged"]))
        total = segmentation(
            logits.float(),
            batch["mask"],
            batch["weight"],
            beta=self.settings.focal_weight,
            gamma=self.settings.focal_gamma,
            positive_cap=self.settings.positive_cap,
        )
        return {"total": total}


class AutoencoderTask:
    """VAE₁ on aged and real old photographs, or VAE₂ on clean ones (eq 2, without its adversarial term).

    VAE₂ starts from a trained VAE₁ when one is given: their latents then mean the same thing, and the
    mapping between them starts near the identity.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.domain = "clean" if settings.network == "vae-clean" else "aged"
        self.shares = {"aged": 1.0} if self.domain == "clean" else {"aged": 0.5, "old": 0.5}
        self.network: Autoencoder = build_autoencoder(settings.config, variational=settings.variational)
        if self.domain == "clean" and settings.vae_old:
            load_weights(self.network, settings.vae_old)

    def losses(self, batch: Batch) -> Losses:
        """Return KL + α · L1 on the batch's photographs of this domain."""
        pictures = batch[self.domain]
        rebuilt, posterior = self.network(pictures)
        reconstruction = functional.l1_loss(rebuilt.float(), pictures)
        weight = self.settings.kl_weight if self.settings.variational else 0.0
        kl = posterior._replace(mean=posterior.mean.float(), log_variance=posterior.log_variance.float()).kl()
        total = weight * kl + self.settings.reconstruction_weight * reconstruction
        return {"total": total, "kl": kl, "l1": reconstruction}


class MappingTask:
    """T between two frozen autoencoders (eq 5): latent L1, and L1 on the decoded picture."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self.shares = {"aged": 1.0}
        self.network = build_mapping(settings.config, nonlocal_branch=settings.nonlocal_branch)
        self.old = _frozen(settings, "vae_old")
        self.clean = _frozen(settings, "vae_clean")

    def losses(self, batch: Batch) -> Losses:
        """Return λ₁ · ‖T(z_x) − z_y‖₁ + λ_p · L1 of G_Y(T(z_x)) and y, band by band."""
        mask = latent_mask(_sometimes_missed(batch["mask"], self.settings.missed_share))
        # The codecs run in full precision: rounding their output would drown fine differences.
        with torch.no_grad(), _full_precision(batch["aged"]):
            source = self.old.encoder(batch["aged"])
            target = self.clean.encoder(batch["clean"])
        mapped = self.network(source, mask).float()
        with _full_precision(mapped):
            restored = self.clean.generator(mapped)
        latent = functional.l1_loss(mapped, target)
        pixel = pyramid_l1(restored, batch["clean"])
        total = self.settings.latent_weight * latent + self.settings.pixel_weight * pixel
        return {"total": total, "latent": latent, "pixel": pixel}

    def to(self, device: torch.device) -> None:
        """Move the frozen autoencoders."""
        for frozen in (self.old, self.clean):
            frozen.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _full_precision(like: Tensor) -> torch.autocast:
    return torch.autocast(like.device.type, enabled=False)


def make_task(settings: TrainingSettings) -> Task:
    """Return the task for ``settings.network``."""
    if settings.network == "detector":
        return DetectorTask(settings)
    if settings.network == "mapping":
        return MappingTask(settings)
    return AutoencoderTask(settings)


def _sometimes_missed(mask: Tensor, share: float) -> Tensor:
    """Empty the masks of a random share of the batch: no detector finds everything."""
    return mask * (torch.rand(len(mask), 1, 1, 1, device=mask.device) >= share)


def _frozen(settings: TrainingSettings, which: str) -> Autoencoder:
    """Return a trained autoencoder that is not trained further: the file given, or the shipped weights."""
    from oldphoto_core.weights.store import shipped

    path = getattr(settings, which) or shipped(settings.config, which.replace("_", "-"))
    network = build_autoencoder(settings.config)
    load_weights(network, path)
    return network.eval().requires_grad_(False)
