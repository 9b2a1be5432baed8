"""The losses of the method, each a function of tensors.

Equation numbers are the text's. Every loss is a mean, so that its weight does not depend on batch or crop size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor


def weighted_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor, positive_cap: float) -> Tensor:
    """Return the balanced cross-entropy of eq 11 over the pixels with ``weight`` 1.

    Eq 12 as printed multiplies the rare class by its own small share. Here positives are weighted by the
    negative share and negatives by the positive share, rescaled so that a negative weighs 1 and a
    positive ``negatives / positives``, at most ``positive_cap``.

    Args:
        logits, target, weight: ``B×1×H×W``; target 1 = damage; weight 0 = leave out.
        positive_cap: greatest weight of a positive pixel.
    """
    positives = (target * weight).sum()
    negatives = weight.sum() - positives
    balance = (negatives / positives.clamp(min=1.0)).clamp(1.0, positive_cap)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (entropy * weight * torch.where(target > 0.5, balance, 1.0)).sum() / weight.sum().clamp(min=1.0)


def focal(logits: Tensor, target: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """Return the focal loss of eq 13–14: ``-(1 − p)^γ log p``, p the probability of the true class."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    missing = 1.0 - torch.exp(-entropy)
    return (missing.clamp(min=1e-6).pow(gamma) * entropy * weight).sum() / weight.sum().clamp(min=1.0)


def segmentation(
    logits: Tensor, target: Tensor, weight: Tensor, *, beta: float, gamma: float, positive_cap: float
) -> Tensor:
    """Return eq 15: balanced cross-entropy + β · focal."""
    balanced = weighted_cross_entropy(logits, target, weight, positive_cap)
    return balanced + beta * focal(logits, target, weight, gamma)


PYRAMID_LEVELS = 3


def pyramid_l1(picture: Tensor, truth: Tensor, levels: int = PYRAMID_LEVELS) -> Tensor:
    """Return the L1 distance of two ``B×C×H×W`` pictures, summed over the bands of a pyramid.

    Plain L1 is blind to grain on a photo whose tone is off: the sign of the error is the tone's everywhere.
    Band by band (what 2×2 averaging loses at each level, and what is left at the end) it sees both.
    H and W are multiples of ``2**levels``.
    """
    difference, total = picture - truth, picture.new_zeros(())
    for _ in range(levels):
        coarse = functional.avg_pool2d(difference, 2)
        total = total + (difference - functional.interpolate(coarse, scale_factor=2.0)).abs().mean()
        difference = coarse
    return total + difference.abs().mean()


def log_square_error(
    picture: Tensor, truth: Tensor, floor: float = 4e-3, where: Tensor | None = None
) -> Tensor:
    """Return ``ln(mean square error + floor)`` of each picture, averaged over the ``B×C×H×W`` batch.

    It is PSNR but for constants, so every picture counts alike, however badly it was damaged. ``floor`` (30 dB for
    values in [-1, 1]) keeps a sound photo from outweighing all others. With ``where`` (``B×1×H×W`` bool) only
    those pixels count, and a picture that has none adds nothing.
    """
    squares = (picture - truth).square()
    if where is None:
        return (squares.flatten(1).mean(dim=1) + floor).log().mean()
    pixels = where.flatten(1).sum(dim=1)
    errors = (squares * where).flatten(1).sum(dim=1) / (squares.shape[1] * pixels).clamp(min=1)
    logs = (errors + floor).masked_fill(pixels == 0, 1.0).log()
    return logs.sum() / (pixels > 0).sum().clamp(min=1)


def lsgan_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Return the least-squares discriminator loss: real scores to 1, fake scores to 0."""
    return (real - 1).square().mean() + fake.square().mean()


def lsgan_generator(fake: Tensor) -> Tensor:
    """Return the least-squares loss of whoever wants its scores taken for real."""
    return (fake - 1).square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Return the hinge loss of a discriminator: real scores above 1, fake scores below −1."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """Return the hinge loss of whoever wants its scores taken for real: ``−mean(fake)``."""
    return -fake.mean()


def reconstruction(
    kl: Tensor, rebuilt: Tensor, pictures: Tensor, *, kl_weight: float, alpha: float
) -> Tensor:
    """Return eq 2 without its adversarial term: ``w·KL + α·‖rebuilt − pictures‖₁``.

    ``kl`` is the mean over latent elements and the L1 norm a mean over pixels, so ``w`` sets their balance,
    which the text leaves to sums of unknown size.
    """
    return kl_weight * kl + alpha * functional.l1_loss(rebuilt, pictures)


def alignment_discriminator(old: Tensor, aged: Tensor) -> Tensor:
    """Return eq 3: scores of real old photos' latents to 1, of synthetically aged ones' to 0.

    Either may be empty (a batch without photos of that kind); it then adds nothing.
    """
    return _mean_square(old - 1) + _mean_square(aged)


def alignment_encoder(old: Tensor, aged: Tensor) -> Tensor:
    """Return the encoder's contradictory part of eq 4: eq 3 with the labels exchanged."""
    return _mean_square(old) + _mean_square(aged - 1)


def feature_matching(layers: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Return one half of eq 6: ``Σᵢ ‖φⁱ(x) − φⁱ(y)‖₁ / nᵢ`` over the layers of one network.

    Gradients flow into ``layers`` only. At least one layer.
    """
    terms = [
        functional.l1_loss(got.float(), aim.detach().float()) for got, aim in zip(layers, wanted, strict=True)
    ]
    return torch.stack(terms).sum()


def _mean_square(values: Tensor) -> Tensor:
    return values.square().sum() / max(1, values.numel())
