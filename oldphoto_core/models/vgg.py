"""VGG-19's convolutions, from a weights file that the user names: the perceptual half of eq 6.

Nothing is downloaded and no weights are shipped: their terms are the user's to accept. The file has
torchvision's tensor names (``features.0.weight`` …), as safetensors or as a PyTorch state dict.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from oldphoto_core.errors import WeightsError

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))
"""Width and number of convolutions between the poolings, as far as ``relu5_1``."""
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class VggFeatures(nn.Module):
    """Pictures ``B×3×H×W`` in [-1, 1] to the activations relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Numbered as in torchvision, where each ReLU and each pooling has a number as well.
        self.features = nn.ModuleDict()
        self._firsts: list[str] = []
        inputs, place = 3, 0
        for width, count in _BLOCKS:
            self._firsts.append(str(place))
            for _ in range(count):
                self.features[str(place)] = nn.Conv2d(inputs, width, 3, padding=1)
                inputs, place = width, place + 2
            place += 1
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the five activations, finest first."""
        hidden = ((pictures + 1) / 2 - self.mean) / self.deviation
        layers: list[Tensor] = []
        for name, conv in self.features.items():
            if name in self._firsts and layers:
                hidden = functional.max_pool2d(hidden, 2)
            hidden = functional.relu(conv(hidden))
            if name in self._firsts:
                layers.append(hidden)
        return layers


def load_vgg(path: Path) -> VggFeatures:
    """Return the frozen network with the weights of ``path``; layers beyond relu5_1 are ignored.

    Raises:
        WeightsError: no such file, a file of another kind, or tensors missing or of another shape.
    """
    network = VggFeatures()
    wanted = network.state_dict()
    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
        network.load_state_dict({name: state[name] for name in wanted}, strict=True)
    except (
        OSError,
        RuntimeError,
        KeyError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        raise WeightsError(
            f"{path} does not hold VGG-19 weights with torchvision's names ({error!r}). "
            "Name a vgg19 state dict (.pth or .safetensors), or leave --vgg out."
        ) from error
    return network.eval().requires_grad_(False)
