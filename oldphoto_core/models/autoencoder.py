"""The variational autoencoders of section 3.1: a photo to a latent at a quarter of its scale, and back.

VAE₁ (old and synthetically aged photos) and VAE₂ (clean photos) are two instances of the same network.
Table 1's encoder is 7×7/1, two 4×4/2 convolutions and four residual blocks; the generator mirrors it.

Contract: pictures are ``B×3×H×W`` in [-1, 1] with H and W multiples of 4; latents are ``B×C×H/4×W/4``.
The networks tolerate tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from oldphoto_core.models.fused import TransposedByPhases
from oldphoto_core.models.layers import (
    Norm,
    normalisation,
    residual_stack,
    start_as_haar_analysis,
    start_as_haar_synthesis,
)

LATENT_STRIDE = 4
_FEW = 4


class Posterior(NamedTuple):
    """A diagonal Gaussian over latents, ``B×C×h×w`` each."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor | None = None) -> Tensor:
        """Draw by the reparameterisation trick; ``noise`` is N(0, 1), ``B×C×h×w``, drawn here where not given."""
        if noise is None:
            noise = torch.randn(self.mean.shape, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise

    def kl(self) -> Tensor:
        """Return KL(q ‖ N(0, I)) averaged over every latent element (eq 2, first term)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1.0 - self.log_variance).mean()


class Encoder(nn.Module):
    """Picture to latent.

    Args:
        stem: width of the 7×7/1 convolution at full resolution; 0 leaves it out.
        widths: channels after the first and the second 4×4/2 convolution; the second is the latent's.
        half_blocks: residual blocks at half resolution.
        blocks: residual blocks at latent resolution.
        norm: normalisation inside.
    """

    def __init__(
        self, *, stem: int, widths: tuple[int, int], half_blocks: int, blocks: int, norm: Norm
    ) -> None:
        super().__init__()
        half, latent = widths
        self.stem = _stage(nn.Conv2d(3, stem, 7, padding=3), norm, stem) if stem else nn.Identity()
        self.to_half = nn.Conv2d(stem or 3, half, 4, stride=2, padding=1)
        self.half_norm = normalisation(norm, half)
        self.half_blocks = residual_stack(half_blocks, half, norm)
        self.to_latent = nn.Conv2d(half, latent, 4, stride=2, padding=1)
        self.latent_norm = normalisation(norm, latent)
        self.blocks = residual_stack(blocks, latent, norm)
        self.log_variance = nn.Conv2d(latent, latent, 1)
        # A wavelet start needs linear scaling convolutions; Table 1's has a ReLU after each.
        self.activation = nn.ReLU() if stem else nn.Identity()
        if not stem:
            start_as_haar_analysis(self.to_half, 3)
            start_as_haar_analysis(self.to_latent, 12)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.constant_(self.log_variance.bias, -6.0)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> Tensor:
        """Map ``B×3×H×W`` in [-1, 1] to the posterior's mean, ``B×C×H/4×W/4``: all that inference needs."""
        hidden = self.activation(self.half_norm(self.to_half(self.stem(pictures))))
        hidden = self.activation(self.latent_norm(self.to_latent(self.half_blocks(hidden))))
        return self.blocks(hidden)

    def posterior(self, pictures: Tensor) -> Posterior:
        """Return mean and log-variance; used in training."""
        mean = self(pictures)
        # Detached: otherwise the encoder shifts its means by whole units only to move the variance, and the
        # fine differences that the mapping works on drown in those offsets.
        return Posterior(mean, self.log_variance(mean.detach()).clamp(-12.0, 4.0))


class Generator(nn.Module):
    """Latent to picture: :class:`Encoder` mirrored. Arguments as there."""

    def __init__(
        self, *, stem: int, widths: tuple[int, int], half_blocks: int, blocks: int, norm: Norm
    ) -> None:
        super().__init__()
        half, latent = widths
        self.blocks = residual_stack(blocks, latent, norm)
        self.to_half = nn.ConvTranspose2d(latent, half, 4, stride=2, padding=1)
        self.half_norm = normalisation(norm, half)
        self.half_blocks = residual_stack(half_blocks, half, norm)
        to_full = nn.ConvTranspose2d(half, stem or 3, 4, stride=2, padding=1)
        self.to_full: nn.Module = to_full
        self.full_norm = normalisation(norm, stem) if stem else nn.Identity()
        self.stem = nn.Conv2d(stem, 3, 7, padding=3) if stem else nn.Identity()
        self.activation = nn.ReLU() if stem else nn.Identity()
        if not stem:
            start_as_haar_synthesis(self.to_half, 12)
            start_as_haar_synthesis(to_full, 3)

    def forward(self, latents: Tensor) -> Tensor:
        """Map ``B×C×h×w`` to pictures ``B×3×4h×4w``, nominally in [-1, 1] and not clamped."""
        hidden = self.activation(self.half_norm(self.to_half(self.blocks(latents))))
        hidden = self.activation(self.full_norm(self.to_full(self.half_blocks(hidden))))
        return self.stem(hidden)

    def enlarge_by_phases(self) -> None:
        """Let a last enlargement that makes the picture itself be computed by phases, in place.

        Law: in evaluation mode it computes the same function. With a stem there is no such enlargement.
        """
        if isinstance(self.to_full, nn.ConvTranspose2d) and self.to_full.out_channels <= _FEW:
            self.to_full = TransposedByPhases(self.to_full)


class Autoencoder(nn.Module):
    """An encoder and its generator, trained together; ``variational=False`` is the ablation."""

    def __init__(self, encoder: Encoder, generator: Generator, *, variational: bool = True) -> None:
        super().__init__()
        self.encoder = encoder
        self.generator = generator
        self.variational = variational

    def forward(self, pictures: Tensor) -> tuple[Tensor, Posterior]:
        """Reconstruct ``B×3×H×W`` from a sample of the posterior (from its mean in evaluation)."""
        posterior = self.encoder.posterior(pictures)
        sampled = self.training and self.variational
        return self.generator(posterior.sample() if sampled else posterior.mean), posterior


def _stage(conv: nn.Conv2d, norm: Norm, channels: int) -> nn.Sequential:
    return nn.Sequential(conv, normalisation(norm, channels), nn.ReLU())
