"""Fit a small network that reads something off a whole photo: members on batches of their own, the gain in decibels.

The loss is the gain that its answer brings. A sound photo has no error to hide behind, so that touching one is what
costs the most.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from oldphoto_core import __version__
from oldphoto_core.models.feature_estimator import FeatureEstimator
from oldphoto_core.training.card import collections, training_photographs
from oldphoto_core.weights.cards import LICENCE

_BATCH, _EPOCHS, _RATE, _DECAY = 64, 14, 2e-3, 0.05

Gain = Callable[[Tensor, Tensor], Tensor]
"""Takes a member's answers ``B×…`` and the places of their examples ``B``; returns the decibels gained, ``B``."""


def fit(network: FeatureEstimator, features: Tensor, gain: Gain, seed: int) -> int:
    """Train all members in place; return the steps taken.

    Args:
        network: its heads say 0 as yet.
        features: of all examples, ``N×…×F``.
        gain: see :data:`Gain`.
        seed: of start and batches; the same gives the same weights.
    """
    torch.manual_seed(seed)
    for module in network.modules():
        # Heads stay at nothing; what was drawn before this seed was set is drawn again.
        if isinstance(module, nn.Linear) and bool(module.weight.any()):
            module.reset_parameters()
    network.normalise_by(features)
    steps = _EPOCHS * max(1, len(features) // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1, pct_start=0.1)
    network.train()
    for _ in range(steps):
        chosen = torch.randint(len(features), (_BATCH,))
        loss = -torch.stack([gain(answer, chosen) for answer in network.answers(features[chosen])])
        optimiser.zero_grad(set_to_none=True)
        loss.mean(1).sum().backward()  # type: ignore[no-untyped-call]
        for member in network.members:
            nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    network.eval()
    return steps


def estimator_card(
    name: str,
    data: Path,
    sources: tuple[str, ...],
    *,
    settings: dict[str, Any],
    steps: int,
    examples: dict[str, int],
    held_out: dict[str, Any],
    started: float,
) -> dict[str, Any]:
    """Return the card: from what, how and how long, and what it is worth on held-out photographs.

    Args:
        name: of the network and its configuration.
        data: the training folder.
        sources: of the examples; see `training.card`.
        settings: of the training.
        steps: taken.
        examples: how many, by kind.
        held_out: what was measured.
        started: when, by ``time.monotonic()``.
    """
    return {
        "name": name,
        "version": __version__,
        "licence": LICENCE,
        "settings": {**settings, "epochs": _EPOCHS},
        "data": training_photographs(data, sources),
        "collections": collections(data, sources),
        "rights": "as each collection states them; see MODEL_CARD.md",
        "steps": steps,
        "crops": steps * _BATCH,
        "examples": examples,
        "held_out": held_out,
        "hours": round((time.monotonic() - started) / 3600, 3),
        "hardware": "CPU",
        "date": datetime.now(UTC).date().isoformat(),
    }
