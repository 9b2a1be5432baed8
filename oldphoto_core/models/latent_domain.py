"""How far a photo's latents lie from those that the networks were trained on: a Mahalanobis distance.

What is compared are two numbers a latent channel, taken over the whole photo: its mean and the logarithm of its
standard deviation. Their mean and covariance over the training photographs are what "trained" means here.

Contract: latents are ``B×C×h×w`` of the old photos' encoder; see `latent.strangeness` for which picture they
have to be of.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHRINKAGE = 0.05
"""Share of the identity in the correlation matrix: what a direction that hardly varies may weigh at most."""
_LEAST_DEVIATION = 1e-3


class LatentDomain(nn.Module):
    """Statistics of the training domain as buffers, so that they are stored and checked as weights are.

    Args:
        channels: of the latent, C.

    Buffers: ``centre`` (2C), ``whitening`` (2C×2C, rows in units of one standard deviation).
    """

    centre: Tensor
    whitening: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(2 * channels))
        self.register_buffer("whitening", torch.eye(2 * channels))

    @classmethod
    def of(cls, features: Tensor) -> LatentDomain:
        """Return the domain of ``N×2C`` features (:func:`latent_features`), N photographs.

        The covariance is that of the features scaled to unit variance, shrunk towards the identity
        (:data:`SHRINKAGE`).
        """
        double = features.double()
        centre, scale = double.mean(dim=0), double.std(dim=0, correction=0).clamp(min=1e-6)
        scaled = (double - centre) / scale
        correlation = scaled.T @ scaled / len(scaled)
        shrunk = (1 - SHRINKAGE) * correlation + SHRINKAGE * torch.eye(len(scale), dtype=torch.float64)
        values, vectors = torch.linalg.eigh(shrunk)
        domain = cls(features.shape[1] // 2)
        domain.centre.copy_(centre)
        domain.whitening.copy_(vectors.T / values.sqrt()[:, None] / scale)
        return domain

    def forward(self, latents: Tensor) -> Tensor:
        """Return the distance of each photo, ``B``: about 0.5 is usual, the root mean square over training 1.

        It is the Mahalanobis distance over the root of the number of features.
        """
        away = (latent_features(latents) - self.centre) @ self.whitening.T
        return away.square().mean(dim=1).sqrt()


def latent_features(latents: Tensor) -> Tensor:
    """Return ``B×2C`` of latents ``B×C×h×w``: each channel's mean and log standard deviation over the photo."""
    flat = latents.float().flatten(2)
    deviation = flat.std(dim=2, correction=0)
    return torch.cat((flat.mean(dim=2), (deviation + _LEAST_DEVIATION).log()), dim=1)
