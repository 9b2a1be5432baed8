"""Faces by our own network: the photo in a pyramid, each level asked for faces of 16 to 36 pixels.

A face is seen by several cells, and by both levels where its size is between; what they say of it is averaged. Each
that may be one is then looked at again by itself, at one size, as it is and mirrored: the three looks together say
how sure it is, the last two where its landmarks are.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from oldphoto_core.faces.grey import GreyImage
from oldphoto_core.models.face_finder import LARGEST, SMALLEST, STRIDE, UNIT, FaceFinder, cell_middles
from oldphoto_core.models.layers import fold_batch_norm
from oldphoto_core.photo import Face

_SLACK = 1.25
"""How far beyond its sizes a level is believed: their ratio is 2.25, that of two levels 2."""
_SAME = 0.4
"""Two answers that share more of their union than this are about one face."""
_PROPOSED = -1.4
"""A logit: what is less likely in the pyramid (a fifth) is not looked at again."""
_CLOSE_SIDE, _CLOSE_FACE = 96, 34.0
"""Pixels a side of a close look, and of the face in it."""
_CLOSE_CELLS = slice(4, 8)
"""Those of the close look's twelve whose middles are within half a face of its own."""
_MIRRORED = [1, 0, 2, 4, 3]
"""Order of the landmarks in the mirror."""
Answers = NDArray[np.float64]
"""``N×14``: logit; middle (x, y) and side in pixels; five landmarks (x, y). Pixel edges."""


