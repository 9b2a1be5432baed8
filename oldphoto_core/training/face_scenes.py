"""Training samples for the face detector: parts of photographs with their faces marked, turned, resized and aged.

Three kinds: a part around a marked face, so enlarged or reduced that the face has a size that the detector is to
find; any part at any size, most of them without a face; and portraits set into such a part, beside pieces of other
photographs set into it in the same way, so that it is not the edges that are learnt. Some faces are wiped out in
their heads, and are none then. Photographs of the validation split are never drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation import PROFILES, age, sample_recipe
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.errors import UsageError
from oldphoto_core.faces.grey import stretched
from oldphoto_core.models.face_finder import LARGEST, SMALLEST
from oldphoto_core.pixels import to_bytes
from oldphoto_core.training.face_marks import MARKS, FaceMark, read_face_marks
from oldphoto_core.training.face_target import target
from oldphoto_core.training.samples import PhotoFolder, Sample

FOLDERS = ("old", "clean", "faces")
_AROUND_A_FACE, _WITH_PORTRAITS = 0.45, 0.3
_AGED = 0.4
_WIPED = 0.15
"""Share of the faces that are wiped out."""
_ROLL = 12.0
"""Degrees, standard deviation."""
_MIRRORED = np.array([0, 2, 1, 3, 5, 4])
"""Order of a mark's points in the mirror: eyes and corners of the mouth change places."""
Scene = tuple[NDArray[np.uint8], list[FaceMark]]
AnyArray = TypeVar("AnyArray", NDArray[np.uint8], NDArray[np.float32])


