"""How far the channels of a whole photo are shifted, read from what is known of it as a whole.

One small network serves the three channels, each told which it is and given its own features first, the two others'
after it. Several members see the same and are averaged: where they disagree, the answer is nearer to nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_LARGEST_FEATURE = 4.0
_OUTPUT_SCALE = 16 / 255
CHANNELS = 3


class ToneEstimator(nn.Module):
    """Features of a photo → the shift that would give it its tone back.

    Args:
        features: a channel, F (see `latent.tone`).
        width: of the two hidden layers.
        members: networks that are averaged.
        dropout: in training, of hidden units; half as much of features.

    Contract: ``B×3×F`` → ``B×3``, what to add to each channel, as a share of the full range. An untrained estimator
    says 0. Each member's answer is ``gate · shift``, with one gate in (0, 1) for the photo.

    Buffers: ``centre``, ``scale`` (F), by which features are normalised before they are clipped.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, *, features: int, width: int, members: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.members = nn.ModuleList(_Member(features + CHANNELS, width, dropout) for _ in range(members))

    def normalise_by(self, features: Tensor) -> None:
        """Take centre and scale from ``N×3×F`` features of training photographs."""
        rows = features.flatten(0, 1)
        self.centre.copy_(rows.mean(dim=0))
        # Bins that are hardly ever filled would otherwise become loud.
        self.scale.copy_(rows.std(dim=0, correction=0).clamp(min=0.02))

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean of the members' answers."""
        return torch.stack(self.answers(features)).mean(dim=0)

    def answers(self, features: Tensor) -> list[Tensor]:
        """Return each member's answer, ``B×3``."""
        normal = ((features - self.centre) / self.scale).clamp(-_LARGEST_FEATURE, _LARGEST_FEATURE)
        which = torch.eye(CHANNELS).to(normal).expand(len(normal), CHANNELS, CHANNELS)
        rows = torch.cat((normal, which), dim=-1)
        return [member(rows) * _OUTPUT_SCALE for member in self.members]


class _Member(nn.Module):
    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(features, width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Dropout(dropout),
        )
        self.shift, self.gate = nn.Linear(width, 1), nn.Linear(width, 1)
        for head in (self.shift, self.gate):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.hidden(rows)
        return self.shift(hidden)[..., 0] * torch.sigmoid(self.gate(hidden.mean(dim=1)))