class FaceNetwork:
    """A trained :class:`FaceFinder` on a device, ready to be asked."""

    def __init__(self, network: FaceFinder, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        fold_batch_norm(network.eval())
        self.network = network.requires_grad_(False).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def look(self, image: GreyImage, minimum: float) -> list[Face]:
        """Return the faces of ``image`` (``H×W`` uint8) with at least this score, in its pixels."""
        found = [self._level(image, 1.0)]
        scale = 0.5
        while min(image.shape) * scale >= SMALLEST:
            found.append(self._level(_resized(image, scale), scale))
            scale /= 2
        answers = np.concatenate(found)
        order = np.lexsort((answers[:, 2], answers[:, 1], -answers[:, 0]))
        faces = map(_face, self._looked_at_again(image, _merged(answers[order])))
        return [face for face in faces if face.score >= minimum]

    @torch.inference_mode()
    def _level(self, image: GreyImage, scale: float) -> Answers:
        """Return what the cells of one level say, in the pixels of the whole image."""
        height, width = image.shape
        filled = cv2.copyMakeBorder(
            image, 0, -height % self.network.stride, 0, -width % self.network.stride, cv2.BORDER_REPLICATE
        )
        luminance = torch.from_numpy(filled)[None, None].to(self.device, torch.float32) / 127.5 - 1
        said = self.network(luminance)[0]
        logit = said[0]
        side = UNIT * torch.exp(said[3])
        fits = (logit >= _PROPOSED) & (side >= SMALLEST / _SLACK) & (side <= LARGEST * _SLACK)
        middles = cell_middles(*logit.shape, device=self.device)
        points = said[[1, 2, *range(4, 14)]].unflatten(0, (6, 2)) * UNIT + middles
        rows = torch.cat((logit[None], points[0], side[None], points[1:].flatten(0, 1)))[:, fits].T
        answers: Answers = rows.cpu().numpy().astype(np.float64)
        answers[:, 1:] /= scale
        return answers

    @torch.inference_mode()
    def _looked_at_again(self, image: GreyImage, answers: Answers) -> Answers:
        """Return the answers with the landmarks, and the mean logit, of two close looks at each face."""
        if not len(answers):
            return answers
        looks = [_close_up(image, answer) for answer in answers]
        luminance = torch.from_numpy(np.stack([look[0] for look in looks]))[:, None]
        both = torch.cat((luminance, luminance.flip(-1))).to(self.device, torch.float32) / 127.5 - 1
        said = self.network(both)[..., _CLOSE_CELLS, _CLOSE_CELLS]
        weight = torch.sigmoid(said[:, :1, None]) ** 2
        middles = cell_middles(*[_CLOSE_SIDE // STRIDE] * 2, device=self.device)[
            :, _CLOSE_CELLS, _CLOSE_CELLS
        ]
        points = said[:, 4:].unflatten(1, (5, 2)) * UNIT + middles
        mean = (points * weight).sum(dim=(3, 4)) / weight.sum(dim=(3, 4))
        straight, mirrored = mean.cpu().numpy().astype(np.float64).reshape(2, len(answers), 5, 2)
        mirrored = np.array([_CLOSE_SIDE, 0]) + mirrored[:, _MIRRORED] * (-1, 1)
        closely = said[:, 0].amax(dim=(1, 2)).cpu().numpy().astype(np.float64).reshape(2, -1).sum(axis=0)
        again = answers.copy()
        again[:, 0] = (answers[:, 0] + closely) / 3
        for answer, (_, corner, scale), seen in zip(again, looks, (straight + mirrored) / 2, strict=True):
            answer[4:] = (seen / scale + corner).reshape(-1)
        return again


def _close_up(image: GreyImage, answer: NDArray[np.float64]) -> tuple[GreyImage, NDArray[np.float64], float]:
    """Return the square about a face, resized, with its upper left corner in the image and its scale.

    What lies outside the image repeats its border.
    """
    extent = max(2, round(float(answer[3]) * _CLOSE_SIDE / _CLOSE_FACE))
    left, top = (round(float(value) - extent / 2) for value in answer[1:3])
    height, width = image.shape
    rows = np.clip(np.arange(top, top + extent), 0, height - 1)
    columns = np.clip(np.arange(left, left + extent), 0, width - 1)
    method = cv2.INTER_AREA if extent > _CLOSE_SIDE else cv2.INTER_LINEAR
    square = cv2.resize(image[np.ix_(rows, columns)], (_CLOSE_SIDE, _CLOSE_SIDE), interpolation=method)
    return np.asarray(square, np.uint8), np.array([left, top], np.float64), _CLOSE_SIDE / extent


def _face(answer: NDArray[np.float64]) -> Face:
    logit, x, y, side, *landmarks = (float(value) for value in answer)
    points = tuple((px - 0.5, py - 0.5) for px, py in zip(landmarks[::2], landmarks[1::2], strict=True))
    return Face(box=(x - side / 2, y - side / 2, side, side), score=_sigmoid(logit), landmarks=points)


def _resized(image: GreyImage, scale: float) -> GreyImage:
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _merged(answers: Answers) -> Answers:
    """Return one answer a face: the surest cell's logit, the mean of what all say, weighed by how sure they are.

    ``answers`` come the surest first.
    """
    faces = []
    left = answers
    while len(left):
        same = _shared(left[0], left) > _SAME
        weights = [_sigmoid(logit) ** 2 for logit in left[same, 0]]
        face = np.average(left[same], axis=0, weights=weights)
        face[0] = left[0, 0]
        faces.append(face)
        left = left[~same]
    return np.array(faces).reshape(-1, answers.shape[1])


def _shared(one: NDArray[np.float64], others: Answers) -> NDArray[np.float64]:
    """Return the shared area over the union of a square and others."""
    half = one[3] / 2
    halves = others[:, 3] / 2
    sides = [
        np.clip(
            np.minimum(one[axis] + half, others[:, axis] + halves)
            - np.maximum(one[axis] - half, others[:, axis] - halves),
            0,
            None,
        )
        for axis in (1, 2)
    ]
    shared = sides[0] * sides[1]
    union: NDArray[np.float64] = one[3] ** 2 + others[:, 3] ** 2 - shared
    return np.asarray(shared / union)
