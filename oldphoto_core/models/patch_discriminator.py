"""Patch discriminators: every output judges a patch, at one or several scales of the picture.

They know nothing of the loss (least squares or hinge) and return all their layers, which feature matching
compares. There is no normalisation over the picture; spectral norm keeps them in check instead.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm


class PatchDiscriminator(nn.Module):
    """4×4 convolutions: ``layers`` with stride 2, one with stride 1, one to a score a patch.

    Args:
        channels: of the picture (picture and condition stacked, where it judges pairs).
        width: channels of the first layer; doubled at each further one, up to eight times.
        layers: strided layers; 3 see patches of 70 pixels.
        spectral: divide each weight by its spectral norm.
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3, *, spectral: bool = True) -> None:
        super().__init__()
        widths = [width * min(2**number, 8) for number in range(layers + 1)]
        inputs = [channels, *widths]
        strides = [2] * layers + [1, 1]
        self.layers = nn.ModuleList()
        for before, after, stride in zip(inputs, [*widths, 1], strides, strict=True):
            conv = nn.Conv2d(before, after, 4, stride=stride, padding=2)
            self.layers.append(spectral_norm(conv) if spectral else conv)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Map ``B×channels×H×W`` to every layer's output; the last is ``B×1×h×w``, unbounded scores."""
        outputs: list[Tensor] = []
        features = picture
        for number, layer in enumerate(self.layers):
            features = layer(features)
            if number < len(self.layers) - 1:
                features = functional.leaky_relu(features, 0.2)
            outputs.append(features)
        return outputs


class MultiScaleDiscriminator(nn.Module):
    """The same kind of patch discriminator on the picture and on copies of it halved once, twice, …"""

    def __init__(
        self, channels: int, width: int = 64, layers: int = 3, *, scales: int = 2, spectral: bool = True
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            PatchDiscriminator(channels, width, layers, spectral=spectral) for _ in range(scales)
        )

    def forward(self, picture: Tensor) -> list[list[Tensor]]:
        """Map ``B×channels×H×W`` to one list of layers a scale, the full picture first."""
        outputs: list[list[Tensor]] = []
        for number, judge in enumerate(self.scales):
            if number:
                picture = functional.avg_pool2d(picture, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(judge(picture))
        return outputs
