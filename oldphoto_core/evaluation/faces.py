"""The face stage on portraits that are aged by the synthesis: better than the stage before, the same person?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from oldphoto_core.degradation import DefectLibrary, age
from oldphoto_core.errors import UsageError
from oldphoto_core.evaluation.haarpsi import haarpsi
from oldphoto_core.evaluation.metrics import gmsd, psnr
from oldphoto_core.evaluation.pairs import Keep, Photo, check_profile, list_photos, read_photo, recipe_of
from oldphoto_core.evaluation.report import (
    AGED_FACE,
    ENHANCED_FACE,
    RESTORED_FACE,
    FaceReport,
    FaceScores,
)
from oldphoto_core.faces.align import Alignment
from oldphoto_core.faces.checks import examine
from oldphoto_core.photo import DefectDetection, Face, Pixels
from oldphoto_core.pixels import to_bytes

_STAGES = (AGED_FACE, RESTORED_FACE, ENHANCED_FACE)
_CROP = 256


class _Translated(Protocol):
    @property
    def restored(self) -> Pixels: ...


class RestoresFaces(Protocol):
    """A restorer, stage by stage."""

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Return probability and mask of damage."""

    def translate(self, pixels: Pixels, detection: DefectDetection) -> _Translated:
        """Return the tiers before the faces."""

    def enhance(
        self, pixels_original: Pixels, restored: Pixels
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        """Return the picture with refined faces, the faces, and what was measured."""


@dataclass(frozen=True)
class SeenFace:
    """One portrait at every stage, ``H×W×3`` ``uint8``, and the truth."""

    name: str
    stages: dict[str, Photo]
    truth: Photo
    face: Face | None


Watch = Callable[[SeenFace, int, int], None]


def evaluate_faces(
    folder: Path,
    restorer: RestoresFaces,
    *,
    library: DefectLibrary,
    profile: str = "seed",
    limit: int | None = None,
    side: int = 224,
    seed: int = 0,
    keep: Keep | None = None,
    watch: Watch | None = None,
) -> FaceReport:
    """Measure the face stage on the portraits of ``folder``.

    Args:
        folder: clean portraits, one face each.
        restorer: what is measured.
        library: material for the ageing.
        profile: how the portraits are aged: ``seed`` or ``archive``.
        limit: at most so many portraits, in order of name.
        side: a portrait is reduced to this longer side first, so that its face is no larger than the crop.
        seed: together with a portrait's name, decides its ageing.
        keep: takes a file's name, says whether it takes part.
        watch: called with each portrait, how many are done, and how many there are.

    Raises:
        UsageError: no portraits, or an unknown profile.
    """
    check_profile(profile)
    if not folder.is_dir() or not (paths := list_photos(folder, keep, limit)):
        raise UsageError(f"{folder} holds no portraits to measure on. Name a folder of faces.")
    judged: list[_Judged] = []
    measured: list[dict[str, float]] = []
    for done, path in enumerate(paths, start=1):
        pair = age(_reduced(read_photo(path), side), recipe_of(path, profile, seed), library)
        seen, found = _restored(path.name, to_bytes(pair.aged), to_bytes(pair.clean), restorer)
        measured.append(found)
        if seen.face is not None:
            judged.append(_judge(seen, seen.face))
        if watch:
            watch(seen, done, len(paths))
    return _report(len(paths), judged, measured)


@dataclass(frozen=True)
class _Judged:
    """The scores of one face at each stage, and whether the stage was applied to it."""

    scores: dict[str, FaceScores]
    applied: bool


def _restored(
    name: str, aged: Photo, clean: Photo, restorer: RestoresFaces
) -> tuple[SeenFace, dict[str, float]]:
    restored = restorer.translate(aged, restorer.detect(aged)).restored
    enhanced, faces, measured = restorer.enhance(aged, restored)
    placed = [face for face in faces if len(face.landmarks) == 5]
    stages = {
        stage: np.asarray(pixels, dtype=np.uint8)
        for stage, pixels in zip(_STAGES, (aged, restored, enhanced), strict=True)
    }
    return SeenFace(name, stages, clean, placed[0] if placed else None), measured


def _judge(seen: SeenFace, face: Face) -> _Judged:
    """Compare each stage with the truth where the face's aligned crop lies."""
    alignment = Alignment.from_landmarks(np.array(face.landmarks, dtype=np.float64), _CROP)
    region = alignment.region(*seen.truth.shape[:2])
    truth, true_crop = _unit(region.of(seen.truth)), alignment.to_crop(seen.truth)
    scores = {}
    for stage, picture in seen.stages.items():
        part = _unit(region.of(picture))
        verdict = examine(true_crop, alignment.to_crop(picture), true_crop)
        scores[stage] = FaceScores(
            psnr(part, truth), gmsd(part, truth), haarpsi(part, truth), float(verdict.passed)
        )
    return _Judged(scores, face.applied)


def _report(photos: int, judged: list[_Judged], measured: list[dict[str, float]]) -> FaceReport:
    pairs = [(one.scores[RESTORED_FACE], one.scores[ENHANCED_FACE], one.applied) for one in judged]
    return FaceReport(
        photos=photos,
        found=len(judged),
        enhanced=sum(one.applied for one in judged),
        refused=round(sum(values.get("faces_refused", 0.0) for values in measured)),
        identity_kept=_mean([float(after.same_person >= before.same_person) for before, after, _ in pairs]),
        better=_mean([float(after.psnr > before.psnr) for before, after, applied in pairs if applied]),
        scores={stage: _mean_scores([one.scores[stage] for one in judged]) for stage in _STAGES},
    )


def _mean_scores(rows: list[FaceScores]) -> FaceScores:
    return FaceScores(
        psnr=_mean([row.psnr for row in rows]),
        gmsd=_mean([row.gmsd for row in rows]),
        haarpsi=_mean([row.haarpsi for row in rows]),
        same_person=_mean([row.same_person for row in rows]),
    )


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _reduced(photo: Photo, side: int) -> Photo:
    scale = side / max(photo.shape[:2])
    if scale >= 1:
        return photo
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _unit(pixels: Photo) -> np.typing.NDArray[np.float32]:
    return np.ascontiguousarray(pixels).astype(np.float32) / np.float32(255.0)
