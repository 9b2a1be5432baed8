"""Where a face lies in the photo, and the aligned crop taken from there.

A similarity (uniform scale, rotation, shift) maps the photo onto the crop so that the landmarks fall on the
template. This file computes it and resamples; what to do with a crop is decided elsewhere.

Matrices are ``2×3`` float64 acting on pixel-centre coordinates (x, y); images are float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.photo import Pixels
from oldphoto_core.pixels import full_scale

Points = NDArray[np.float64]
"""``N×2`` (x, y)."""
Similarity = NDArray[np.float64]
"""``2×3``: ``[sR | t]``."""
FloatImage = NDArray[np.float32]
"""``H×W`` or ``H×W×3``."""

TEMPLATE_SIDE = 256
FACE_TEMPLATE: Points = np.array(
    [(89.0, 108.5), (167.0, 108.5), (128.0, 154.0), (94.0, 186.0), (162.0, 186.0)], dtype=np.float64
)
"""Eyes, nose and mouth corners in a crop of side 256: where the other three lie, given the eyes, in 195 portraits
(medians, made symmetric)."""


def face_template(crop: int) -> Points:
    """Return the template's five points in a crop of side ``crop`` (pixel-centre coordinates)."""
    scaled: Points = (FACE_TEMPLATE + 0.5) * (crop / TEMPLATE_SIDE) - 0.5
    return scaled


def turn_of(landmarks: Points) -> float:
    """Return how far a face is turned away: 0 from the front, about 0.2 from the side.

    Root mean square distance of five landmarks (``5×2``), aligned, from the template's, in the template's eye
    distances.
    """
    aligned = apply_similarity(umeyama(landmarks, FACE_TEMPLATE), landmarks)
    eyes = float(np.linalg.norm(FACE_TEMPLATE[1] - FACE_TEMPLATE[0]))
    return float(np.sqrt(np.square(aligned - FACE_TEMPLATE).sum(axis=1).mean())) / eyes


def umeyama(source: Points, target: Points) -> Similarity:
    """Return the least-squares similarity that maps ``source`` onto ``target`` (Umeyama 1991, eq. 40–42).

    ``min Σ‖target − (s R source + t)‖²`` over s > 0, rotations R (no mirroring) and t. Both are ``N×2`` with
    N ≥ 2 distinct points.

    Raises:
        ValueError: fewer than two points, shapes that differ, or all source points in one place.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"need two N×2 arrays with N >= 2, got {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_centre, to_centre = source - source_mean, target - target_mean
    variance = float((from_centre**2).sum()) / len(source)
    if variance <= 0.0:
        raise ValueError("all source points are in one place: a similarity needs two distinct points")
    left, strength, right = np.linalg.svd(to_centre.T @ from_centre / len(source))
    signs = np.array([1.0, 1.0 if np.linalg.det(left) * np.linalg.det(right) >= 0 else -1.0])
    rotation = left @ np.diag(signs) @ right
    scale = float((strength * signs).sum()) / variance
    shift = target_mean - scale * rotation @ source_mean
    return np.hstack([scale * rotation, shift[:, None]])


def apply_similarity(matrix: Similarity, points: Points) -> Points:
    """Return ``points`` (``N×2``) mapped by ``matrix``."""
    mapped: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped


def invert_similarity(matrix: Similarity) -> Similarity:
    """Return the similarity that undoes ``matrix``."""
    inverse = np.linalg.inv(matrix[:, :2])
    return np.hstack([inverse, -(inverse @ matrix[:, 2])[:, None]])


def similarity_scale(matrix: Similarity) -> float:
    """Return the uniform scale s of ``[sR | t]``."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


