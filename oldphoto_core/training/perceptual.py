"""The frozen network whose layers feature matching compares (the second half of eq 6).

VGG-19 from the user's file where one is given, otherwise the layers of the frozen encoder ``E_Y``. Which of
the two it was stands on the model card.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from oldphoto_core.models.autoencoder import Encoder
from oldphoto_core.models.vgg import load_vgg

VGG = "vgg19"
"""The name of VGG-19's layers on the card."""


class EncoderLayers(nn.Module):
    """The activations of an encoder at half scale and at latent scale, before and after its residual blocks."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map pictures ``B×3×H×W`` in [-1, 1] to four activations, finest first."""
        net = self.encoder
        entered = net.activation(net.half_norm(net.to_half(net.stem(pictures))))
        half = net.half_blocks(entered)
        latent = net.activation(net.latent_norm(net.to_latent(half)))
        return [entered, half, latent, net.blocks(latent)]


class PerceptualNetwork(nn.Module):
    """A frozen feature network and its name for the card."""

    def __init__(self, layers: nn.Module, name: str) -> None:
        super().__init__()
        self.layers = layers.eval().requires_grad_(False)
        self.name = name

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the activations of ``B×3×H×W`` pictures in [-1, 1]."""
        return self.layers(pictures)


def perceptual_network(vgg: Path | None, encoder: Callable[[], Encoder]) -> PerceptualNetwork:
    """Return VGG from the file ``vgg``, or the layers of the encoder that ``encoder`` gives."""
    if vgg is not None:
        return PerceptualNetwork(load_vgg(vgg), VGG)
    return PerceptualNetwork(EncoderLayers(encoder()), "vae-clean encoder")
