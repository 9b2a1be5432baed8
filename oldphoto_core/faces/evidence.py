"""How sure one may be that a proposed box is a face.

A single Haar cascade takes wallpaper, foliage and folds of cloth for faces: about half of the default
cascade's boxes are false. So every proposal is enlarged or reduced to one size, and all frontal cascades, the
profile cascade and the eye finder look at it again. What they say is weighed by a logistic model, which gives
a score in [0, 1] with the same meaning for a face of 24 and of 2,400 pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from oldphoto_core.faces.cascades import Cascade, Hit
from oldphoto_core.faces.grey import Box, CloseUp, GreyView
from oldphoto_core.faces.landmarks import EyeFinder

_MARGIN = 0.35
_FACE_SIDE = 60
_SIDE = round(_FACE_SIDE * (1 + 2 * _MARGIN))
# A window counts when its centre lies within this share of the face side from the proposal's centre.
_NEAR = 0.25


@dataclass(frozen=True)
class _Witness:
    """One cascade's part in the score: ``weight × max(0, last stage's sum − base) / span``."""

    cascade: str
    base: float
    span: float
    weight: float


# Fitted (logistic regression, L2) to the boxes that the cascades propose on 150 modern and 200 old photos,
# labelled by eye: 183 faces, 211 not. Five-fold cross-validated by photograph, a score of 0.5 keeps 157 of
# the 183 faces and 5 of the 211 others. On 150 further old photographs 75 of 78 reported boxes were faces, on
# 150 further modern ones 33 of 43 (a puppet and helmets among the others).
_WITNESSES = (
    _Witness("frontalface_default", 0.0, 8.0, 0.79),
    _Witness("frontalface_alt2", 53.0, 4.0, 1.71),
    _Witness("frontalface_alt", 105.0, 4.0, 1.89),
    _Witness("frontalface_alt_tree", 0.0, 4.0, 0.70),
)
_PROFILE_WEIGHT = 2.68
_EYES_WEIGHT = 1.26
_BIAS = -3.42


@dataclass(frozen=True)
class Testimony:
    """What the witnesses said of one box: the cascades' summed weights, and whether eyes are seen."""

    cascades: float
    eyes: bool

    @property
    def score(self) -> float:
        """The probability that the box is a face, in [0, 1]: ``σ(bias + cascades + eyes)``."""
        return 1.0 / (1.0 + math.exp(-(_BIAS + self.cascades + _EYES_WEIGHT * self.eyes)))


class FaceEvidence:
    """Looks at proposed faces again. Not for use by two threads at once."""

    def __init__(self, eyes: EyeFinder) -> None:
        self._eyes = eyes
        self._frontal = tuple((witness, Cascade(witness.cascade)) for witness in _WITNESSES)
        self._profile = Cascade("profileface")

    def score(self, view: GreyView, box: Box, *, minimum: float = 0.0) -> float:
        """Return the score of ``box`` in [0, 1]; eyes are sought only where they matter to ``minimum``."""
        close = view.close_up(box, margin=_MARGIN, side=_SIDE)
        cascades = sum(weight for weight in self.witnesses(close).values())
        without = Testimony(cascades, eyes=False)
        if Testimony(cascades, eyes=True).score < minimum:
            return without.score
        return Testimony(cascades, eyes=self._eyes.pair(view, box) is not None).score

    def witnesses(self, close: CloseUp) -> dict[str, float]:
        """Return each cascade's weight for the face in the middle of ``close`` (side ``_SIDE``)."""
        said = {
            witness.cascade: witness.weight
            * max(0.0, _strongest(cascade, close) - witness.base)
            / witness.span
            for witness, cascade in self._frontal
        }
        said["profileface"] = _PROFILE_WEIGHT * self._is_profile(close)
        return said

    def _is_profile(self, close: CloseUp) -> bool:
        """Whether the profile cascade accepts it; it knows one side, the mirror image gives the other."""
        mirrored = CloseUp(cv2.flip(close.image, 1).astype(np.uint8), close.x0, close.y0, close.scale)
        return any(_strongest(self._profile, side) > 0.0 for side in (close, mirrored))


def _strongest(cascade: Cascade, close: CloseUp) -> float:
    """Return the largest last-stage sum among the windows on the middle of the close-up; 0 without one."""
    hits = cascade.search(
        close.image,
        step=1.05,
        neighbours=1,
        smallest=round(_FACE_SIDE * 0.7),
        largest=round(_FACE_SIDE * 1.4),
    )
    return max((hit.weight for hit in hits if _central(hit)), default=0.0)


def _central(hit: Hit) -> bool:
    off_x = hit.x + hit.width / 2 - _SIDE / 2
    off_y = hit.y + hit.height / 2 - _SIDE / 2
    return math.hypot(off_x, off_y) < _NEAR * _FACE_SIDE
