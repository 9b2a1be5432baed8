"""The layer that structured damage is drawn into, and the two ways of drawing: a stroke and a patch."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.library import Alpha, DefectLibrary

Layer = NDArray[np.uint8]
Points = NDArray[np.float64]

SUBPIXEL = 4
"""Fractional bits of the coordinates that OpenCV draws with."""


@dataclass
class Canvas:
    """A layer being drawn: ``layer`` is ``H×W`` ``uint8``; ``unit`` the width of a fine line in pixels."""

    layer: Layer
    rng: np.random.Generator
    library: DefectLibrary

    @property
    def short(self) -> int:
        """The picture's short side in pixels."""
        return int(min(self.layer.shape))

    @property
    def unit(self) -> float:
        """Pixels of a fine line."""
        return max(1.0, self.short / 512.0)

    def anywhere(self) -> tuple[float, float]:
        """Return a random (x, y) inside the picture."""
        height, width = self.layer.shape
        return float(self.rng.uniform(0, width)), float(self.rng.uniform(0, height))


def stroke(canvas: Canvas, points: Points, width: float, strength: int = 255) -> float:
    """Draw an antialiased polyline; return its approximate area in pixels."""
    fixed = np.rint(points * (1 << SUBPIXEL)).astype(np.int32).reshape(-1, 1, 2)
    thickness = max(1, round(width))
    thin = int(strength * min(1.0, max(width, 0.35)))
    cv2.polylines(canvas.layer, [fixed], False, thin, thickness, cv2.LINE_AA, SUBPIXEL)
    length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    return length * (thickness + 1.0)


def paste(canvas: Canvas, patch: Alpha, x: float, y: float) -> float:
    """Lay ``patch`` centred on (x, y) by maximum; return the area that it covers inside the picture."""
    height, width = canvas.layer.shape
    top, left = int(y - patch.shape[0] / 2), int(x - patch.shape[1] / 2)
    rows = slice(max(top, 0), min(top + patch.shape[0], height))
    columns = slice(max(left, 0), min(left + patch.shape[1], width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return 0.0
    visible = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    target = canvas.layer[rows, columns]
    np.maximum(target, visible, out=target)
    return float(np.count_nonzero(visible > 25))


def turned(patch: Alpha, extent: float, rng: np.random.Generator) -> Alpha:
    """Scale ``patch`` to a longer side of ``extent`` pixels, turn it freely and keep its peak alpha."""
    scale = max(extent, 3.0) / max(patch.shape)
    size = (max(1, round(patch.shape[1] * scale)), max(1, round(patch.shape[0] * scale)))
    small = cv2.resize(patch, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        small = cv2.flip(small, 1)
    angle = float(rng.uniform(0, 360))
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1.0)
    cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
    wide, high = int(size[1] * sine + size[0] * cosine) + 2, int(size[1] * cosine + size[0] * sine) + 2
    turn[:, 2] += (wide / 2 - size[0] / 2, high / 2 - size[1] / 2)
    rotated = np.asarray(cv2.warpAffine(small, turn, (wide, high)), dtype=np.uint8)
    peak = int(rotated.max())
    # A hair that is shrunk to a third of a pixel would vanish; real ones that thin are still seen.
    if not 0 < peak < 255:
        return rotated
    return np.asarray(cv2.convertScaleAbs(rotated, alpha=min(255.0 / peak, 2.5)), dtype=np.uint8)


def bounded(patch: Alpha, extent: float, area: float) -> float:
    """Shorten ``extent`` so that ``patch`` covers hardly more than ``area`` pixels."""
    share = float(np.count_nonzero(patch > 25)) / max(patch.shape) ** 2
    return min(extent, float(np.sqrt(1.3 * max(area, 4.0) / max(share, 1e-4))))
