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
from torch.nn.attention import SDPBackend, sdpa_kernel

_BACKENDS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
"""Not cuDNN's, which plans anew for every shape, and masks bring a new shape each time."""


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
        if features.is_cuda and (self.training or self.max_keys is not None):
            together = attend_together(theta, phi, mu, intact, self.max_keys)
            gathered = together * asked[..., None]
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
        attended = _attention(theta[queries][None, None], phi[keys][None, None], mu[keys][None, None])
        return result.index_put((queries,), attended[0, 0].to(result.dtype))

    def _capped(self, keys: Tensor) -> Tensor:
        if self.max_keys is None or keys.numel() <= self.max_keys:
            return keys
        return keys[:: -(-keys.numel() // self.max_keys)]


def attend_together(
    theta: Tensor, phi: Tensor, mu: Tensor, intact: Tensor, max_keys: int | None = None
) -> Tensor:
    """Attend within each picture of a batch at once: every position asks.

    The same result as picture by picture, for more arithmetic and without waiting: to gather as many keys as there
    are asks a GPU how many that is, several times for each picture. ``theta, phi, mu`` are ``B×N×A``, ``intact``
    ``B×N`` bool; returns ``B×N×A``, zero for a picture with no intact position.
    """
    known = intact.any(dim=1, keepdim=True)
    if max_keys is not None and max_keys < intact.shape[1]:
        phi, mu, intact = _capped_together(phi, mu, intact, max_keys)
    # As what is added to the scores of all queries alike: a mask of true and false would be made for each of them.
    added = torch.zeros_like(intact, dtype=theta.dtype).masked_fill(known & ~intact, -torch.inf)
    attended = _attention(theta[:, None], phi[:, None], mu[:, None], added[:, None, None, :])
    return attended[:, 0] * known[..., None]


def _attention(theta: Tensor, phi: Tensor, mu: Tensor, added: Tensor | None = None) -> Tensor:
    """Return ``softmax(θᵀφ + added) μ`` of ``B×1×N×A`` queries and ``B×1×K×A`` keys; ``added`` is ``B×1×1×K``."""
    with sdpa_kernel(_BACKENDS):
        return functional.scaled_dot_product_attention(theta, phi, mu, attn_mask=added, scale=1.0)


def _capped_together(phi: Tensor, mu: Tensor, intact: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return every n-th intact position's φ and μ, ``B×most×A``, and which of the places hold one, ``B×most``."""
    count = intact.sum(dim=1, keepdim=True)
    step = ((count + most - 1) // most).clamp(min=1)
    rank = intact.cumsum(dim=1) - 1
    taken = intact & (rank % step == 0)
    # What is not taken goes to a place of its own that is then cut off.
    place = torch.where(taken, rank // step, most)
    positions = torch.arange(intact.shape[1], device=intact.device).expand_as(place)
    chosen = torch.zeros(len(intact), most + 1, dtype=torch.long, device=intact.device)
    chosen = chosen.scatter(1, place, positions)[:, :most, None]
    held = torch.arange(most, device=intact.device) < (count + step - 1) // step
    phi, mu = (values.gather(1, chosen.expand(-1, -1, values.shape[2])) for values in (phi, mu))
    return phi, mu, held


def _tokens(features: Tensor) -> Tensor:
    """Turn ``B×A×h×w`` into ``B×hw×A``."""
    return features.flatten(2).transpose(1, 2)
