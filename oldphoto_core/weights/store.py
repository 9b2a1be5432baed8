"""Weights on disk: safetensors, a model card beside each, loaded strictly and only if the hash agrees.

``oldphoto_core/weights/<config>/<network>.safetensors`` holds half-precision tensors;
``<network>.json`` is the card for machines: name, version, licence, SHA-256, data, settings, steps, metrics.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from oldphoto_core.errors import WeightsError

SHIPPED = Path(__file__).parent
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class WeightsIdentity:
    """Which weights a stage ran with; recorded in the recipe and the catalog."""

    name: str
    version: str
    sha256: str
    licence: str


def shipped(config: str, network: str, folder: Path | None = None) -> Path:
    """Return where the weights of a network lie; the file need not exist."""
    return (folder or SHIPPED / config) / f"{network}.safetensors"


def save_weights(network: nn.Module, path: Path, card: dict[str, Any]) -> None:
    """Write half-precision weights and their card (``sha256`` is filled in), replacing older ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary)
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    # safetensors makes files that only their owner can read; weights are read by every worker.
    temporary.chmod(0o644)
    temporary.replace(path)
    text = json.dumps({**card, "sha256": digest}, indent=2, sort_keys=True, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def read_card(path: Path) -> dict[str, Any]:
    """Return the card beside a weights file; :class:`WeightsError` where there is none."""
    card = path.with_suffix(".json")
    if not path.is_file() or not card.is_file():
        raise WeightsError(f"{path} or its card {card.name} is missing. Train it with `oldphoto train`.")
    loaded: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
    return loaded


def add_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write what an evaluation measured with these weights into their card, in place of earlier figures.

    Raises:
        WeightsError: weights or card missing, or the weights are no longer those of the card.
    """
    card = read_card(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise WeightsError(f"{path} is not the file that its card describes. Restore the file.")
    text = json.dumps({**card, "metrics": metrics}, indent=2, sort_keys=True, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def load_weights(network: nn.Module, path: Path) -> WeightsIdentity:
    """Load weights strictly into ``network`` (as float32) and return their identity.

    Raises:
        WeightsError: file or card missing, bytes not those of the card, or tensors that do not fit.
    """
    card, state = _checked(path)
    _fit(network, state, path)
    return WeightsIdentity(card["name"], card["version"], card["sha256"], card["licence"])


def start_from(network: nn.Module, path: Path) -> list[str]:
    """Load weights as the start of a training; return the names of what the file lacks, which stays new.

    So a network that was given more blocks goes on from what it knew. Raises as :func:`load_weights` does; a
    tensor that the network has no place for is refused too.
    """
    state = _checked(path)[1]
    own = network.state_dict()
    _fit(network, {**own, **state}, path)
    return [name for name in own if name not in state]


def _checked(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the card and the tensors (as float32) of a weights file whose bytes are those of its card."""
    card = read_card(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != card["sha256"]:
        raise WeightsError(f"{path}: SHA-256 is {digest}, the card says {card['sha256']}. Restore the file.")
    return card, {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(path).items()
    }


def _fit(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit this network ({error}). Name the right --config.") from error


def half_precision_agrees(network: nn.Module, path: Path) -> bool:
    """Say whether the file holds exactly this network's weights, rounded to half precision."""
    saved = load_file(path)
    return all(
        torch.equal(saved[name], tensor.half() if tensor.is_floating_point() else tensor)
        for name, tensor in network.state_dict().items()
    )
