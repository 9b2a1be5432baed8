"""What an evaluation found, as frozen records, JSON and a plain table."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from oldphoto_core.evaluation.metrics import DetectionScores

INPUT, CHAIN, OURS = "input", "opencv chain", "ours"
TELEA_TRUE_MASK, OURS_TRUE_MASK = "telea, true mask", "ours, true mask"
METHODS = (INPUT, CHAIN, TELEA_TRUE_MASK, OURS, OURS_TRUE_MASK)
AGED_FACE, RESTORED_FACE, ENHANCED_FACE = "aged", "restored", "enhanced"


@dataclass(frozen=True)
class PictureScores:
    """One method's mean over ``photos`` photographs; ``inside`` is over the true damage only.

    PSNR in dB, SSIM in [−1, 1], GMSD ≥ 0 (less is better), HaarPSI in (0, 1], ``seconds`` a photograph.
    """

    photos: int
    psnr: float
    ssim: float
    gmsd: float
    haarpsi: float
    psnr_inside: float
    ssim_inside: float
    seconds: float


@dataclass(frozen=True)
class CleanScores:
    """What a method does to photographs that are sound: it should do nothing.

    ``psnr`` (dB, at most 60) and ``ssim`` compare output with input; ``untouched`` is the share of
    photographs given back bit for bit; ``false_alarm_share`` the mean masked share.
    """

    photos: int
    psnr: float
    ssim: float
    untouched: float
    false_alarm_share: float


@dataclass(frozen=True)
class GreyScores:
    """How much colour restoring puts into grey photographs.

    ``chroma`` is the largest difference between the channels of a pixel, in 255ths: the mean over the photographs
    and the worst of them.
    """

    photos: int
    chroma: float
    worst_chroma: float


@dataclass(frozen=True)
class FaceScores:
    """How close faces are to the truth, over the part of the photo that their aligned crop covers.

    ``same_person`` is the share that passes the identity check against the true face.
    """

    psnr: float
    gmsd: float
    haarpsi: float
    same_person: float


@dataclass(frozen=True)
class FaceReport:
    """The face stage on aged portraits.

    ``scores`` go by stage (aged, restored, enhanced) over the ``found`` faces, a face that was not enhanced
    counting as restored. ``identity_kept`` is the share of faces whose identity check came out no worse than
    before the stage, ``better`` the share whose PSNR rose among those enhanced.
    """

    photos: int
    found: int
    enhanced: int
    refused: int
    identity_kept: float
    better: float
    scores: dict[str, FaceScores]


@dataclass(frozen=True)
class AnnotatedReport:
    """Detection on real photographs with damage marked by hand, by method."""

    photos: int
    damaged: int
    detection: dict[str, DetectionScores]


@dataclass(frozen=True)
class EvaluationReport:
    """Everything that one evaluation measured; dictionaries go by method.

    ``computed_in`` is what the networks computed in (``bfloat16`` or ``float32``): figures differ a little by it.
    """

    directory: str
    profile: str
    photos: int
    size: int
    seed: int
    pictures: dict[str, PictureScores]
    detection: dict[str, DetectionScores]
    clean: dict[str, CleanScores]
    grey: dict[str, GreyScores] = field(default_factory=dict)
    annotated: AnnotatedReport | None = None
    faces: FaceReport | None = None
    notes: tuple[str, ...] = field(default_factory=tuple)
    computed_in: str | None = None

    def to_json(self) -> str:
        """Return JSON; what could not be measured (NaN) is null."""
        return json.dumps(_without_nan(asdict(self)), indent=2, sort_keys=False)

    def to_text(self) -> str:
        """Return plain tables for a terminal or a log."""
        numbers = f", computed in {self.computed_in}" if self.computed_in else ""
        parts = [
            f"{self.photos} photographs of {self.directory}, aged by profile {self.profile}{numbers}",
            _table(_PICTURE_HEAD, [(name, *_picture_cells(s)) for name, s in self.pictures.items()]),
        ]
        if self.detection:
            parts += ["Damage found on the aged photographs", detection_table(self.detection)]
        if self.clean:
            parts += ["Sound photographs: what was done to them", _clean_table(self.clean)]
        if self.grey:
            parts += ["Grey photographs: how much colour they got", _grey_table(self.grey)]
        if self.annotated:
            count = f"{self.annotated.photos} photographs, {self.annotated.damaged} of them damaged"
            parts += [f"Real damage marked by hand: {count}", detection_table(self.annotated.detection)]
        if self.faces:
            parts += face_tables(self.faces)
        parts += [f"Note: {note}" for note in self.notes]
        return "\n\n".join(parts)


_PICTURE_HEAD = ("method", "PSNR", "SSIM", "GMSD", "HaarPSI", "PSNR in damage", "SSIM in damage", "s/photo")


def _picture_cells(scores: PictureScores) -> tuple[str, ...]:
    return (
        _cell(scores.psnr, 2),
        _cell(scores.ssim, 4),
        _cell(scores.gmsd, 4),
        _cell(scores.haarpsi, 4),
        _cell(scores.psnr_inside, 2),
        _cell(scores.ssim_inside, 4),
        _cell(scores.seconds, 2),
    )


def detection_table(detection: dict[str, DetectionScores]) -> str:
    """Return the detection scores as a plain table, one line a method."""
    rows = [
        (
            name,
            *(_cell(v, 4) for v in (s.roc_auc, s.average_precision, s.precision, s.recall, s.f1)),
            _percent(s.false_alarm_share),
        )
        for name, s in detection.items()
    ]
    return _table(("method", "ROC-AUC", "AP", "precision", "recall", "F1", "false alarms"), rows)


def _clean_table(clean: dict[str, CleanScores]) -> str:
    rows = [
        (name, _cell(s.psnr, 2), _cell(s.ssim, 4), _percent(s.untouched), _percent(s.false_alarm_share))
        for name, s in clean.items()
    ]
    return _table(("method", "PSNR out/in", "SSIM", "untouched", "false alarms"), rows)


def _grey_table(grey: dict[str, GreyScores]) -> str:
    rows = [(name, str(s.photos), _cell(s.chroma, 2), _cell(s.worst_chroma, 2)) for name, s in grey.items()]
    return _table(("method", "photos", "chroma/255", "worst"), rows)


def face_tables(faces: FaceReport) -> list[str]:
    """Return the face section: what was found and done, and how close each stage is to the truth."""
    counts = (
        f"Faces: {faces.photos} aged portraits, {faces.found} found, {faces.enhanced} enhanced, "
        f"{faces.refused} refused by the checks; identity kept {_percent(faces.identity_kept)}, "
        f"better after enhancing {_percent(faces.better)}"
    )
    rows = [
        (name, _cell(s.psnr, 2), _cell(s.gmsd, 4), _cell(s.haarpsi, 4), _percent(s.same_person))
        for name, s in faces.scores.items()
    ]
    return [counts, _table(("stage", "PSNR", "GMSD", "HaarPSI", "identity check passed"), rows)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    lines = []
    for line in (head, ["-" * width for width in widths], *rows):
        first, *rest = line
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))]
        lines.append("  ".join(cells))
    return "\n".join(lines)


def _cell(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100.0 * value:.3f} %"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
