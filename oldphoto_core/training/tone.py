"""Fit the estimator of a photo's lost tone: clean photographs are aged, and it learns what the ageing shifted.

None of the other networks has a part in it, because the shift is taken back before they see the photo: new weights
of theirs need no new estimator. The loss is the gain in decibels that the shift brings. A sound photo has no other
error to hide behind, so that touching one is what costs the most.

Whoever has no truth is left alone: real old photographs, and prints that were toned, are learnt with no shift.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oldphoto_core import __version__
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import PROFILES, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.errors import UsageError
from oldphoto_core.latent.overview import overview
from oldphoto_core.latent.tone import decided, has_colour, tone_features
from oldphoto_core.models.build import build_tone_estimator
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import Config
from oldphoto_core.training.card import collections, training_photographs
from oldphoto_core.training.samples import PhotoFolder
from oldphoto_core.training.split import in_validation
from oldphoto_core.weights.cards import LICENCE
from oldphoto_core.weights.store import save_weights

LEAST_PHOTOGRAPHS = 8
_KINDS = (("seed", 0.6), ("archive", 0.15), ("sound", 0.25))
_LEAST_REST, _MOST_REST = 4 / 255**2, 250 / 255**2
"""What error the translation leaves beside the shift: at least that of a sound photo, at most that of a noisy one."""
_BATCH, _EPOCHS, _RATE, _DECAY = 64, 14, 2e-3, 0.05
_CHUNK = 32

Photo = NDArray[np.uint8]
_Job = tuple[Path, int, int, str | None]
Report = Callable[[int, int], None]
"""Called with how many examples are made and how many there are to be."""


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
        UsageError: too few training photographs.
    """
    started = time.monotonic()
    clean = PhotoFolder(data / "clean").paths
    if len(clean) < LEAST_PHOTOGRAPHS:
        raise UsageError(f"{data}/clean gives {len(clean)} photographs; {LEAST_PHOTOGRAPHS} are the least.")
    held_out = sorted(p for p in (data / "clean").glob("*.jpg") if in_validation(p.name))
    total = examples + len(held_out)
    aged = list(_aged(data, clean, held_out, examples, seed, workers, lambda done: report(done, total)))
    learnt, judged = aged[:examples], aged[examples:]
    left_alone = list(_left_alone(PhotoFolder(data / "old").paths)) if (data / "old").is_dir() else []
    network = build_tone_estimator(config)
    steps = _fit(network, learnt + left_alone, seed)
    card: dict[str, Any] = {
        "name": f"tone-{config}",
        "version": __version__,
        "licence": LICENCE,
        "settings": {"config": config, "seed": seed, "kinds": dict(_KINDS), "epochs": _EPOCHS},
        "data": training_photographs(data, ("aged", "old") if left_alone else ("aged",)),
        "collections": collections(data, ("aged", "old") if left_alone else ("aged",)),
        "rights": "as each collection states them; see MODEL_CARD.md",
        "steps": steps,
        "crops": steps * _BATCH,
        "examples": {"aged": len(learnt), "old, with colour": len(left_alone)},
        "held_out": _judged(network, judged),
        "hours": round((time.monotonic() - started) / 3600, 3),
        "hardware": "CPU",
        "date": datetime.now(UTC).date().isoformat(),
    }
    save_weights(network, out, card)
    return out


