"""What small networks have in common that read one thing off a whole photo, from features of its overview.

Several members see the same features, each trained on batches of its own; who disagrees with the others makes the
answer smaller.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

_LARGEST_FEATURE = 4.0


class FeatureEstimator(nn.Module):
    """Normalised features → what several members make of them.

    Args:
        features: how many, F.

    Buffers: ``centre``, ``scale`` (F), by which features are normalised before they are clipped.
    """

    centre: Tensor
    scale: Tensor
    members: nn.ModuleList

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    def normalise_by(self, features: Tensor) -> None:
        """Take centre and scale from ``N×…×F`` features of training photographs."""
        rows = features.flatten(0, -2)
        self.centre.copy_(rows.mean(dim=0))
        # Bins that are hardly ever filled would otherwise become loud.
        self.scale.copy_(rows.std(dim=0, correction=0).clamp(min=0.02))

    def normal(self, features: Tensor) -> Tensor:
        """Return features normalised and clipped, shaped as they are."""
        return ((features - self.centre) / self.scale).clamp(-_LARGEST_FEATURE, _LARGEST_FEATURE)

    @abstractmethod
    def answers(self, features: Tensor) -> list[Tensor]:
        """Return each member's answer."""


def hidden_layers(features: int, width: int, dropout: float) -> nn.Sequential:
    """Return the two hidden layers of a member; in training ``dropout`` of its units, half as much of features."""
    return nn.Sequential(
        nn.Dropout(dropout / 2),
        nn.Linear(features, width),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(width, width),
        nn.SiLU(),
        nn.Dropout(dropout),
    )


def silent_head(width: int, answers: int) -> nn.Linear:
    """Return a head that says 0 until it is trained."""
    head = nn.Linear(width, answers)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head
