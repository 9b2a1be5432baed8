"""Training the two autoencoders (eq 2–4)."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.models.autoencoder import LATENT_STRIDE, Autoencoder, Posterior
from oldphoto_core.models.build import build_autoencoder, build_latent_judge, build_picture_judge
from oldphoto_core.training.losses import reconstruction
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch
from oldphoto_core.training.tasks.adversary import LatentAdversary, PictureAdversary
from oldphoto_core.training.tasks.base import Losses, Task, mixed
from oldphoto_core.weights.store import load_weights


class AutoencoderTask(Task):
    """VAE₁ on aged and real old photographs, or VAE₂ on clean ones.

    VAE₂ starts from a trained VAE₁ when one is given: their latents then mean the same thing, and the
    mapping between them starts near the identity. Only VAE₁ has the latent discriminator of eq 3.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__(settings)
        self.multiple = LATENT_STRIDE
        self.domain = "clean" if settings.network == "vae-clean" else "aged"
        shares = {"aged": 1.0} if self.domain == "clean" else {"aged": 0.5, "old": 0.5}
        self.mixes = mixed(settings, shares)
        self.network: Autoencoder = build_autoencoder(settings.config, variational=settings.variational)
        if self.domain == "clean" and settings.vae_old:
            load_weights(self.network, settings.vae_old)
        if self.wants_adversaries:
            self.picture = PictureAdversary(build_picture_judge(settings.config))
            self.adversaries["picture"] = self.picture
            if self.domain == "aged" and settings.alignment:
                self.latent = LatentAdversary(build_latent_judge(settings.config))
                self.adversaries["latent"] = self.latent

    def losses(self, batch: Batch, *, adversarial: bool) -> Losses:
        """Return eq 2 on the batch's photographs of this domain and, for VAE₁, the encoder's part of eq 4."""
        pictures = batch[self.domain]
        rebuilt, posterior = self.network(pictures)
        kl = Posterior(posterior.mean.float(), posterior.log_variance.float()).kl()
        total = reconstruction(
            kl,
            rebuilt.float(),
            pictures,
            kl_weight=self.settings.kl_weight if self.settings.variational else 0.0,
            alpha=self.settings.reconstruction_weight,
        )
        terms = {"kl": kl, "l1": functional.l1_loss(rebuilt.detach().float(), pictures)}
        if adversarial:
            fooled = self.picture.fooled(rebuilt, pictures)
            terms["picture gan"] = fooled.adversarial
            total = total + self.settings.adversarial_weight * fooled.adversarial
        if adversarial and "latent" in self.adversaries:
            terms["latent gan"] = self.latent.fooled(posterior.mean, is_real_old(batch))
            total = total + self.settings.alignment_weight * terms["latent gan"]
        return {"total": total, **terms}


def is_real_old(batch: Batch) -> Tensor:
    """Return ``B`` bool: True for a real old photograph, which has no truth and so a weight of 0 everywhere."""
    return batch["weight"].flatten(1).amax(dim=1) == 0
