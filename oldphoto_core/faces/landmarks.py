"""Five landmarks of a face without a landmark network: two eyes that are found, three points that follow.

Several eye cascades look at an enlarged face; an eye counts where they agree, and a pair counts where it is
placed as eyes are (symmetric, level, the right distance). Nose and mouth corners are the aligned template's,
carried by the eyes' position, size and roll. When no pair passes, the answer is no landmarks at all: such
a face is recorded and never enhanced.

Landmarks are ordered as in the template: the eye at the picture's left, the eye at its right, nose, the mouth
corner at the left, at the right; (x, y) in the photo's pixel-centre coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from oldphoto_core.faces.align import FACE_TEMPLATE, apply_similarity, umeyama
from oldphoto_core.faces.cascades import Cascade
from oldphoto_core.faces.grey import Box, CloseUp, GreyView

Point = tuple[float, float]
Landmarks = tuple[Point, ...]

# Each cascade centres its window a little differently on the same eye (two include the brow): mean offset from
# the pupil, in fractions of the face box, measured on 137 portraits (spread 0.01).
_EYE_CASCADES: dict[str, Point] = {
    "eye": (-0.010, -0.001),
    "eye_tree_eyeglasses": (-0.003, 0.001),
    "lefteye_2splits": (0.011, -0.035),
    "righteye_2splits": (0.002, -0.035),
}
_MARGIN = 0.1
_SIDE = 192
_FACE_SIDE = _SIDE / (1 + 2 * _MARGIN)
# Below this many photo pixels an enlarged eye is mostly interpolation: hits there are chance.
_SMALLEST_FACE = 40.0


# Where eyes may lie, in fractions of the face box's side; roll in degrees.
_HIGHEST, _LOWEST = 0.20, 0.55
_NEAREST, _FARTHEST = 0.27, 0.55
_OFF_CENTRE = 0.13
_ROLL = 20.0
_SAME_EYE = 0.09
_VOTES = 3
"""How many cascade hits the two eyes need together; each eye needs at least one."""


@dataclass(frozen=True)
class EyePair:
    """Two eyes in fractions of the face box's side, and how many cascades saw them (2…8)."""

    left: Point
    right: Point
    votes: int


@dataclass(frozen=True)
class _Eye:
    x: float
    y: float
    votes: int


class EyeFinder:
    """Finds the eyes, and from them the five landmarks, of a face whose box is known."""

    def __init__(self) -> None:
        self._cascades = tuple(Cascade(name) for name in _EYE_CASCADES)

    def pair(self, view: GreyView, box: Box) -> EyePair | None:
        """Return the most agreed-on plausible pair of eyes inside ``box``; None when too few see one."""
        return self._pair_in(self._look(view, box))

    def landmarks(self, view: GreyView, box: Box) -> Landmarks:
        """Return the five landmarks, or () when no trustworthy pair of eyes is seen."""
        if box[2] < _SMALLEST_FACE:
            return ()
        close = self._look(view, box)
        pair = self._pair_in(close)
        if pair is None:
            return ()
        eyes = [_in_photo(close, eye) for eye in (pair.left, pair.right)]
        return landmarks_from_eyes(eyes[0], eyes[1])

    def _look(self, view: GreyView, box: Box) -> CloseUp:
        return view.close_up(box, margin=_MARGIN, side=_SIDE)

    def _pair_in(self, close: CloseUp) -> EyePair | None:
        eyes = self._eyes(close)
        best: EyePair | None = None
        best_merit = -math.inf
        for left in eyes:
            for right in eyes:
                strain = _strain(left, right)
                if strain is None:
                    continue
                merit = left.votes + right.votes - 2.0 * strain
                if merit > best_merit:
                    best_merit = merit
                    best = EyePair((left.x, left.y), (right.x, right.y), left.votes + right.votes)
        return best if best is not None and best.votes >= _VOTES else None

    def _eyes(self, close: CloseUp) -> list[_Eye]:
        """Return every hit, moved to the mean of the hits around it; one cascade has one vote an eye."""
        seen: list[tuple[int, float, float]] = []
        searched = close.image[: int(_SIDE * 0.7)]
        for number, cascade in enumerate(self._cascades):
            for hit in cascade.search(searched, step=1.1, neighbours=2, smallest=20, largest=64):
                offset = _EYE_CASCADES[cascade.name]
                x = (hit.x + hit.width / 2) / _FACE_SIDE - _MARGIN - offset[0]
                y = (hit.y + hit.height / 2) / _FACE_SIDE - _MARGIN - offset[1]
                seen.append((number, x, y))
        eyes = []
        for _, x, y in seen:
            near = [s for s in seen if math.hypot(s[1] - x, s[2] - y) < _SAME_EYE]
            votes = len({s[0] for s in near})
            eyes.append(
                _Eye(float(np.mean([s[1] for s in near])), float(np.mean([s[2] for s in near])), votes)
            )
        return eyes


def landmarks_from_eyes(left: Point, right: Point) -> Landmarks:
    """Return five landmarks with the given eyes and the template's proportions (eq: template carried by
    the similarity that maps its eyes onto these two).
    """
    eyes = np.array([left, right], dtype=np.float64)
    carried = apply_similarity(umeyama(FACE_TEMPLATE[:2], eyes), FACE_TEMPLATE)
    return tuple((float(x), float(y)) for x, y in carried)


def _strain(left: _Eye, right: _Eye) -> float | None:
    """Return how far the pair is from an ideal one: 0 ideal, about 3 at the limits, None beyond them."""
    dx, dy = right.x - left.x, right.y - left.y
    distance = math.hypot(dx, dy)
    level = abs(math.degrees(math.atan2(dy, dx)))
    centre_x, centre_y = (left.x + right.x) / 2, (left.y + right.y) / 2
    plausible = (
        _NEAREST <= distance <= _FARTHEST
        and level <= _ROLL
        and abs(centre_x - 0.5) <= _OFF_CENTRE
        and _HIGHEST <= centre_y <= _LOWEST
    )
    if not plausible:
        return None
    return level / _ROLL + abs(centre_x - 0.5) / _OFF_CENTRE + abs(distance - 0.4) / 0.15


def _in_photo(close: CloseUp, eye: Point) -> Point:
    x, y = ((value + _MARGIN) * _FACE_SIDE for value in eye)
    return close.to_photo(x, y)
