"""Fit the estimator of a photo's fading: clean photographs are faded, and it learns which levels bring them back.

What a pair of levels is worth is known without any picture: the mean square error that is left follows from five
moments of the aged and of the clean photo's luminance. They are taken of means over 4×4 pixels, because the grain
between is the translation's business.

Real old photographs have no truth. Those that use most of the range have hardly faded, and are learnt as needing
nothing; the others are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.latent.fading import Levels, fading_features, used_range, within
from oldphoto_core.latent.overview import overview
from oldphoto_core.models.build import build_fading_estimator
from oldphoto_core.models.fading_estimator import FadingEstimator
from oldphoto_core.pixels import LUMINANCE, to_unit
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import Config, check_config
from oldphoto_core.training.aged_photos import SOUND, AgedPhoto, Ageing, Photo, Report
from oldphoto_core.training.estimators import estimator_card, fit
from oldphoto_core.training.samples import PhotoFolder, read_photo
from oldphoto_core.weights.cards import check_out
from oldphoto_core.weights.store import save_weights

_KINDS = (("seed", 0.2), ("archive", 0.5), (SOUND, 0.3))
_GREY_SHARE = 0.4
"""Share of the sound photographs that are learnt without their colour; of the aged ones the profile decides."""
_REST = (4 / 255) ** 2
"""The mean square error that a translation leaves in any case."""
_CELL = 4
_WIDE = 0.72
"""An old photograph whose tones span as much of the range counts as one that has not faded."""
_STEEPEST = 0.45
"""In training no end loses more than so much, which bounds the gain."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """One photo: its features ``F``, the five ``moments`` (see :func:`moments`), and the tones that it uses."""

    features: Array
    moments: Array
    used: tuple[float, float]


def fit_fading(
    data: Path,
    out: Path,
    *,
    config: Config = "compact",
    examples: int = 12000,
    seed: int = 0,
    workers: int = 0,
    report: Report = lambda done, total: None,
) -> Path:
    """Write the fading estimator's weights and card; return their path.

    Args:
        data: folder with ``clean/`` and ``old/`` (``defects/`` for the ageing, where there is one).
        out: the file to write, ``fading.safetensors`` beside the other weights.
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
    ageing = Ageing(data, _KINDS, ("archive", "seed", SOUND), _described, seed)
    learnt, judged = ageing.examples(examples, workers, report)
    sound = list(_hardly_faded(PhotoFolder(data / "old").paths)) if (data / "old").is_dir() else []
    network = build_fading_estimator(config)
    features, taken = _stacked(learnt + sound)
    steps = fit(network, features, lambda answer, chosen: gain(answer, taken[chosen]), seed)
    card = estimator_card(
        f"fading-{config}",
        data,
        ("aged", "old") if sound else ("aged",),
        settings={"config": config, "seed": seed, "kinds": dict(_KINDS)},
        steps=steps,
        examples={"aged": len(learnt), "old, hardly faded": len(sound)},
        held_out=_judged(network, judged, ageing.held_out_kinds),
        started=started,
    )
    save_weights(network, out, card)
    return out


def moments(aged: Array, clean: Array) -> Array:
    """Return the means of y, y², x, x² and xy over two pictures of one shape: ``aged`` is y, ``clean`` is x."""
    pairs = (aged, aged * aged, clean, clean * clean, aged * clean)
    return np.array([values.mean(dtype=np.float64) for values in pairs], np.float32)


def error_left(taken: Tensor, black: Tensor, white: Tensor) -> Tensor:
    """Return the mean square of ``(y − black) / (white − black) − x``, ``B``, of ``B×5`` moments and ``B`` levels."""
    y, yy, x, xx, xy = taken.double().unbind(dim=1)
    a = 1 / (white - black).double()
    c = -black.double() * a
    left = a * a * yy + 2 * a * c * y + c * c - 2 * a * xy - 2 * c * x + xx
    return left.clamp(min=0).float()


def gain(lost: Tensor, taken: Tensor) -> Tensor:
    """Return by how many decibels PSNR rises when ``lost`` (``B×2``: black, white) is given back, ``B``."""
    black, white_lost = lost.clamp(max=_STEEPEST).unbind(dim=1)
    nothing = torch.zeros_like(black)
    before = error_left(taken, nothing, nothing + 1)
    return 10 * torch.log10((before + _REST) / (error_left(taken, black, 1 - white_lost) + _REST))


@torch.inference_mode()
def _judged(network: FadingEstimator, examples: Sequence[Example], kinds: Sequence[str]) -> dict[str, object]:
    """Return what the estimator does to held-out photographs, by what they were aged by."""
    found: dict[str, object] = {}
    each = len(examples) // len(kinds)
    for number, kind in enumerate(kinds if each else ()):
        part = examples[number * each : (number + 1) * each]
        features, taken = _stacked(part)
        levels = [
            within(Levels(float(black), 1 - float(white)), *one.used)
            for one, (black, white) in zip(part, network(features), strict=True)
        ]
        lost = torch.tensor([[one.black, 1 - one.white] for one in levels])
        gained = gain(lost, taken)
        found[kind] = {
            "photographs": len(part),
            "gain_db": round(float(gained.mean()), 3),
            "left_alone": round(float((lost.sum(dim=1) == 0).float().mean()), 3),
            "worse_by_0.2_db": round(float((gained < -0.2).float().mean()), 3),
        }
    return found


def _stacked(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Return features ``N×F`` and moments ``N×5``."""
    return (
        torch.from_numpy(np.stack([example.features for example in examples])),
        torch.from_numpy(np.stack([example.moments for example in examples])),
    )


def _described(photo: AgedPhoto, rng: np.random.Generator) -> Example:
    aged, clean = photo.aged, photo.clean
    if photo.kind == SOUND and rng.random() < _GREY_SHARE:
        aged = clean = _grey(aged)
    seen = replace(photo, aged=aged).overview()
    taken = moments(_cells(to_unit(aged)), _cells(to_unit(clean)))
    return Example(fading_features(seen), taken, used_range(seen))


def _hardly_faded(paths: list[Path]) -> Iterator[Example]:
    """Yield the real old photographs whose tones span most of the range, to be learnt as needing nothing."""
    for path in paths:
        seen = overview(MemoryRaster(read_photo(path)))
        if seen is None:
            continue
        cells = _cells(seen)
        darkest, brightest = np.quantile(seen @ np.array(LUMINANCE, np.float32), (0.005, 0.995))
        if brightest - darkest >= _WIDE:
            yield Example(fading_features(seen), moments(cells, cells), used_range(seen))


def _grey(photo: Photo) -> Photo:
    grey = np.rint(photo @ np.array(LUMINANCE, np.float32)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _cells(unit: Array) -> Array:
    """Return the luminance of ``h×w×3``, averaged over cells of 4×4."""
    grey = unit @ np.array(LUMINANCE, np.float32)
    size = (max(1, grey.shape[1] // _CELL), max(1, grey.shape[0] // _CELL))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.float32)
