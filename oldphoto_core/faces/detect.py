"""Faces in a photo of any size: looked for in a grey copy, answered in the photo's own pixels.

Who looks is our own network (``network``), or YuNet from a model that a user has put among the weights (``yunet``,
decision 0033). Both give a box, a score and five landmarks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch

from oldphoto_core.faces.grey import Box, GreyImage, GreyView
from oldphoto_core.faces.landmarks import Landmarks
from oldphoto_core.faces.network import FaceNetwork
from oldphoto_core.faces.settings import YUNET_SETTINGS, DetectorSettings
from oldphoto_core.faces.yunet import YuNet
from oldphoto_core.models.face_finder import FaceFinder
from oldphoto_core.photo import Face, Pixels

_HARDLY_ONE = 0.05
"""A box in which nobody is seen even with this score shows no face."""
_SAME = 0.3
"""Boxes that share more of their union than this are about one face."""
_WITHIN = 0.6
"""So are boxes of which one lies in the other by more than this share."""


class Looker(Protocol):
    """Who looks for faces in a picture."""

    def look(self, image: GreyImage, minimum: float) -> list[Face]:
        """Return the faces of ``image`` (``H×W`` uint8) with at least this score, in its pixels."""


class FaceDetector:
    """Finds faces. Not for use by two threads at once, and made where it runs (it cannot be pickled).

    Example:
        >>> detector = load_restorer().enhancer.detector
        >>> faces = detector.detect(pixels)          # H×W or H×W×3, uint8 or uint16
    """

    def __init__(self, looker: Looker, settings: DetectorSettings | None = None) -> None:
        self.looker = looker
        self.settings = settings or DetectorSettings()

    @classmethod
    def from_network(
        cls,
        network: FaceFinder,
        settings: DetectorSettings | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> FaceDetector:
        """Return a detector that runs a trained ``network`` on ``device``; the network is changed for it."""
        return cls(FaceNetwork(network, device), settings)

    @classmethod
    def from_yunet(cls, path: Path | str, settings: DetectorSettings | None = None) -> FaceDetector:
        """Return a detector that runs the YuNet model (ONNX) at ``path``.

        Raises:
            WeightsError: the file is missing or is not a model that OpenCV can run.
        """
        return cls(YuNet(Path(path)), settings or YUNET_SETTINGS)

    def detect(self, pixels: Pixels) -> tuple[Face, ...]:
        """Return the faces in ``pixels``, the surest first.

        ``pixels`` is ``H×W`` or ``H×W×3``, uint8 or uint16; boxes and landmarks are in its pixels. The same
        photo always gives the same faces in the same order.
        """
        return self._found(pixels, self.settings.minimum_score)

    def landmarks_within(self, pixels: Pixels, box: Box) -> Landmarks:
        """Return the five landmarks of the face that fills ``box``, or () where none is seen."""
        best = max(self.detect(pixels), key=lambda face: overlap(face.box, box)[0], default=None)
        return best.landmarks if best and overlap(best.box, box)[0] > _SAME else ()

    def scores(self, pixels: Pixels, boxes: list[Box]) -> list[float]:
        """Return how likely it is, in [0, 1], that each of ``boxes`` (in the photo's pixels) shows a face."""
        faces = self._found(pixels, _HARDLY_ONE) if boxes else ()
        return [max((f.score for f in faces if overlap(f.box, box)[0] > _SAME), default=0.0) for box in boxes]

    def _found(self, pixels: Pixels, minimum: float) -> tuple[Face, ...]:
        if min(pixels.shape[:2]) < self.settings.smallest_side:
            return ()
        view = GreyView(pixels, self.settings.working_side)
        least = max(self.settings.smallest_side, self.settings.smallest_share * min(view.image.shape))
        seen = [face for face in self.looker.look(view.image, minimum) if face.box[2] >= least]
        found = [_in_photo(face, view.scale) for face in seen]
        return _without_repeats(sorted(found, key=lambda face: (-face.score, face.box)))


def _in_photo(face: Face, scale: float) -> Face:
    """Return a face of the working picture in the photo's pixels: boxes are edges, landmarks pixel centres."""
    x, y, width, height = (value / scale for value in face.box)
    points = tuple(((px + 0.5) / scale - 0.5, (py + 0.5) / scale - 0.5) for px, py in face.landmarks)
    return replace(face, box=(x, y, width, height), landmarks=points)


def _without_repeats(faces: list[Face]) -> tuple[Face, ...]:
    """Keep the best of boxes that show the same face; ``faces`` come best first."""
    kept: list[Face] = []
    for face in faces:
        union_share = [overlap(face.box, other.box) for other in kept]
        if all(iou <= _SAME and inside <= _WITHIN for iou, inside in union_share):
            kept.append(face)
    return tuple(kept)


def overlap(a: Box, b: Box) -> tuple[float, float]:
    """Return how far two boxes agree: the shared area over the union, and over the smaller box."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = a[2] * a[3] + b[2] * b[3] - shared
    return shared / union, shared / min(a[2] * a[3], b[2] * b[3])
