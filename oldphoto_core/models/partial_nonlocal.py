"""The partial nonlocal block (section 3.2, eq 7–9): fill damaged features from the whole undamaged picture.

Eq 7 with eq 8 is attention whose keys are the intact positions only:

    O_i = ν( Σ_j softmax_j( θ(F_i)ᵀ φ(F_j) + log(1 − m_j) ) μ(F_j) )

The dense formula builds an HW×HW matrix. Here the keys are *gathered* (a damaged position never enters),
queries are asked only where the result is kept, and memory-efficient attention does the rest: exact,
linear in memory, at a cost of queries × keys.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


class PartialNonlocal(nn.Module):
    """Masked embedded-Gaussian attention over ``B×C×h×w`` features.

    Args:
        channels: C.
        attention_channels: width of θ, φ and μ.
        max_keys: cap on the keys of one picture; above it every n-th intact position is taken.
            None never drops a key.
    """

    def __init__(self, channels: int, attention_channels: int, max_keys: int | None = None) -> None:
        super().__init__()
        self.theta = nn.Conv2d(channels, attention_channels, 1)
        self.phi = nn.Conv2d(channels, attention_channels, 1)
        self.mu = nn.Conv2d(channels, attention_channels, 1)
        self.nu = nn.Conv2d(attention_channels, channels, 1)
        self.max_keys = max_keys

    def forward(self, features: Tensor, mask: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Return O of eq 9.

        Args:
            features: ``B×C×h×w``.
            mask: ``B×1×h×w`` bool, True = damaged: never a key.
            wanted: ``B×1×h×w`` bool, where O is needed; elsewhere the attention is left at zero
                before ν. None asks everywhere.

        Returns:
            ``B×C×h×w``. Where a picture has no intact position the attention is zero, so O = ν(0): finite.
        """
        batch, _, height, width = features.shape
        theta, phi, mu = (_tokens(layer(features)) for layer in (self.theta, self.phi, self.mu))
        intact = ~mask.flatten(1)
        asked = torch.ones_like(intact) if wanted is None else wanted.flatten(1)
        if self.training and features.is_cuda:
            gathered = attend_together(theta, phi, mu, intact)
        else:
            each = zip(theta, phi, mu, intact, asked, strict=True)
            gathered = torch.stack([self._attend(*tensors) for tensors in each])
        attended = gathered.transpose(1, 2).reshape(batch, -1, height, width)
        return self.nu(attended)

    def _attend(self, theta: Tensor, phi: Tensor, mu: Tensor, intact: Tensor, asked: Tensor) -> Tensor:
        """Attend within one picture; ``theta, phi, mu`` are ``N×A``, the masks ``N``; returns ``N×A``."""
        result = torch.zeros_like(mu)
        keys = self._capped(intact.nonzero()[:, 0])
        queries = asked.nonzero()[:, 0]
        if keys.numel() == 0 or queries.numel() == 0:
            return result
        attended = functional.scaled_dot_product_attention(
            theta[queries][None, None], phi[keys][None, None], mu[keys][None, None], scale=1.0
        )
        return result.index_put((queries,), attended[0, 0].to(result.dtype))

    def _capped(self, keys: Tensor) -> Tensor:
        if self.max_keys is None or keys.numel() <= self.max_keys:
            return keys
        return keys[:: -(-keys.numel() // self.max_keys)]


def attend_together(theta: Tensor, phi: Tensor, mu: Tensor, intact: Tensor) -> Tensor:
    """Attend within each picture of a batch at once: every position asks, damaged ones are masked as keys.

    The same result as picture by picture, for more arithmetic and without waiting: gathering keys asks a GPU how
    many there are, for each picture of a training batch. ``theta, phi, mu`` are ``B×N×A``, ``intact`` ``B×N`` bool;
    returns ``B×N×A``, zero for a picture with no intact position.
    """
    known = intact.any(dim=1, keepdim=True)
    keys = (intact | ~known)[:, None, None, :].expand(-1, 1, theta.shape[1], -1)
    attended = functional.scaled_dot_product_attention(
        theta[:, None], phi[:, None], mu[:, None], attn_mask=keys, scale=1.0
    )
    return attended[:, 0] * known[..., None]


def _tokens(features: Tensor) -> Tensor:
    """Turn ``B×A×h×w`` into ``B×hw×A``."""
    return features.flatten(2).transpose(1, 2)
