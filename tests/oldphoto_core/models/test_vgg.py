"""VGG's feature layers, with random weights under torchvision's names: the file's contract, not its content."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.vgg import VggFeatures, load_vgg


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: tensor.clone() for name, tensor in VggFeatures().state_dict().items()}


def test_names_are_torchvisions() -> None:
    """In VGG-19 the first convolutions of the blocks are features 0, 5, 10, 19 and 28."""
    names = {name.removesuffix(".weight") for name in VggFeatures().state_dict() if name.endswith("weight")}
    numbers = sorted(int(name.removeprefix("features.")) for name in names)
    assert numbers == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]


def test_layers_halve_and_gradients_reach_the_picture_only(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_file(state, tmp_path / "vgg19.safetensors")
    network = load_vgg(tmp_path / "vgg19.safetensors")
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    layers = network(picture)
    shapes = [(64, 32), (128, 16), (256, 8), (512, 4), (512, 2)]
    assert [(layer.shape[1], layer.shape[2]) for layer in layers] == shapes
    torch.stack([layer.mean() for layer in layers]).sum().backward()
    assert picture.grad is not None
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_state_dict_with_the_classifier_is_taken_too(
    state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save({**state, "classifier.0.weight": torch.zeros(1)}, tmp_path / "vgg19.pth")
    loaded = load_vgg(tmp_path / "vgg19.pth").state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("content", [None, b"not weights"])
@pytest.mark.parametrize("name", ["vgg19.pth", "vgg19.safetensors"])
def test_another_file_is_refused_with_the_remedy(content: bytes | None, name: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="--vgg"):
        load_vgg(tmp_path / name)


def test_missing_layers_are_refused(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({"features.0.weight": state["features.0.weight"]}, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="torchvision"):
        load_vgg(tmp_path / "part.pth")
