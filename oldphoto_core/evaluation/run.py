"""Run an evaluation: every method over every photograph, then the means.

The restorer is known by two methods only (:class:`Restores`), so that anything that detects and restores
can be measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from oldphoto_core.degradation.sheet import Tile, tile_rows, to_uint8
from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.evaluation.baseline import OpenCvChain
from oldphoto_core.evaluation.metrics import DetectionTally, gmsd, psnr, ssim
from oldphoto_core.evaluation.pairs import Keep, Pair, Photo, find_pairs, list_photos, read_mask, read_photo
from oldphoto_core.evaluation.report import (
    CHAIN,
    INPUT,
    OURS,
    OURS_TRUE_MASK,
    AnnotatedReport,
    CleanScores,
    EvaluationReport,
    PictureScores,
)
from oldphoto_core.photo import DefectDetection, Mask, Pixels, RestorationResult


class Restores(Protocol):
    """What is measured: finds damage in ``H×W×3`` ``uint8`` pixels and restores them."""

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Return probability and mask of damage."""

    def restore(self, pixels: Pixels, *, mask: Mask | None = None) -> RestorationResult:
        """Return the restored photo; ``mask`` replaces the detected one."""


@dataclass(frozen=True)
class ComparedPhoto:
    """The pictures of one photograph, for looking at: ``uint8`` pictures and the detected mask."""

    name: str
    before: Photo
    mask: Mask
    ours: Photo
    chain: Photo
    truth: Photo


Watch = Callable[[ComparedPhoto, int, int], None]
"""Called after each photograph with its pictures, how many are done, and how many there are."""


def evaluate_directory(
    directory: Path,
    restorer: Restores | None,
    *,
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
        profile: how clean photographs are aged: ``seed`` or ``archive``.
        limit: at most so many photographs, in order of name.
        size: side of the middle crop that is aged, in pixels (ready pairs are taken whole).
        seed: together with a photograph's name, decides its ageing.
        keep: takes a file's name, says whether it takes part (see ``training.split``).
        watch: see :data:`Watch`.

    Raises:
        UsageError: no photographs, an unknown profile, or pairs that do not fit.
    """
    total, pairs = find_pairs(Path(directory), profile=profile, limit=limit, size=size, seed=seed, keep=keep)
    tally = _Tally()
    for done, pair in enumerate(pairs, start=1):
        compared = _compare(pair, restorer, tally)
        if watch:
            watch(compared, done, total)
    return EvaluationReport(
        directory=str(directory),
        profile="pairs" if (Path(directory) / "aged").is_dir() else profile,
        photos=total,
        size=size,
        seed=seed,
        pictures={name: _mean_scores(rows) for name, rows in tally.pictures.items()},
        detection={name: found.scores() for name, found in tally.detection.items()},
        clean={name: _mean_clean(rows) for name, rows in tally.clean.items()},
        notes=tuple(dict.fromkeys(tally.notes)),
    )


@dataclass
class _Tally:
    """What the loop has measured so far, by method."""

    pictures: dict[str, list[PictureScores]] = field(default_factory=dict)
    detection: dict[str, DetectionTally] = field(default_factory=dict)
    clean: dict[str, list[CleanScores]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _compare(pair: Pair, restorer: Restores | None, tally: _Tally) -> ComparedPhoto:
    """Run every method over one pair and count its scores."""
    _score(tally, INPUT, pair, pair.aged, 0.0)
    chain, detected = _run(tally, CHAIN, OpenCvChain(), pair)
    ours = pair.aged
    if restorer is not None:
        ours, detected = _run(tally, OURS, restorer, pair)
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
        if name == OURS and pair.mask.any():
            start = time.perf_counter()
            guided = _bytes(restorer.restore(pair.aged, mask=pair.mask).image)
            _score(tally, OURS_TRUE_MASK, pair, guided, time.perf_counter() - start)
        elif name == OURS:
            _score(tally, OURS_TRUE_MASK, pair, image, seconds)
    untouched = restorer.restore(pair.clean)
    tally.clean.setdefault(name, []).append(_clean_scores(pair.clean, untouched))
    return image, result.defect_mask


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


def evaluate_detection(
    photos_dir: Path,
    annotated_dir: Path,
    restorer: Restores | None,
    keep: Keep | None = None,
    *,
    limit: int | None = None,
) -> AnnotatedReport:
    """Measure detection on real photographs with hand-made masks, at their own size.

    ``annotated_dir`` holds NAME_mask.png (255 = damage) and, optionally, NAME_ignore.png (255 = not counted);
    ``photos_dir`` the photographs NAME.jpg. ``keep`` takes NAME.

    Raises:
        UsageError: no masks, a photograph that is missing, or sizes that differ.
    """
    if not annotated_dir.is_dir():
        raise UsageError(f"{annotated_dir} is not a folder. Name the one that holds NAME_mask.png files.")
    names = [path.name.removesuffix("_mask.png") for path in sorted(annotated_dir.glob("*_mask.png"))]
    names = [name for name in names if keep is None or keep(name)][:limit]
    if not names:
        raise UsageError(f"{annotated_dir} holds no NAME_mask.png that takes part.")
    photos = {path.stem: path for path in list_photos(photos_dir)}
    methods: dict[str, Restores] = {CHAIN: OpenCvChain(), **({OURS: restorer} if restorer else {})}
    tallies = {name: DetectionTally() for name in methods}
    damaged = 0
    for name in names:
        if name not in photos:
            raise UsageError(
                f"{photos_dir} has no photograph {name}. Name the folder of the annotated photographs."
            )
        photo, truth = read_photo(photos[name]), read_mask(annotated_dir / f"{name}_mask.png")
        ignored = annotated_dir / f"{name}_ignore.png"
        ignore = read_mask(ignored) if ignored.is_file() else None
        if truth.shape != photo.shape[:2]:
            raise UsageError(f"{name}: mask {truth.shape} and photograph {photo.shape[:2]} differ in size.")
        damaged += int(truth.any())
        for method, detector in methods.items():
            found = detector.detect(photo)
            tallies[method].add(found.probability, found.mask, truth, ignore)
    scores = {method: tally.scores() for method, tally in tallies.items()}
    return AnnotatedReport(photos=len(names), damaged=damaged, detection=scores)


def comparison_sheet(photos: Sequence[ComparedPhoto], *, side: int = 256) -> Tile:
    """Show before, detected mask, ours, the OpenCV chain and the truth, one photograph a line."""
    rows = [[p.before, to_uint8(p.mask), p.ours, p.chain, p.truth] for p in photos]
    return tile_rows(rows, side)
