"""What the face detector is to say of a scene whose faces are marked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.models.face_finder import CHANNELS, LARGEST, SMALLEST, STRIDE, UNIT
from oldphoto_core.training.face_marks import FaceMark

_FITTING = (SMALLEST * 0.85, LARGEST * 1.15)
"""Faces of these sides are to be found: somewhat more than each level of the pyramid answers for."""
_UNCLEAR = (11.0, 50.0)
"""Faces of these sides that are not among those to be found are left out of the loss: they look much like them."""
_NEAR, _ABOUT = 0.2, 0.4
"""Cells whose middle is this near to a face's (in its sides) are its; those up to ``_ABOUT`` count neither way."""


def target(marks: list[FaceMark], size: int) -> NDArray[np.float32]:
    """Return what the detector is to say of ``size×size`` pixels: ``size/8 × size/8 × 15``.

    Channel 0 is the weight of the logit (0: left out), channel 1 whether the cell is a face's, the others what the
    network says (channels 1 … 13) there. A cell that two faces could have is the nearer one's.
    """
    cells = size // STRIDE
    answer = np.zeros((cells, cells, CHANNELS + 1), np.float32)
    answer[..., 0] = 1
    middles = (np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), axis=-1) + 0.5) * STRIDE
    nearest = np.full((cells, cells), np.inf)
    for mark in marks:
        distance = np.linalg.norm(middles - mark.points[0], axis=-1)
        if not (mark.sure and _FITTING[0] <= mark.side <= _FITTING[1]):
            if _UNCLEAR[0] <= mark.side <= _UNCLEAR[1] or not mark.sure:
                answer[distance <= max(_ABOUT * mark.side, STRIDE), 0] = 0
            continue
        answer[(distance <= _ABOUT * mark.side) & (answer[..., 1] == 0), 0] = 0
        if distance.min() > STRIDE:
            # Its middle lies outside.
            continue
        own = (distance <= max(_NEAR * mark.side, distance.min() + 1e-9)) & (distance < nearest)
        nearest[own] = distance[own]
        answer[own, :2] = 1
        answer[own, 2:] = _said(mark, middles[own])
    return answer


def _said(mark: FaceMark, middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what cells with these middles, ``N×2``, say of a face, ``N×13``."""
    points = (mark.points - middles[:, None]) / UNIT
    side = np.full((len(middles), 1), np.log(mark.side / UNIT))
    return np.hstack([points[:, 0], side, points[:, 1:].reshape(-1, 10)])