def _fit(network: ToneEstimator, examples: Sequence[Example], seed: int) -> int:
    """Train all members on the examples, each on batches of its own; return the steps taken."""
    torch.manual_seed(seed)
    for module in network.modules():
        # Heads stay at nothing; what was drawn before this seed was set is drawn again.
        if isinstance(module, nn.Linear) and bool(module.weight.any()):
            module.reset_parameters()
    features = torch.from_numpy(np.stack([example.features for example in examples]))
    shift = torch.from_numpy(np.stack([example.shift for example in examples]))
    rest = torch.tensor([example.rest for example in examples])
    network.normalise_by(features)
    steps = _EPOCHS * max(1, len(examples) // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps + 1, pct_start=0.1)
    network.train()
    for _ in range(steps):
        chosen = torch.randint(len(examples), (_BATCH,))
        answers = network.answers(features[chosen])
        loss = -torch.stack([gain(answer, shift[chosen], rest[chosen]) for answer in answers]).mean(1).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for member in network.members:
            nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    network.eval()
    return steps


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
    features = torch.from_numpy(np.stack([example.features for example in examples]))
    estimate = np.stack([decided(row) for row in network(features).numpy()])
    shift = np.stack([example.shift for example in examples])
    rest = torch.tensor([example.rest for example in examples])
    gained = gain(torch.from_numpy(estimate), torch.from_numpy(shift), rest)
    return {
        "photographs": len(examples),
        "rms_shift_before": round(float(np.sqrt((shift**2).mean())) * 255, 2),
        "rms_shift_after": round(float(np.sqrt(((shift - estimate) ** 2).mean())) * 255, 2),
        "gain_db": round(float(gained.mean()), 3),
        "left_alone": round(float((np.abs(estimate).max(axis=1) == 0).mean()), 3),
    }


def _aged(
    data: Path,
    clean: list[Path],
    held_out: list[Path],
    examples: int,
    seed: int,
    workers: int,
    made: Callable[[int], None],
) -> Iterator[Example]:
    """Yield ``examples`` of the training photographs, then one of each held-out one."""
    order = np.random.default_rng((seed, 0x70)).permutation(len(clean))
    jobs: list[_Job] = [(clean[order[number % len(clean)]], seed, number, None) for number in range(examples)]
    jobs += [(path, seed, number, "seed") for number, path in enumerate(held_out, start=examples)]
    chunks = [jobs[first : first + _CHUNK] for first in range(0, len(jobs), _CHUNK)]
    done = 0
    if workers:
        with ProcessPoolExecutor(workers, get_context("spawn"), _open, (data,)) as pool:
            for found in pool.map(_examples, chunks):
                yield from found
                made(done := done + len(found))
        return
    _open(data)
    for chunk in chunks:
        found = _examples(chunk)
        yield from found
        made(done := done + len(found))


_library: DefectLibrary | None = None
"""The damage of the process that ages: opened once in each."""


def _open(data: Path) -> None:
    global _library
    defects = data / "defects"
    _library = DefectLibrary.from_directory(defects) if defects.is_dir() else DefectLibrary.procedural()
    cv2.setNumThreads(1)


def _examples(jobs: list[_Job]) -> list[Example]:
    return [_example(*job) for job in jobs]


def _example(path: Path, seed: int, number: int, kind: str | None) -> Example:
    """Cut, age and describe one photo; ``kind`` None draws one of :data:`_KINDS`."""
    rng = np.random.default_rng((seed, number, 0x70))
    photo = _cut(_read(path), rng)
    kind = kind or str(rng.choice([name for name, _ in _KINDS], p=[share for _, share in _KINDS]))
    if kind == "sound":
        return _described(photo, photo, toned=False)
    recipe = sample_recipe(int(rng.integers(1 << 40)), PROFILES[kind])
    pair = age(photo, recipe, _library)
    toned = any(step.name == "tone" for step in recipe.operations)
    aged, clean = (np.asarray(np.rint(np.clip(p, 0, 1) * 255), np.uint8) for p in (pair.aged, pair.clean))
    return _described(aged, clean, toned=toned)


def _cut(photo: Photo, rng: np.random.Generator) -> Photo:
    """Return a part as large as an overview, one of the photo reduced, or one twice as large, reduced later."""
    luck = rng.random()
    side, share = (256, 1.0) if luck < 0.4 else (int(rng.choice([192, 256])), rng.random())
    if luck >= 0.9:
        side, share = 448, 0.5
    least = min(1.0, side / min(photo.shape[:2]))
    scale = least + (1 - least) * share
    if scale < 1:
        photo = np.asarray(
            cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    top, left = (int(rng.integers(0, max(1, length - side + 1))) for length in photo.shape[:2])
    part = photo[top : top + side, left : left + side]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def _described(aged: Photo, clean: Photo, *, toned: bool) -> Example:
    difference = (clean.astype(np.float32) - aged) / np.float32(255)
    shift = difference.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    rest = float(np.clip((difference - shift).var(), _LEAST_REST, _MOST_REST))
    unit = overview(MemoryRaster(aged))
    if unit is None:
        raise UsageError(f"A photograph of {aged.shape[1]}×{aged.shape[0]} is too narrow to learn from.")
    # What toned a print belongs to it.
    return Example(tone_features(unit), np.zeros_like(shift) if toned else shift, rest)


def _left_alone(paths: list[Path]) -> Iterator[Example]:
    """Yield the real old photographs that have colour, to be learnt as needing no shift."""
    for path in paths:
        unit = overview(MemoryRaster(_read(path)))
        if unit is not None and has_colour(unit):
            yield Example(tone_features(unit), np.zeros(3, np.float32), _LEAST_REST)


def _read(path: Path) -> Photo:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise UsageError(f"{path} cannot be decoded. Remove it from the training folder.")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)
