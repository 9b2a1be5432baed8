"""Fit the estimator of a photo's lost tone: clean photographs are aged, and it learns what the ageing shifted.

None of the other networks has a part in it, because the shift is taken back before they see the photo: new weights
of theirs need no new estimator.

Whoever has no truth is left alone: real old photographs, and prints that were toned, are learnt with no shift.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.latent.overview import overview
from oldphoto_core.latent.tone import decided, has_colour, tone_features
from oldphoto_core.models.build import build_tone_estimator
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import Config, check_config
from oldphoto_core.training.aged_photos import SOUND, AgedPhoto, Ageing, Report
from oldphoto_core.training.estimators import estimator_card, fit
from oldphoto_core.training.samples import PhotoFolder, read_photo
from oldphoto_core.weights.cards import check_out
from oldphoto_core.weights.store import save_weights

_KINDS = (("seed", 0.6), ("archive", 0.15), (SOUND, 0.25))
_LEAST_REST, _MOST_REST = 4 / 255**2, 250 / 255**2
"""What error the translation leaves beside the shift: at least that of a sound photo, at most that of a noisy one."""


@dataclass(frozen=True)
class Example:
    """One photo: its features ``3×F``, the shift ``3`` that it needs, and the error beside that, shares of 1."""

    features: NDArray[np.float32]
    shift: NDArray[np.float32]
    rest: float


def fit_tone(
    data: Path,
    out: Path,
    *,
    config: Config = "compact",
    examples: int = 8000,
    seed: int = 0,
    workers: int = 0,
    report: Report = lambda done, total: None,
) -> Path:
    """Write the tone estimator's weights and card; return their path.

    Args:
        data: folder with ``clean/`` and ``old/`` (``defects/`` for the ageing, where there is one).
        out: the file to write, ``tone.safetensors`` beside the other weights.
        config: the configuration that it goes with.
        examples: aged photos to learn from; the same number and seed give the same weights, whatever ``workers``.
        seed: of crops, ageing and start.
        workers: processes that age photos besides this one; 0 means this one does.
        report: see :data:`Report`.

    Raises:
        UsageError: too few training photographs, an unknown configuration, or ``out`` is no name for weights.
    """
    check_config(config)
    check_out(out)
    started = time.monotonic()
    learnt, judged = Ageing(data, _KINDS, ("seed",), _described, seed).examples(examples, workers, report)
    left_alone = list(_left_alone(PhotoFolder(data / "old").paths)) if (data / "old").is_dir() else []
    network = build_tone_estimator(config)
    features, shift, rest = _stacked(learnt + left_alone)
    steps = fit(network, features, lambda answer, chosen: gain(answer, shift[chosen], rest[chosen]), seed)
    card = estimator_card(
        f"tone-{config}",
        data,
        ("aged", "old") if left_alone else ("aged",),
        settings={"config": config, "seed": seed, "kinds": dict(_KINDS)},
        steps=steps,
        examples={"aged": len(learnt), "old, with colour": len(left_alone)},
        held_out=_judged(network, judged),
        started=started,
    )
    save_weights(network, out, card)
    return out


def gain(estimate: Tensor, shift: Tensor, rest: Tensor) -> Tensor:
    """Return by how many decibels PSNR rises when ``estimate`` is added, ``B``.

    Args:
        estimate, shift: ``B×3``, what is added and what should be.
        rest: ``B``, the mean square error that no shift takes away.
    """
    before = rest + shift.square().mean(dim=1)
    return 10 * torch.log10(before / (rest + (shift - estimate).square().mean(dim=1)))


@torch.inference_mode()
def _judged(network: ToneEstimator, examples: Sequence[Example]) -> dict[str, float]:
    """Return what the estimator does to held-out photographs, aged by the text's recipe."""
    if not examples:
        return {}
    features, wanted, rest = _stacked(examples)
    estimate, shift = np.stack([decided(row) for row in network(features).numpy()]), wanted.numpy()
    gained = gain(torch.from_numpy(estimate), wanted, rest)
    return {
        "photographs": len(examples),
        "rms_shift_before": round(float(np.sqrt((shift**2).mean())) * 255, 2),
        "rms_shift_after": round(float(np.sqrt(((shift - estimate) ** 2).mean())) * 255, 2),
        "gain_db": round(float(gained.mean()), 3),
        "left_alone": round(float((np.abs(estimate).max(axis=1) == 0).mean()), 3),
    }


def _stacked(examples: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """Return features ``N×3×F``, shifts ``N×3`` and the error beside them ``N``."""
    return (
        torch.from_numpy(np.stack([example.features for example in examples])),
        torch.from_numpy(np.stack([example.shift for example in examples])),
        torch.tensor([example.rest for example in examples]),
    )


def _described(photo: AgedPhoto, rng: np.random.Generator) -> Example:
    difference = (photo.clean.astype(np.float32) - photo.aged) / np.float32(255)
    shift = difference.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    rest = float(np.clip((difference - shift).var(), _LEAST_REST, _MOST_REST))
    unit = photo.overview()
    # What toned a print belongs to it.
    return Example(tone_features(unit), np.zeros_like(shift) if photo.toned else shift, rest)


def _left_alone(paths: list[Path]) -> Iterator[Example]:
    """Yield the real old photographs that have colour, to be learnt as needing no shift."""
    for path in paths:
        unit = overview(MemoryRaster(read_photo(path)))
        if unit is not None and has_colour(unit):
            yield Example(tone_features(unit), np.zeros(3, np.float32), _LEAST_REST)
