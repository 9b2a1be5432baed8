"""Faces in a photo of any size.

Two ways, one answer: the Haar cascades that come with OpenCV (no model file; frontal faces up to about 20° of
roll), or YuNet from a model file that lies with the weights (five real landmarks, wider range of poses; decision
0033). Cascades propose boxes on a reduced copy of the photo, ``evidence`` scores every box at one size,
overlapping boxes are reduced to the best, ``landmarks`` looks for the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from oldphoto_core.errors import WeightsError
from oldphoto_core.faces.cascades import Cascade
from oldphoto_core.faces.evidence import FaceEvidence
from oldphoto_core.faces.grey import Box, GreyView
from oldphoto_core.faces.landmarks import EyeFinder, Landmarks
from oldphoto_core.photo import Face, Pixels

CASCADES = "cascades"
YUNET = "yunet"
_GLIMPSED_SIDE = 512
_GLIMPSED_SHARE = 0.05
"""A quick look searches a copy of this longer side, for faces of at least this share of it."""


@dataclass(frozen=True)
class DetectorSettings:
    """What counts as a face.

    ``minimum_score`` in [0, 1]; ``working_side`` bounds the longer side that is searched (the photo is
    reduced to it, never enlarged); a face narrower than ``smallest_share`` of the working
    picture's shorter side, or than ``smallest_side`` working pixels, is not looked for.
    """

    minimum_score: float = 0.5
    working_side: int = 1024
    smallest_share: float = 0.025
    smallest_side: int = 24


YUNET_SETTINGS = DetectorSettings(minimum_score=0.7, smallest_share=0.019, smallest_side=18)
"""For YuNet: its boxes are four fifths as wide as the cascades' (median of 46 faces that both found)."""


class _Method(Protocol):
    """One way to find faces in a photo and landmarks in an aligned crop."""

    def find(self, pixels: Pixels, settings: DetectorSettings) -> list[Face]: ...

    def landmarks_within(self, pixels: Pixels, box: Box) -> Landmarks: ...

    def glimpse(self, pixels: Pixels, settings: DetectorSettings) -> list[Face]: ...

    def scores(self, pixels: Pixels, boxes: list[Box], settings: DetectorSettings) -> list[float]: ...


