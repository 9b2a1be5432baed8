"""Measure a restorer on pairs of aged and clean photographs, beside what stands in its place without it.

``evaluate_directory`` is the whole story: for every pair each method restores the aged photo and is compared with
the truth, then restores the sound photo, which it should leave alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.evaluation.baseline import OpenCvChain
from oldphoto_core.evaluation.haarpsi import haarpsi
from oldphoto_core.evaluation.methods import Restores, check_names, telea
from oldphoto_core.evaluation.metrics import DetectionTally, gmsd, psnr, ssim
from oldphoto_core.evaluation.pairs import Keep, Pair, Photo, find_pairs, holds_pairs
from oldphoto_core.evaluation.report import (
    CHAIN,
    INPUT,
    OURS,
    OURS_TRUE_MASK,
    TELEA_TRUE_MASK,
    CleanScores,
    EvaluationReport,
    GreyScores,
    PictureScores,
)
from oldphoto_core.evaluation.sheet import ComparedPhoto
from oldphoto_core.photo import Mask, Pixels, RestorationResult

_GREY_PHOTOS = 12
"""So many photographs are restored once more without their colours, to see that they stay grey."""

Watch = Callable[[ComparedPhoto, int, int], None]
"""Called after each photograph with its pictures, how many are done, and how many there are."""


def evaluate_directory(
    directory: Path,
    restorer: Restores | None,
    *,
    ablations: Mapping[str, Restores] | None = None,
    profile: str = "seed",
    limit: int | None = None,
    size: int = 256,
    seed: int = 0,
    keep: Keep | None = None,
    watch: Watch | None = None,
) -> EvaluationReport:
    """Measure ``restorer`` beside the untouched input and the OpenCV chain.

    Args:
        directory: ``clean/`` and ``aged/`` pairs (``masks/`` optional), or clean photographs to be aged.
        restorer: what is measured; None measures input and chain only.
        ablations: by name, restorers with one part of the method left out.
        profile: how clean photographs are aged: ``seed`` or ``archive``.
        limit: at most so many photographs, in order of name.
        size: side of the middle crop that is aged, in pixels (ready pairs are taken whole).
        seed: together with a photograph's name, decides its ageing.
        keep: takes a file's name, says whether it takes part (see ``training.split``).
        watch: see :data:`Watch`.

    Raises:
        UsageError: no photographs, an unknown profile, pairs that do not fit, or an ablation called as
            another method is.
    """
    check_names(ablations or ())
    total, pairs = find_pairs(directory, profile=profile, limit=limit, size=size, seed=seed, keep=keep)
    tally = _Tally()
    for done, pair in enumerate(pairs, start=1):
        compared = _compare(pair, restorer, ablations or {}, tally)
        if watch:
            watch(compared, done, total)
    return EvaluationReport(
        directory=str(directory),
        profile="pairs" if holds_pairs(directory) else profile,
        photos=total,
        size=size,
        seed=seed,
        pictures={name: _mean_scores(rows) for name, rows in tally.pictures.items()},
        detection={name: found.scores() for name, found in tally.detection.items()},
        clean={name: _mean_clean(rows) for name, rows in tally.clean.items()},
        grey={name: _grey_scores(rows) for name, rows in tally.grey.items()},
        notes=tuple(dict.fromkeys(tally.notes)),
    )


@dataclass
class _Tally:
    """What the loop has measured so far, by method."""

    pictures: dict[str, list[PictureScores]] = field(default_factory=dict)
    detection: dict[str, DetectionTally] = field(default_factory=dict)
    clean: dict[str, list[CleanScores]] = field(default_factory=dict)
    grey: dict[str, list[float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _compare(
    pair: Pair, restorer: Restores | None, ablations: Mapping[str, Restores], tally: _Tally
) -> ComparedPhoto:
    """Run every method over one pair and count its scores."""
    _score(tally, INPUT, pair, pair.aged, 0.0)
    chain, detected = _run(tally, CHAIN, OpenCvChain(), pair)
    if pair.mask is not None:
        start = time.perf_counter()
        filled = telea(pair.aged, pair.mask) if pair.mask.any() else pair.aged
        _score(tally, TELEA_TRUE_MASK, pair, filled, time.perf_counter() - start)
    ours = pair.aged
    if restorer is not None:
        ours, detected = _run(tally, OURS, restorer, pair)
        _run_guided(tally, restorer, pair)
        _run_grey(tally, restorer, pair)
    for name, ablated in ablations.items():
        _run(tally, name, ablated, pair)
    return ComparedPhoto(pair.name, pair.aged, detected, ours, chain, pair.clean)


def _run(tally: _Tally, name: str, restorer: Restores, pair: Pair) -> tuple[Photo, Mask]:
    """Restore the aged photo, then the clean one; count both. Returns the picture and the mask."""
    try:
        start = time.perf_counter()
        result = restorer.restore(pair.aged)
        seconds = time.perf_counter() - start
    except WeightsError as error:
        tally.notes.append(f"{name}: restoring was left out. {error}")
        return pair.aged, _detect_only(tally, name, restorer, pair)
    image = _bytes(result.image)
    _score(tally, name, pair, image, seconds)
    if pair.mask is not None:
        found = tally.detection.setdefault(name, DetectionTally())
        found.add(result.defect_probability, result.defect_mask, pair.mask)
    untouched = restorer.restore(pair.clean)
    tally.clean.setdefault(name, []).append(_clean_scores(pair.clean, untouched))
    return image, result.defect_mask


def _run_guided(tally: _Tally, restorer: Restores, pair: Pair) -> None:
    """Restore with the true mask: what the fill is worth when nothing is missed."""
    if pair.mask is None or OURS not in tally.pictures:
        return
    start = time.perf_counter()
    guided = _bytes(restorer.restore(pair.aged, mask=pair.mask).image)
    _score(tally, OURS_TRUE_MASK, pair, guided, time.perf_counter() - start)


def _run_grey(tally: _Tally, restorer: Restores, pair: Pair) -> None:
    """Restore the aged photo without its colours and measure how much colour comes back."""
    if OURS not in tally.pictures:
        return
    chroma = tally.grey.setdefault(OURS, [])
    if len(chroma) >= _GREY_PHOTOS:
        return
    grey = np.asarray(cv2.cvtColor(pair.aged, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    image = _bytes(restorer.restore(np.repeat(grey[..., None], 3, axis=2)).image).astype(np.int16)
    chroma.append(float((image.max(axis=2) - image.min(axis=2)).max()))


def _detect_only(tally: _Tally, name: str, restorer: Restores, pair: Pair) -> Mask:
    try:
        found = restorer.detect(pair.aged)
    except WeightsError as error:
        tally.notes.append(f"{name}: detection was left out. {error}")
        return np.zeros(pair.aged.shape[:2], dtype=bool)
    if pair.mask is not None:
        tally.detection.setdefault(name, DetectionTally()).add(found.probability, found.mask, pair.mask)
    return found.mask


def _score(tally: _Tally, name: str, pair: Pair, image: Photo, seconds: float) -> None:
    picture, truth = to_float(image), to_float(pair.clean)
    inside = pair.mask if pair.mask is not None and pair.mask.any() else None
    tally.pictures.setdefault(name, []).append(
        PictureScores(
            photos=1,
            psnr=psnr(picture, truth),
            ssim=ssim(picture, truth),
            gmsd=gmsd(picture, truth),
            haarpsi=haarpsi(picture, truth),
            psnr_inside=math.nan if inside is None else psnr(picture, truth, inside),
            ssim_inside=math.nan if inside is None else ssim(picture, truth, inside),
            seconds=seconds,
        )
    )


def _clean_scores(clean: Photo, result: RestorationResult) -> CleanScores:
    image = _bytes(result.image)
    return CleanScores(
        photos=1,
        psnr=psnr(to_float(image), to_float(clean)),
        ssim=ssim(to_float(image), to_float(clean)),
        untouched=float(np.array_equal(image, clean)),
        false_alarm_share=float(result.defect_mask.mean()),
    )


def to_float(photo: Photo) -> np.typing.NDArray[np.float32]:
    """Return ``float32`` in [0, 1] of ``uint8``."""
    return photo.astype(np.float32) / np.float32(255.0)


def _bytes(pixels: Pixels) -> Photo:
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise UsageError(
            f"A restorer must give back H×W×3 uint8 as it was given, not {pixels.shape} {pixels.dtype}."
        )
    return np.asarray(pixels, dtype=np.uint8)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _mean_scores(rows: list[PictureScores]) -> PictureScores:
    return PictureScores(
        photos=len(rows),
        psnr=_mean([row.psnr for row in rows]),
        ssim=_mean([row.ssim for row in rows]),
        gmsd=_mean([row.gmsd for row in rows]),
        haarpsi=_mean([row.haarpsi for row in rows]),
        psnr_inside=_mean([row.psnr_inside for row in rows]),
        ssim_inside=_mean([row.ssim_inside for row in rows]),
        seconds=_mean([row.seconds for row in rows]),
    )


def _mean_clean(rows: list[CleanScores]) -> CleanScores:
    return CleanScores(
        photos=len(rows),
        psnr=_mean([row.psnr for row in rows]),
        ssim=_mean([row.ssim for row in rows]),
        untouched=_mean([row.untouched for row in rows]),
        false_alarm_share=_mean([row.false_alarm_share for row in rows]),
    )


def _grey_scores(chroma: list[float]) -> GreyScores:
    return GreyScores(len(chroma), _mean(chroma), max(chroma, default=math.nan))
