"""Training the latent mapping T between two frozen autoencoders (eq 5, 6)."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.latent.restraint import steadied
from oldphoto_core.models.build import build_mapping, build_picture_judge
from oldphoto_core.models.interpolation import interpolated
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.training.losses import PYRAMID_LEVELS, feature_matching, log_square_error, pyramid_l1
from oldphoto_core.training.perceptual import perceptual_network
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch
from oldphoto_core.training.tasks.adversary import PictureAdversary
from oldphoto_core.training.tasks.base import Losses, Task, full_precision, mixed


class MappingTask(Task):
    """T: latent L1 and, beyond the text, L1 on the bands of the decoded picture.

    The adversarial part (LSGAN on the decoded picture, feature matching over the discriminator's layers and
    those of a frozen network) joins where the settings switch it on.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__(settings)
        self.multiple = 2**PYRAMID_LEVELS
        self.mixes = mixed(settings, {"aged": 1.0})
        self.network = build_mapping(settings.config, nonlocal_branch=settings.nonlocal_branch)
        self.old = self.frozen_autoencoder("vae-old")
        self.clean = self.frozen_autoencoder("vae-clean")
        if self.wants_adversaries:
            self.picture = PictureAdversary(build_picture_judge(settings.config))
            self.adversaries["picture"] = self.picture
            self.perceptual = perceptual_network(settings.vgg, lambda: self.clean.encoder)
            self.frozen.append(self.perceptual)
            self.features = self.perceptual.name

    def losses(self, batch: Batch, *, adversarial: bool) -> Losses:
        """Return λ₁ · ‖T(z_x) − z_y‖₁ + λ_p · L1 of G_Y(T(z_x)) and y, band by band, + the adversarial part.

        Without ``tones_at_large`` what the translation would change at large is taken back before the picture is
        compared, as a restoration does.
        With ``fidelity_weight`` the logarithm of each picture's mean square error as well, over the whole picture
        and, at half that weight, inside the damage.
        """
        found = as_found(batch["mask"], self.settings.missed_share)
        mask = latent_mask(found)
        # The codecs run in full precision: rounding their output would drown fine differences.
        with torch.no_grad(), full_precision(batch["aged"]):
            source = self.old.encoder(interpolated(batch["aged"], found))
            target = self.clean.encoder(batch["clean"])
        mapped = self.network(source, mask).float()
        with full_precision(mapped):
            restored = self.clean.generator(mapped)
        if not self.settings.tones_at_large:
            restored = steadied(batch["clean"], restored, found.to(restored.dtype), 0.0)
        latent = functional.l1_loss(mapped, target)
        pixel = pyramid_l1(restored, batch["clean"])
        total = self.settings.latent_weight * latent + self.settings.pixel_weight * pixel
        terms = {"latent": latent, "pixel": pixel}
        if self.settings.fidelity_weight:
            terms["fidelity"] = log_square_error(restored, batch["clean"])
            # Damage is a few percent of a picture: the same again for it alone.
            terms["fill"] = log_square_error(restored, batch["clean"], where=found)
            total = total + self.settings.fidelity_weight * (terms["fidelity"] + 0.5 * terms["fill"])
        if adversarial:
            terms |= self._adversarial(restored, batch["clean"])
            total = total + self.settings.adversarial_weight * terms["picture gan"]
            total = total + self.settings.feature_weight * terms["features"]
        return {"total": total, **terms}

    def _adversarial(self, restored: Tensor, truth: Tensor) -> Losses:
        fooled = self.picture.fooled(restored, truth)
        with torch.no_grad():
            aims = self.perceptual(truth)
        matching = fooled.matching + feature_matching(self.perceptual(restored), aims)
        return {"picture gan": fooled.adversarial, "features": matching}


def as_found(mask: Tensor, missed: float) -> Tensor:
    """Return ``B×1×H×W`` masks (> 0 = damage) as a restoration would have them, ``bool``.

    No detector finds everything: the masks of a random share ``missed`` of the batch are empty. What it finds is
    grown before it is filled: the others are grown by 0, 1 or 2 pixels.
    """
    luck = torch.rand(2, len(mask), 1, 1, 1, device=mask.device)
    growth = (luck[1] * 3).floor()
    once = functional.max_pool2d(mask, 3, stride=1, padding=1)
    twice = functional.max_pool2d(once, 3, stride=1, padding=1)
    grown = torch.where(growth > 1, twice, torch.where(growth > 0, once, mask))
    return (grown > 0) & (luck[0] >= missed)
