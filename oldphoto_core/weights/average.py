"""Average the weights of several checkpoints of one network: flatter, and better than any of them.

    python -m oldphoto_core.weights.average OUT.safetensors A.safetensors B.safetensors 0.5:C.safetensors …

Izmailov et al. 2018 (stochastic weight averaging). The checkpoints must come from one run, or from runs that start
from one another: elsewhere the mean of two networks is no network. The statistics of batch normalisation are
averaged with the rest, which is near enough for checkpoints of one run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.build import build, build_mapping
from oldphoto_core.settings import Config
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.store import save_weights


def average(paths: list[Path], out: Path, importance: list[float] | None = None) -> None:
    """Write the mean of the weights in ``paths`` and a card: the last one's, with what was averaged.

    Args:
        paths: weights files.
        out: the file to write.
        importance: of each file, on any positive scale; None counts all alike.

    Raises:
        WeightsError: a file or card is missing, or they are not of one network.
    """
    counts = torch.tensor(importance or [1.0] * len(paths))
    shares = counts / counts.sum()
    cards = [read_card(path) for path in paths]
    kinds = {_kind(card) for card in cards}
    if len(kinds) != 1:
        raise WeightsError(f"Only one network's weights can be averaged, these are of {sorted(kinds)}.")
    name, config, nonlocal_branch = kinds.pop()
    network = build(name, config) if nonlocal_branch else build_mapping(config, nonlocal_branch=False)
    states = [load_file(path) for path in paths]
    mean = {
        name: torch.stack(
            [share * state[name].float() for share, state in zip(shares, states, strict=True)]
        ).sum(0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in states[-1].items()
    }
    network.load_state_dict(mean, strict=True)
    sources = [
        {"steps": card["steps"], "sha256": card["sha256"], "weight": round(float(share), 4)}
        for card, share in zip(cards, shares, strict=True)
    ]
    kept = {name: value for name, value in cards[-1].items() if name not in ("sha256", "metrics")}
    save_weights(network, out, {**kept, "averaged": sources})


def _kind(card: dict[str, Any]) -> tuple[str, Config, bool]:
    """Return the network, its configuration, and whether it has all its parts (see `training.card`)."""
    settings = card["settings"]
    if "network" not in settings:
        raise WeightsError(f"{card['name']} is fitted as a whole: it has no checkpoints to be averaged.")
    whole = settings["network"] != "mapping" or settings.get("nonlocal_branch", True)
    return settings["network"], settings["config"], bool(whole)


def main(arguments: list[str] | None = None) -> None:
    """Average what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("checkpoints", nargs="+", help="files; 0.5:FILE counts half as much as the others")
    given = parser.parse_args(arguments)
    parts = [_part(text) for text in given.checkpoints]
    average([path for path, _ in parts], given.out, [importance for _, importance in parts])


def _part(text: str) -> tuple[Path, float]:
    """Return file and importance of ``FILE`` or ``IMPORTANCE:FILE``."""
    before, colon, after = text.partition(":")
    return (Path(after), float(before)) if colon else (Path(text), 1.0)


if __name__ == "__main__":
    main()