@dataclass(frozen=True)
class Region:
    """A rectangle of whole photo pixels: rows ``top:bottom``, columns ``left:right``."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        """Whether the rectangle holds no pixel."""
        return self.right <= self.left or self.bottom <= self.top

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the view of ``pixels`` under the rectangle."""
        return pixels[self.top : self.bottom, self.left : self.right]

    def shift(self, matrix: Similarity) -> Similarity:
        """Return ``matrix`` (photo → crop) for coordinates counted from the rectangle's corner."""
        moved = matrix.copy()
        moved[:, 2] = apply_similarity(matrix, np.array([[self.left, self.top]], dtype=np.float64))[0]
        return moved


@dataclass(frozen=True)
class Alignment:
    """How one face lies in the photo: ``matrix`` maps photo pixels to the ``crop × crop`` aligned crop."""

    matrix: Similarity
    crop: int

    @classmethod
    def from_landmarks(cls, landmarks: Points, crop: int) -> Alignment:
        """Return the alignment that brings five landmarks (photo, ``5×2``) closest to the template."""
        return cls(umeyama(landmarks, face_template(crop)), crop)

    @property
    def magnification(self) -> float:
        """Crop pixels per photo pixel; below 1 the face is larger than the crop and would lose detail."""
        return similarity_scale(self.matrix)

    def region(self, height: int, width: int, margin: int = 0) -> Region:
        """Return the photo rectangle that holds the whole crop and ``margin`` pixels, cut at the borders."""
        edge = self.crop - 0.5
        corners = np.array([(-0.5, -0.5), (edge, -0.5), (edge, edge), (-0.5, edge)], dtype=np.float64)
        placed = apply_similarity(invert_similarity(self.matrix), corners)
        low = np.floor(placed.min(axis=0)).astype(int) - margin
        high = np.ceil(placed.max(axis=0)).astype(int) + 1 + margin
        return Region(
            max(0, int(low[0])), max(0, int(low[1])), min(width, int(high[0])), min(height, int(high[1]))
        )

    def to_crop(self, pixels: Pixels) -> FloatImage:
        """Return the aligned crop of a photo: float32 in [0, 1], ``crop×crop`` or ``crop×crop×3``.

        Beyond the photo's border its edge is mirrored. Only the face's own part of the photo is converted, so
        the cost does not grow with the scan (and OpenCV's 32,767-pixel limit is never met).
        """
        height, width = pixels.shape[:2]
        region = self.region(height, width, _filter_margin(self.magnification))
        if region.empty:
            raise ValueError("the face lies outside the photo: its landmarks belong to another picture")
        part = region.of(pixels).astype(np.float32) / np.float32(full_scale(pixels))
        warped = _warp(part, region.shift(self.matrix), (self.crop, self.crop), cv2.BORDER_REFLECT_101)
        clipped: FloatImage = np.clip(warped, 0.0, 1.0)
        return clipped

    def from_crop(self, image: FloatImage, region: Region) -> FloatImage:
        """Return ``image`` (crop-sized, any range) as it lies in the photo's ``region``, 0 beyond it."""
        size = (region.right - region.left, region.bottom - region.top)
        return _warp(image, invert_similarity(region.shift(self.matrix)), size, cv2.BORDER_CONSTANT)


def _warp(image: FloatImage, matrix: Similarity, size: tuple[int, int], border: int) -> FloatImage:
    """Resample ``image`` by ``matrix``, averaging over the area that one target pixel covers."""
    softened = _band_limited(image, similarity_scale(matrix), border)
    warped = cv2.warpAffine(softened, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border, borderValue=0.0)
    return warped.astype(np.float32, copy=False)


def _band_limited(image: FloatImage, scale: float, border: int) -> FloatImage:
    """Take away what a picture reduced by ``scale`` cannot hold: Gaussian, σ² = (1/s² − 1) / 4."""
    if scale >= 0.99:
        return image
    sigma = 0.5 * float(np.sqrt(1.0 / scale**2 - 1.0))
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=border).astype(np.float32, copy=False)


def _filter_margin(scale: float) -> int:
    return int(np.ceil(2.0 + 2.0 / min(scale, 1.0)))
