"""HaarPSI, a perceptual similarity index that needs no trained network (Reisenhofer et al. 2018).

Two fine scales of Haar wavelets are compared, the third says where it matters; chroma is compared as a whole.
Constants are the paper's. Pictures are ``H×W×3`` ``float32`` in [0, 1].
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

_C = 30.0
_ALPHA = 4.2
_SCALES = 3
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], dtype=np.float32)


def haarpsi(picture: Picture, truth: Picture) -> float:
    """Return the similarity of two pictures of one size, in (0, 1]; 1 = equal, more is better."""
    found, wanted = (_halved(cv2.transform(p * np.float32(255.0), _YIQ)) for p in (picture, truth))
    similarities: list[Picture] = []
    weights: list[Picture] = []
    for upright in (False, True):
        ours, theirs = (_coefficients(np.ascontiguousarray(p[..., 0]), upright) for p in (found, wanted))
        fine, finer = _similar(ours[1], theirs[1]), _similar(ours[0], theirs[0])
        similarities.append(_single((fine + finer) / 2))
        weights.append(_single(np.maximum(ours[2], theirs[2])))
    chroma_found, chroma_wanted = (np.abs(_mean_of_four(p[..., 1:])) for p in (found, wanted))
    similarities.append(_single(_similar(chroma_found, chroma_wanted).mean(axis=2)))
    weights.append(_single((weights[0] + weights[1]) / 2))
    total = float(np.sum(weights, dtype=np.float64))
    if total == 0.0:
        return 1.0
    judged = 1.0 / (1.0 + np.exp(-_ALPHA * np.stack(similarities).astype(np.float64)))
    pooled = float((judged * np.stack(weights)).sum() / total)
    return float((np.log(pooled / (1.0 - pooled)) / _ALPHA) ** 2)


def _coefficients(channel: Picture, upright: bool) -> list[Picture]:
    """Return the magnitudes of ``H×W`` under Haar wavelets of 2, 4 and 8 pixels in one direction."""
    magnitudes = []
    for scale in range(1, _SCALES + 1):
        side = 2**scale
        kernel = np.full((side, side), 2.0**-scale, dtype=np.float32)
        kernel[: side // 2] *= -1
        filtered = cv2.filter2D(channel, -1, kernel.T if upright else kernel, borderType=cv2.BORDER_CONSTANT)
        magnitudes.append(_single(np.abs(filtered)))
    return magnitudes


def _similar(one: Picture, other: Picture) -> Picture:
    return _single((2 * one * other + _C) / (one**2 + other**2 + _C))


def _mean_of_four(channels: Picture) -> Picture:
    return _single(cv2.blur(channels, (2, 2), borderType=cv2.BORDER_CONSTANT))


def _halved(channels: cv2.typing.MatLike) -> Picture:
    return np.ascontiguousarray(_mean_of_four(_single(channels))[::2, ::2])


def _single(values: Any) -> Picture:
    """Return what OpenCV or NumPy computed as ``float32``; costs nothing where it already is."""
    return np.asarray(values, dtype=np.float32)
