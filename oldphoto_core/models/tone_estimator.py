"""How far the channels of a whole photo are shifted, read from what is known of it as a whole.

One small network serves the three channels, each told which it is and given its own features first, the two others'
after it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oldphoto_core.models.feature_estimator import FeatureEstimator, hidden_layers, silent_head

_OUTPUT_SCALE = 16 / 255
CHANNELS = 3


class ToneEstimator(FeatureEstimator):
    """Features of a photo → the shift that would give it its tone back.

    Args:
        features: a channel, F (see `latent.tone`).
        width: of the two hidden layers.
        members: networks that are averaged.
        dropout: in training, of hidden units; half as much of features.

    Contract: ``B×3×F`` → ``B×3``, what to add to each channel, as a share of the full range. An untrained estimator
    says 0. Each member's answer is ``gate · shift``, with one gate in (0, 1) for the photo.
    """

    def __init__(self, *, features: int, width: int, members: int, dropout: float = 0.2) -> None:
        super().__init__(features)
        self.members = nn.ModuleList(_Member(features + CHANNELS, width, dropout) for _ in range(members))

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean of the members' answers: where they disagree, it is nearer to nothing."""
        return torch.stack(self.answers(features)).mean(dim=0)

    def answers(self, features: Tensor) -> list[Tensor]:
        """Return each member's answer, ``B×3``."""
        normal = self.normal(features)
        which = torch.eye(CHANNELS).to(normal).expand(len(normal), CHANNELS, CHANNELS)
        rows = torch.cat((normal, which), dim=-1)
        return [member(rows) * _OUTPUT_SCALE for member in self.members]


class _Member(nn.Module):
    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.hidden = hidden_layers(features, width, dropout)
        self.shift, self.gate = silent_head(width, 1), silent_head(width, 1)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.hidden(rows)
        return self.shift(hidden)[..., 0] * torch.sigmoid(self.gate(hidden.mean(dim=1)))
