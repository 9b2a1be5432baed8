"""Average the weights of several checkpoints of one network: flatter, and better than any of them.

    python -m oldphoto_core.weights.average OUT.safetensors A.safetensors B.safetensors 0.5:C.safetensors …

Izmailov et al. 2018 (stochastic weight averaging). The checkpoints must come from one run, or from runs that start
from one another: elsewhere the mean of two networks is no network. The statistics of batch normalisation are
averaged with the rest, which is near enough for checkpoints of one run.
"""

from __future__ import annotations

import argparse
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from oldphoto_core.errors import OldPhotoError, UsageError, WeightsError
from oldphoto_core.models.build import build, build_mapping
from oldphoto_core.settings import Config
from oldphoto_core.weights.cards import AUTOENCODERS, check_out, read_card
from oldphoto_core.weights.store import load_weights, save_weights


def average(paths: list[Path], out: Path, importance: list[float] | None = None) -> None:
    """Write the mean of the weights in ``paths`` and a card: the last one's, with what was averaged.

    Args:
        paths: weights files.
        out: the file to write.
        importance: of each file, on any positive scale; None counts all alike.

    Raises:
        UsageError: an importance that is not a positive number, or ``out`` is no name for weights.
        WeightsError: a file or card is missing, a file is not what its card describes, or they are not of one
            network (of a mapping: between the same autoencoders).
    """
    check_out(out)
    counts = torch.tensor(_checked(importance) if importance else [1.0] * len(paths))
    shares = counts / counts.sum()
    cards = [read_card(path) for path in paths]
    kinds = {_kind(card) for card in cards}
    if len(kinds) != 1:
        raise WeightsError(f"Only one network's weights can be averaged, these are of {sorted(kinds)}.")
    name, config, nonlocal_branch = kinds.pop()
    belongs_to = _belongs_to(cards)
    network = build(name, config) if nonlocal_branch else build_mapping(config, nonlocal_branch=False)
    states = [_state(network, path) for path in paths]
    mean = {
        name: torch.stack([share * state[name] for share, state in zip(shares, states, strict=True)]).sum(0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in states[-1].items()
    }
    network.load_state_dict(mean, strict=True)
    sources = [
        {"steps": card.get("steps"), "sha256": card["sha256"], "weight": round(float(share), 4)}
        for card, share in zip(cards, shares, strict=True)
    ]
    kept = {name: value for name, value in cards[-1].items() if name not in ("sha256", "metrics")}
    save_weights(network, out, {**kept, **belongs_to, "averaged": sources})


def _checked(importance: list[float]) -> list[float]:
    """Return the importances. Raises UsageError: a share of nothing divides by nothing."""
    for one in importance:
        if not 0 < one < inf:
            raise UsageError(
                f"The importance {one} is not a positive number. Leave out what shall not count."
            )
    return importance


def _kind(card: dict[str, Any]) -> tuple[str, Config, bool]:
    """Return the network, its configuration, and whether it has all its parts (see `training.card`)."""
    settings = card.get("settings", {})
    if not {"network", "config"} <= settings.keys():
        raise WeightsError(f"{card['name']} is fitted as a whole: it has no checkpoints to be averaged.")
    whole = settings["network"] != "mapping" or settings.get("nonlocal_branch", True)
    return settings["network"], settings["config"], bool(whole)


def _belongs_to(cards: list[dict[str, Any]]) -> dict[str, str]:
    """Return between which autoencoders the mappings lie, as far as their cards say it.

    Raises:
        WeightsError: they lie between different ones.
    """
    found: dict[str, str] = {}
    for network, entry in AUTOENCODERS.items():
        named = sorted({str(card[entry]) for card in cards if entry in card})
        if len(named) > 1:
            raise WeightsError(
                f"These weights go with different weights of {network} ({', '.join(named)}). Average checkpoints of "
                "one run."
            )
        if named:
            found[entry] = named[0]
    return found


def _state(network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, checked as whoever loads it checks them."""
    load_weights(network, path)
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def main(arguments: list[str] | None = None) -> None:
    """Average what the command line names; the exit code is 2 for wrong usage, 1 for weights that are refused."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "checkpoints", nargs="+", type=_part, help="files; 0.5:FILE counts half as much as the others"
    )
    given = parser.parse_args(arguments)
    try:
        average([path for path, _ in given.checkpoints], given.out, [share for _, share in given.checkpoints])
    except UsageError as error:
        parser.error(str(error))
    except OldPhotoError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")


def _part(text: str) -> tuple[Path, float]:
    """Return file and importance of ``FILE`` or ``IMPORTANCE:FILE``."""
    before, colon, after = text.partition(":")
    try:
        return (Path(after), float(before)) if colon else (Path(text), 1.0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{before!r} in {text!r} is no number. Example: 0.5:FILE counts half."
        ) from error


if __name__ == "__main__":
    main()