class FaceScenes:
    """An endless source of ``luminance`` ``size×size`` uint8 and ``target`` (see :func:`target`) float32.

    ``data/face_marks.tsv`` says where the faces are; without it the package's own does, which knows ours.
    """

    def __init__(self, data: Path, size: int) -> None:
        self.size = size
        own = data / MARKS.name
        marks = own if own.is_file() else MARKS
        self.library = DefectLibrary.of_data(data)
        self.marks = read_face_marks(marks)
        self.photos = {name: PhotoFolder(data / name) for name in FOLDERS if any((data / name).glob("*.jpg"))}
        paths = [path for folder in self.photos.values() for path in folder.paths]
        self.marked = [path for path in paths if any(mark.sure for mark in self._of(path))]
        self.portraits = [path for path in self.marked if path.parent.name == "faces"]
        if not self.marked:
            raise UsageError(
                f"None of the photographs that {marks} names is in {data}. Add their faces there."
            )

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one sample."""
        kind = rng.random()
        if kind < _AROUND_A_FACE or not self.portraits:
            pixels, marks = self._around_a_face(rng)
        else:
            pixels, marks = self._anywhere(rng)
            if kind < _AROUND_A_FACE + _WITH_PORTRAITS:
                pixels, marks = self._with_portraits(pixels, marks, rng)
        pixels, marks = _some_wiped(pixels, marks, rng)
        grey = stretched(cv2.cvtColor(self._worn(pixels, rng), cv2.COLOR_RGB2GRAY))
        return {"luminance": grey, "target": target(marks, self.size)}  # type: ignore[dict-item]

    def _of(self, path: Path) -> list[FaceMark]:
        return self.marks.get(f"{path.parent.name}/{path.name}", [])

    def _read(self, path: Path) -> NDArray[np.uint8]:
        return self.photos[path.parent.name].read(path)

    def _around_a_face(self, rng: np.random.Generator) -> Scene:
        path = self.marked[rng.integers(len(self.marked))]
        sure = [mark for mark in self._of(path) if mark.sure]
        face = sure[rng.integers(len(sure))]
        scale = min(_side(rng) / face.side, 1.6)
        place = self.size * rng.uniform(0.15, 0.85, 2)
        return self._part(path, face.points[0], place, scale, rng)

    def _anywhere(self, rng: np.random.Generator) -> Scene:
        folder = (
            self.photos[("old", "clean")[rng.integers(2)]]
            if len(self.photos) > 1
            else next(iter(self.photos.values()))
        )
        path = folder.paths[rng.integers(len(folder.paths))]
        height, width = self._read(path).shape[:2]
        least = min(1.0, self.size / max(height, width))
        scale = float(np.exp(rng.uniform(np.log(least), np.log(1.4))))
        centre = np.array([width, height]) * rng.uniform(0.2, 0.8, 2)
        return self._part(path, centre, np.full(2, self.size / 2), scale, rng)

    def _part(
        self,
        path: Path,
        of: NDArray[np.float64],
        at: NDArray[np.float64],
        scale: float,
        rng: np.random.Generator,
    ) -> Scene:
        """Return a part of a photograph in which its point ``of`` comes to lie ``at`` some place, and its marks."""
        photo, scales = _reduced(self._read(path), scale)
        angle = np.deg2rad(np.clip(rng.normal(0, _ROLL), -40, 40))
        left = scale / scales[0]
        turn = left * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shift = at - turn @ (of * scales)
        # Points are pixel edges, OpenCV's are pixel centres.
        matrix = np.hstack([turn, (shift + turn @ np.full(2, 0.5) - 0.5)[:, None]])
        size = (self.size, self.size)
        # Nothing is mirrored in from beyond the border: it would be faces without marks.
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        part = cv2.warpAffine(photo, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
        marks = [
            FaceMark((mark.points * scales) @ turn.T + shift, mark.side * scale, mark.sure)
            for mark in self._of(path)
        ]
        if rng.random() < 0.5:
            part, marks = _mirrored(np.asarray(part, np.uint8), marks, self.size)
        return np.asarray(part, np.uint8), marks

    def _with_portraits(
        self, scene: NDArray[np.uint8], marks: list[FaceMark], rng: np.random.Generator
    ) -> Scene:
        canvas = scene.copy()
        kept = list(marks)
        for _ in range(int(rng.integers(1, 6))):
            is_face = rng.random() < 0.7
            side = _side(rng)
            if is_face:
                path = self.portraits[rng.integers(len(self.portraits))]
                face = next(mark for mark in self._of(path) if mark.sure)
                part, own = self._part(path, face.points[0], np.full(2, self.size / 2), side / face.side, rng)
            else:
                part, own = self._anywhere(rng)
            shape = _outline(
                self.size, side * float(rng.uniform(0.75, 0.95)), soft=rng.random() < 0.7, rng=rng
            )
            move = np.rint(rng.uniform(-0.4, 0.4, 2) * self.size)
            part, shape = _shifted(part, move), _shifted(shape, move)
            covered = shape > 0.02
            canvas = np.asarray(canvas * (1 - shape[..., None]) + part * shape[..., None], np.uint8)
            kept = [_covered(mark, covered) for mark in kept]
            kept += [
                FaceMark(mark.points + move, mark.side, mark.sure and _whole(mark.points + move, shape))
                for mark in own
                if _touches(mark.points[0] + move, covered)
            ]
        return canvas, kept

    def _worn(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        if rng.random() < _AGED:
            profile = PROFILES["seed" if rng.random() < 0.5 else "archive"]
            return to_bytes(age(pixels, sample_recipe(int(rng.integers(2**31)), profile), self.library).aged)
        values = (pixels.astype(np.float32) / 255) ** float(np.exp(rng.normal(0, 0.3)))
        if rng.random() < 0.5:
            values = np.asarray(cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.3, 1.3))), np.float32)
        values = (values - 0.5) * float(rng.uniform(0.5, 1.1)) + 0.5
        return to_bytes(values + rng.normal(0, rng.uniform(0, 0.05), values.shape[:2])[..., None])


def _side(rng: np.random.Generator) -> float:
    """Return a side in pixels at which a face is to be found, somewhat beyond both ends as well."""
    return float(np.exp(rng.uniform(np.log(SMALLEST * 0.85), np.log(LARGEST * 1.15))))


def _reduced(photo: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the photo reduced without aliasing to about ``scale``, and by what it was (right, down)."""
    height, width = photo.shape[:2]
    if scale >= 0.95:
        return photo, np.ones(2)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([size[0] / width, size[1] / height])


