"""Weights on disk: half-precision tensors in safetensors, loaded strictly and only if they are the card's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from oldphoto_core.errors import WeightsError
from oldphoto_core.weights.cards import WeightsIdentity, checked_card, write_card


def save_weights(network: nn.Module, path: Path, card: dict[str, Any]) -> None:
    """Write half-precision weights and their card (``sha256`` is filled in), replacing older ones.

    Raises:
        WeightsError: some are no finite numbers in half precision; the older ones stay.
        OSError, safetensors.SafetensorError: the disk does not take them; nothing unfinished stays.
    """
    tensors = _in_half_precision(network)
    if broken := _not_finite(tensors):
        raise WeightsError(
            f"{path} is not written: {broken} holds numbers that are not finite in half precision. Train again "
            "with a smaller --learning-rate."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    try:
        save_file(tensors, temporary)
        digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
        # safetensors makes files that only their owner can read; weights are read by every worker.
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    write_card(path, {**card, "sha256": digest})


def can_be_saved(network: nn.Module) -> bool:
    """Say whether all weights are finite numbers in half precision: others are not saved."""
    return _not_finite(_in_half_precision(network)) is None


def load_weights(network: nn.Module, path: Path) -> WeightsIdentity:
    """Load weights strictly into ``network`` (as float32) and return their identity.

    Raises:
        WeightsError: file or card missing, bytes not those of the card, or tensors that do not fit or are not finite.
    """
    card, state = _checked(path)
    _fit(network, state, path)
    return WeightsIdentity.of(card)


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
    card, state = checked_card(path), load_file(path)
    if broken := _not_finite(state):
        # With them no damage is found, as in a photo that has none.
        raise WeightsError(
            f"{path}: {broken} holds numbers that are not finite. Restore the file from where the weights came "
            "from, or train it again with `oldphoto train`."
        )
    return card, {
        name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()
    }


def _in_half_precision(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors as a file holds them."""
    return {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }


def _not_finite(tensors: dict[str, Tensor]) -> str | None:
    """Return the name of a tensor that holds infinite numbers or NaN, if one does."""
    return next((name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())), None)


def _fit(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not fit this network ({error}). Name the right --config.") from error
