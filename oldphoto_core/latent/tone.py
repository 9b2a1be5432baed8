"""Give a photo back the tone that it lost as a whole: one shift of each colour channel, before it is translated.

A shift of a channel is nearly invisible to networks that see a few dozen pixels at a time: any one place may be as
bluish as it looks. The whole photo knows more. Blacks that are nowhere black in one channel, highlights cut off
below full scale, greys that are all off by the same: such traces are collected as features of a reduced view, and
`models.tone_estimator` reads a shift from them. The networks then see the photo without it.

Doing nothing is the rule: a photo without colour keeps its tone, and a shift too small to be sure of is none.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from oldphoto_core.models.tone_estimator import ToneEstimator

LEAST_SHIFT = 1.5 / 255
"""Where no channel is shifted by as much, nothing is."""
LARGEST_SHIFT = 20 / 255
"""As far as the text's recipe shifts, and no further."""
LEAST_CHROMA = 2 / 255
"""A photo whose channels differ by less on average has no colour that could be off."""

_QUANTILES = (
    *(0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.997, 0.999),
)
_BINS = 64
_CELL = 4
_DIFFERENCE_BINS, _DIFFERENCE_WIDTH = 32, 6.0
_SCALES = 3
_PLACES = 6
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)

Array = NDArray[np.float32]


@torch.inference_mode()
def lost_tone(estimator: ToneEstimator, seen: Array | None) -> Array:
    """Return what to add to each channel of a photo, ``3`` shares of the full range; mostly zeros.

    ``seen`` is the photo's overview (`latent.overview`); None, for one too narrow to tell, gives zeros.
    """
    if seen is None or not has_colour(seen):
        return np.zeros(3, np.float32)
    return decided(estimator(torch.from_numpy(tone_features(seen))[None])[0].numpy())


def decided(shift: Array) -> Array:
    """Return an estimate as it is applied: within ±:data:`LARGEST_SHIFT`, or none if too small."""
    small = np.abs(shift).max() < LEAST_SHIFT
    return np.zeros_like(shift) if small else np.clip(shift, -LARGEST_SHIFT, LARGEST_SHIFT)


def has_colour(unit: Array) -> bool:
    """Say whether an overview, ``h×w×3`` in [0, 1], has colour to speak of."""
    return float((unit.max(axis=2) - unit.min(axis=2)).mean()) >= LEAST_CHROMA


def tone_features(unit: Array) -> Array:
    """Return ``3×F`` of an overview ``h×w×3`` in [0, 1]: each channel's own features, then those of the next two.

    They are: distributions of single pixels and of means over 4×4; those of the differences between channels in
    the dark, the middle and the bright third of the photo; noise and sharpness at three scales; a tiny picture.
    """
    levels = np.asarray(unit * np.float32(255), np.float32)
    small = _shrunk(levels, levels.shape[1] // _CELL, levels.shape[0] // _CELL)
    parts = (_distribution(levels), _distribution(small), _casts(small), _detail(levels), _places(small))
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _distribution(levels: Array) -> Array:
    """Quantiles, as they are and against the other channels; a histogram; what lies at the ends of the range."""
    flat = levels.reshape(-1, 3)
    whole = np.clip(np.rint(flat), 0, 255).astype(np.intp)
    fine = np.stack([np.bincount(whole[:, channel], minlength=256) for channel in range(3)]) / len(flat)
    coarse = 2 * np.sqrt(fine.reshape(3, _BINS, -1).sum(axis=2))
    ends = (fine[:, 0], fine[:, 1:3].sum(axis=1), fine[:, 253:255].sum(axis=1), fine[:, 255])
    quantiles = _quantiles(flat, _QUANTILES).T / 127.5 - 1
    return np.concatenate(
        [
            quantiles,
            _and_others(4 * (quantiles - quantiles.mean(axis=0))),
            _and_others(coarse),
            2 * np.sqrt(np.stack(ends, axis=1)),
        ],
        axis=1,
    )


def _casts(small: Array) -> Array:
    """Histograms of each channel less the next, for three thirds of the pixels by brightness."""
    flat = small.reshape(-1, 3)
    order = np.argsort(flat.sum(axis=1), kind="stable")
    away = (flat - np.roll(flat, -1, axis=1)) / _DIFFERENCE_WIDTH + _DIFFERENCE_BINS / 2
    place = np.clip(away, 0, _DIFFERENCE_BINS - 1).astype(np.intp)
    thirds = np.array_split(order, 3)
    rows = [
        [
            np.bincount(place[third, channel], minlength=_DIFFERENCE_BINS) / max(1, len(third))
            for third in thirds
        ]
        for channel in range(3)
    ]
    return _and_others(2 * np.sqrt(np.array(rows)).reshape(3, -1))


def _detail(levels: Array) -> Array:
    """Response to a noise kernel and to the Laplacian: median, mean and extremes."""
    rows = []
    for scale in range(_SCALES):
        seen = _shrunk(levels, levels.shape[1] >> scale, levels.shape[0] >> scale)
        noise = np.abs(cv2.filter2D(seen, -1, _NOISE)).reshape(-1, 3)
        edges = np.abs(cv2.Laplacian(seen, cv2.CV_32F)).reshape(-1, 3)
        half, most = _quantiles(noise, (0.5, 0.98))
        rows += [half, noise.mean(axis=0), most]
        rows += [edges.mean(axis=0), *_quantiles(edges, (0.1, 0.98))]
    strengths = np.log1p(np.stack(rows)).T / 2 - 1
    return np.concatenate([strengths, np.broadcast_to(strengths.mean(axis=0), strengths.shape)], axis=1)


def _places(small: Array) -> Array:
    """A picture of 6×6, as it is and against the mean of the channels."""
    tiny = _shrunk(small, _PLACES, _PLACES).reshape(-1, 3).T / 127.5 - 1
    away = 4 * (tiny - tiny.mean(axis=0))
    return np.concatenate([tiny, away, np.roll(away, -1, axis=0)], axis=1)


def _quantiles(rows: Array, shares: tuple[float, ...]) -> NDArray[np.floating[Any]]:
    """Return ``Q×3`` quantiles of each column of ``N×3``; column by column in memory it takes half the time."""
    return np.quantile(np.ascontiguousarray(rows.T), shares, axis=1)


def _and_others(rows: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return each channel's row followed by those of the next and of the one after."""
    return np.concatenate([rows, np.roll(rows, -1, axis=0), np.roll(rows, -2, axis=0)], axis=1)


def _shrunk(levels: Array, width: int, height: int) -> Array:
    size = (max(1, width), max(1, height))
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA), np.float32)
