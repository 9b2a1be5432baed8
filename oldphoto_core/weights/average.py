"""Average the weights of several checkpoints of one network: flatter, and better than any of them.

    python -m oldphoto_core.weights.average OUT.safetensors A.safetensors B.safetensors …

Izmailov et al. 2018 (stochastic weight averaging). The checkpoints must come from one run, or from runs that start
from one another: elsewhere the mean of two networks is no network. The statistics of batch normalisation are
averaged with the rest, which is near enough for checkpoints of one run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.build import build
from oldphoto_core.weights.store import read_card, save_weights


def average(paths: list[Path], out: Path) -> None:
    """Write the mean of the weights in ``paths`` and a card: the last one's, with what was averaged.

    Raises:
        WeightsError: a file or card is missing, or they are not of one network.
    """
    cards = [read_card(path) for path in paths]
    kinds = {(card["settings"]["network"], card["settings"]["config"]) for card in cards}
    if len(kinds) != 1:
        raise WeightsError(f"Only one network's weights can be averaged, these are of {sorted(kinds)}.")
    network = build(*kinds.pop())
    states = [load_file(path) for path in paths]
    mean = {
        name: torch.stack([state[name].float() for state in states]).mean(dim=0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in states[-1].items()
    }
    network.load_state_dict(mean, strict=True)
    sources = [{"steps": card["steps"], "sha256": card["sha256"]} for card in cards]
    kept = {name: value for name, value in cards[-1].items() if name not in ("sha256", "metrics")}
    save_weights(network, out, {**kept, "averaged": sources})


def main() -> None:
    """Average what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    given = parser.parse_args()
    average(given.checkpoints, given.out)


if __name__ == "__main__":
    main()
