"""How far a whole photo has faded: what its blacks and its whites have lost, read from its overview."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from oldphoto_core.models.feature_estimator import FeatureEstimator, hidden_layers, silent_head


class FadingEstimator(FeatureEstimator):
    """Features of a photo → how far its black lies above black, and its white below white.

    Args:
        features: of a photo, F (see `latent.fading`).
        width: of the two hidden layers.
        members: networks that are asked; the most cautious one counts.
        dropout: in training, of hidden units; half as much of features.

    Contract: ``B×F`` → ``B×2``, black and white lost, shares of the full range; not bounded. An untrained estimator
    says 0. Each member's answer is ``gate · lost``, with one gate in (0, 1) for the photo.
    """

    def __init__(self, *, features: int, width: int, members: int, dropout: float = 0.2) -> None:
        super().__init__(features)
        self.members = nn.ModuleList(_Member(features, width, dropout) for _ in range(members))

    def forward(self, features: Tensor) -> Tensor:
        """Return the least that any member says of either end: pale is easily taken for faded."""
        return torch.stack(self.answers(features)).amin(dim=0)

    def answers(self, features: Tensor) -> list[Tensor]:
        """Return each member's answer, ``B×2``."""
        rows = self.normal(features)
        return [member(rows) for member in self.members]


class _Member(nn.Module):
    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.hidden = hidden_layers(features, width, dropout)
        self.lost, self.gate = silent_head(width, 2), silent_head(width, 1)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = self.hidden(rows)
        answer: Tensor = self.lost(hidden) * torch.sigmoid(self.gate(hidden))
        return answer
