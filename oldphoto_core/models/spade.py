"""Spatially-adaptive denormalisation (SPADE, Park et al. 2019) and the residual block made of it.

Features are normalised without parameters, then scaled and shifted by maps that a small convolutional net
reads off a condition (here: the degraded face). So the condition is heard at every depth and place.

The normalisation is instance norm. Its statistics cover the whole map, which the photo-sized networks avoid;
a face crop is always whole, so tile and whole cannot differ, and the result depends on no batch.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Spade(nn.Module):
    """``norm(x) · (1 + γ(c)) + β(c)``.

    Args:
        channels: of the features that are modulated.
        condition: channels of the condition.
        hidden: width of the net that reads the condition (128 in the reference).
    """

    def __init__(self, channels: int, *, condition: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels, affine=False)
        self.shared = nn.Conv2d(condition, hidden, 3, padding=1)
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map features ``B×C×H×W`` and a condition ``B×condition×H×W`` of the same size to ``B×C×H×W``."""
        read = functional.relu(self.shared(condition))
        modulated: Tensor = self.norm(features) * (1 + self.gamma(read)) + self.beta(read)
        return modulated


class SpadeResBlock(nn.Module):
    """``shortcut(x) + conv(act(spade(conv(act(spade(x))))))``, act = leaky ReLU 0.2.

    Between the two convolutions there are ``min(inputs, outputs)`` channels. The shortcut is the identity
    where the widths agree, otherwise a 1×1 convolution, modulated as well with ``modulated_shortcut``.
    """

    def __init__(
        self, inputs: int, outputs: int, *, condition: int, hidden: int, modulated_shortcut: bool = True
    ) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.first_norm = Spade(inputs, condition=condition, hidden=hidden)
        self.first = nn.Conv2d(inputs, middle, 3, padding=1)
        self.second_norm = Spade(middle, condition=condition, hidden=hidden)
        self.second = nn.Conv2d(middle, outputs, 3, padding=1)
        self.shortcut_norm: Spade | None = None
        self.shortcut: nn.Conv2d | None = None
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
            if modulated_shortcut:
                self.shortcut_norm = Spade(inputs, condition=condition, hidden=hidden)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Map ``B×inputs×H×W`` to ``B×outputs×H×W`` under a condition of the same height and width."""
        hidden = self.first(_activation(self.first_norm(features, condition)))
        hidden = self.second(_activation(self.second_norm(hidden, condition)))
        skipped = features if self.shortcut_norm is None else self.shortcut_norm(features, condition)
        if self.shortcut is not None:
            skipped = self.shortcut(skipped)
        total: Tensor = skipped + hidden
        return total


def _activation(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, 0.2)