def _mirrored(part: NDArray[np.uint8], marks: list[FaceMark], size: int) -> Scene:
    turned = []
    for mark in marks:
        points = mark.points.copy()
        points[:, 0] = size - points[:, 0]
        turned.append(FaceMark(points[_MIRRORED], mark.side, mark.sure))
    return np.ascontiguousarray(part[:, ::-1]), turned


def _outline(size: int, reach: float, *, soft: bool, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return where a piece is set in, ``size×size`` in [0, 1]: a soft ellipse or a rectangle about the middle."""
    rows, columns = np.mgrid[:size, :size].astype(np.float32) + 0.5 - size / 2
    wide, high = reach * rng.uniform(0.9, 1.2), reach * rng.uniform(1.0, 1.3)
    if not soft:
        return ((abs(columns) < wide) & (abs(rows) < high)).astype(np.float32)
    distance = np.sqrt((columns / wide) ** 2 + (rows / high) ** 2)
    return np.clip((1.15 - distance) / 0.3, 0, 1).astype(np.float32)


def _some_wiped(pixels: NDArray[np.uint8], marks: list[FaceMark], rng: np.random.Generator) -> Scene:
    """Return the scene without some of its faces: hair and hat alone are no face."""
    wiped = {
        number
        for number, mark in enumerate(marks)
        if mark.sure and mark.side >= SMALLEST and rng.random() < _WIPED
    }
    for number in sorted(wiped):
        pixels = _wiped_out(pixels, marks[number], rng)
    return pixels, [mark for number, mark in enumerate(marks) if number not in wiped]


def _wiped_out(pixels: NDArray[np.uint8], mark: FaceMark, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the scene with a smear, or one tone, where a face was."""
    outline = np.zeros(pixels.shape[:2], np.float32)
    x, y = (int(value) for value in mark.points[0])
    reach = (rng.uniform(0.4, 0.55), rng.uniform(0.45, 0.65))
    wide, high = (max(1, round(mark.side * share)) for share in reach)
    cv2.ellipse(outline, (x, y), (wide, high), 0, 0, 360, 1.0, -1)
    edge = max(0.5, mark.side * float(rng.uniform(0.02, 0.12)))
    share = np.asarray(cv2.GaussianBlur(outline, (0, 0), edge), np.float32)[..., None]
    smear = cv2.GaussianBlur(pixels, (0, 0), mark.side * float(rng.uniform(0.2, 0.6)))
    flat = np.full_like(pixels, rng.integers(256)) if rng.random() < 0.3 else smear
    return np.asarray(pixels * (1 - share) + flat * share, np.uint8)


def _shifted(array: AnyArray, move: NDArray[np.float64]) -> AnyArray:
    right, down = (int(value) for value in move)
    moved = np.zeros_like(array)
    height, width = array.shape[:2]
    to_row, to_column = max(0, down), max(0, right)
    rows, columns = height - abs(down), width - abs(right)
    moved[to_row : to_row + rows, to_column : to_column + columns] = array[
        to_row - down : to_row - down + rows, to_column - right : to_column - right + columns
    ]
    return moved


def _touches(point: NDArray[np.float64], covered: NDArray[np.bool_]) -> bool:
    column, row = (int(value) for value in np.floor(point))
    height, width = covered.shape
    return 0 <= row < height and 0 <= column < width and bool(covered[row, column])


def _whole(points: NDArray[np.float64], shape: NDArray[np.float32]) -> bool:
    """Whether all of a face's points lie where a piece covers all."""
    return all(_touches(point, shape > 0.9) for point in points)


def _covered(mark: FaceMark, covered: NDArray[np.bool_]) -> FaceMark:
    """Return the mark, unsure where a piece lies over a part of the face."""
    hidden = any(_touches(point, covered) for point in mark.points)
    return FaceMark(mark.points, mark.side, mark.sure and not hidden)