class FaceDetector:
    """Finds faces. Not for use by two threads at once, and made where it runs (it cannot be pickled).

    Example:
        >>> detector = FaceDetector()
        >>> faces = detector.detect(pixels)          # H×W or H×W×3, uint8 or uint16
    """

    def __init__(self, settings: DetectorSettings | None = None, *, method: _Method | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self._method = method or _CascadeMethod()

    @classmethod
    def from_yunet(cls, path: Path | str, settings: DetectorSettings | None = None) -> FaceDetector:
        """Return a detector that runs the YuNet model (ONNX) at ``path``.

        Raises:
            WeightsError: the file is missing or is not a model that OpenCV can run.
        """
        return cls(settings or YUNET_SETTINGS, method=_YuNetMethod(Path(path)))

    @property
    def measures_landmarks(self) -> bool:
        """Whether landmarks are measured finely enough to tell a moved face from the detector's own scatter.

        The eye cascades jump by a third of an eye distance when a picture is only sharpened: not they.
        """
        return isinstance(self._method, _YuNetMethod)

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        """Return the faces in ``pixels``, the surest first.

        ``pixels`` is ``H×W`` or ``H×W×3``, uint8 or uint16; boxes and landmarks are in its pixels. The same
        photo always gives the same faces in the same order.
        """
        if min(pixels.shape[:2]) < self.settings.smallest_side:
            return ()
        found = [
            face
            for face in self._method.find(pixels, self.settings)
            if face.score >= self.settings.minimum_score
        ]
        return _without_repeats(sorted(found, key=lambda face: (-face.score, face.box)))

    def landmarks_within(self, pixels: Pixels, box: Box) -> Landmarks:
        """Return the five landmarks of the face that fills ``box``, or () when they cannot be trusted."""
        return self._method.landmarks_within(pixels, box)

    def glimpse(self, pixels: Pixels) -> tuple[Face, ...]:
        """Return where a quick look sees faces, the likeliest first: for a fifth of the cost, and less sure.

        Their scores order them and say nothing else; :meth:`scores` tells what to think of a box.
        """
        if min(pixels.shape[:2]) < self.settings.smallest_side:
            return ()
        found = self._method.glimpse(pixels, self.settings)
        return _without_repeats(sorted(found, key=lambda face: (-face.score, face.box)))

    def scores(self, pixels: Pixels, boxes: list[Box]) -> list[float]:
        """Return how likely it is, in [0, 1], that each of ``boxes`` (in the photo's pixels) shows a face."""
        return self._method.scores(pixels, boxes, self.settings) if boxes else []


class _CascadeMethod:
    def __init__(self) -> None:
        self._eyes = EyeFinder()
        self._evidence = FaceEvidence(self._eyes)
        # Their mistakes differ: alt2 misses small and tilted faces that default has, default's false boxes
        # are thrown out by the evidence.
        self._proposers = (Cascade("frontalface_alt2"), Cascade("frontalface_default"))

    def find(self, pixels: Pixels, settings: DetectorSettings) -> list[Face]:
        view = GreyView(pixels, settings.working_side)
        faces = []
        for box in self._proposals(view, settings):
            score = self._evidence.score(view, box, minimum=settings.minimum_score)
            if score >= settings.minimum_score:
                faces.append(Face(box=box, score=score))
        kept = _without_repeats(sorted(faces, key=lambda face: (-face.score, face.box)))
        return [replace(face, landmarks=self._eyes.landmarks(view, face.box)) for face in kept]

    def landmarks_within(self, pixels: Pixels, box: Box) -> Landmarks:
        return self._eyes.landmarks(GreyView(pixels, max(pixels.shape[:2])), box)

    def glimpse(self, pixels: Pixels, settings: DetectorSettings) -> list[Face]:
        view = GreyView(pixels, min(_GLIMPSED_SIDE, settings.working_side))
        smallest = max(settings.smallest_side, round(_GLIMPSED_SHARE * max(view.image.shape)))
        hits = self._proposers[0].search(view.image, step=1.2, neighbours=3, smallest=smallest)
        by = view.scale
        return [Face(box=(h.x / by, h.y / by, h.width / by, h.height / by), score=h.weight) for h in hits]

    def scores(self, pixels: Pixels, boxes: list[Box], settings: DetectorSettings) -> list[float]:
        view = GreyView(pixels, settings.working_side)
        return [self._evidence.score(view, box) for box in boxes]

    def _proposals(self, view: GreyView, settings: DetectorSettings) -> list[Box]:
        smallest = max(settings.smallest_side, round(settings.smallest_share * min(view.image.shape)))
        working = {
            (hit.x, hit.y, hit.width, hit.height)
            for cascade in self._proposers
            for hit in cascade.search(view.image, step=1.1, neighbours=2, smallest=smallest)
        }
        return [
            (x / view.scale, y / view.scale, width / view.scale, height / view.scale)
            for x, y, width, height in sorted(working)
        ]


class _YuNetMethod:
    """YuNet (Wu et al. 2023) through OpenCV's own runner; the model's file comes from the user."""

    _NMS = 0.3
    _MOST = 5000

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise WeightsError(f"{path}: no such face model. Name a YuNet ONNX file, or use the cascades.")
        with _QuietOpenCV():
            try:
                self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), 0.3, self._NMS, self._MOST)
            except cv2.error as error:
                raise WeightsError(
                    f"{path}: OpenCV cannot read this as a YuNet model. Name face_detection_yunet_*.onnx."
                ) from error

    def find(self, pixels: Pixels, settings: DetectorSettings) -> list[Face]:
        view = GreyView(pixels, settings.working_side)
        height, width = view.image.shape
        self._net.setInputSize((width, height))
        self._net.setScoreThreshold(settings.minimum_score)
        with _QuietOpenCV():
            _, rows = self._net.detect(cv2.cvtColor(view.image, cv2.COLOR_GRAY2BGR))
        if rows is None:
            return []
        least = max(settings.smallest_side, settings.smallest_share * min(height, width))
        return [_from_yunet_row(np.asarray(row), view.scale) for row in rows if row[2] >= least]

    def landmarks_within(self, pixels: Pixels, box: Box) -> Landmarks:
        faces = self.find(pixels, DetectorSettings(minimum_score=0.5))
        best = max(faces, key=lambda face: overlap(face.box, box)[0], default=None)
        return best.landmarks if best and overlap(best.box, box)[0] > 0.3 else ()

    def glimpse(self, pixels: Pixels, settings: DetectorSettings) -> list[Face]:
        return self.find(pixels, settings)

    def scores(self, pixels: Pixels, boxes: list[Box], settings: DetectorSettings) -> list[float]:
        faces = self.find(pixels, replace(settings, minimum_score=0.05))
        return [max((f.score for f in faces if overlap(f.box, box)[0] > 0.3), default=0.0) for box in boxes]


class _QuietOpenCV:
    """Keeps OpenCV's own log (standard error) silent for a while: what went wrong is raised, not printed."""

    def __enter__(self) -> None:
        self._level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(0)

    def __exit__(self, *_: object) -> None:
        cv2.utils.logging.setLogLevel(self._level)


def _from_yunet_row(row: np.ndarray[tuple[int, ...], np.dtype[np.float32]], scale: float) -> Face:
    """Return the face of one output row: box, five points (the subject's right eye first), score."""
    x, y, width, height = (float(value) / scale for value in row[:4])
    points = tuple(
        ((float(row[4 + 2 * n]) + 0.5) / scale - 0.5, (float(row[5 + 2 * n]) + 0.5) / scale - 0.5)
        for n in range(5)
    )
    return Face(box=(x, y, width, height), score=min(1.0, float(row[14])), landmarks=points)


def _without_repeats(faces: list[Face]) -> tuple[Face, ...]:
    """Keep the best of boxes that show the same face; ``faces`` come best first."""
    kept: list[Face] = []
    for face in faces:
        union_share = [overlap(face.box, other.box) for other in kept]
        if all(iou <= 0.3 and inside <= 0.6 for iou, inside in union_share):
            kept.append(face)
    return tuple(kept)


def overlap(a: Box, b: Box) -> tuple[float, float]:
    """Return how far two boxes agree: the shared area over the union, and over the smaller box."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union, shared / min(a[2] * a[3], b[2] * b[3])
