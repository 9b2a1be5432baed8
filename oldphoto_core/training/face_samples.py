"""Training samples for the face generator: aligned faces, aged, and restored by the stage before it.

The generator refines what the latent translation gives it. So a face is cut out aligned, reduced to a size at
which faces occur in photographs, aged, translated, and enlarged to the crop again: the same way that a face of
an archive's photo takes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation import PROFILES, DegradationRecipe, age, sample_recipe
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.errors import UsageError
from oldphoto_core.faces.align import Alignment, Points, apply_similarity, invert_similarity, umeyama
from oldphoto_core.faces.enhance import BOX_IN_CROP
from oldphoto_core.faces.grey import Box
from oldphoto_core.pixels import to_bytes
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.settings import Config
from oldphoto_core.training.samples import PhotoFolder, Sample
from oldphoto_core.weights.shipped_faces import shipped_face_detector

_SMALLEST = 0.3
"""A face may be as small as this share of the crop before it is enlarged to it."""
_SHIFT, _SCALE, _ROLL = 0.02, 0.05, 3.0
"""How far off an alignment may be: shares of the crop's side, of its scale, degrees (standard deviations)."""


@dataclass(frozen=True)
class StageBefore:
    """Which restorer a share of the aged faces goes through before the generator sees them.

    ``weights`` is its folder (None: the shipped weights of ``config``). Without trained weights there, faces
    stay as they were aged.
    """

    config: Config
    weights: Path | None = None
    share: float = 0.75

    def open(self) -> Restorer | None:
        """Return the restorer, on the CPU: samples are made by worker processes."""
        if self.share <= 0:
            return None
        restorer = load_restorer(device="cpu", config=self.config, weights=self.weights)
        return restorer if restorer.available_tiers else None


class FaceSamples:
    """An endless source of aligned faces of ``size`` pixels: ``aged`` (perhaps restored) and ``clean``.

    ``data/faces`` holds one face a picture; ``boxes.csv`` there (file, x, y, w, h) names where it lies,
    otherwise the face detector looks.
    """

    def __init__(self, data: Path, size: int, stage: StageBefore) -> None:
        self.photos = PhotoFolder(data / "faces")
        self.boxes = read_boxes(data / "faces" / "boxes.csv")
        self.library = DefectLibrary.of_data(data)
        self.size, self.stage_share = size, stage.share
        self.restorer = stage.open()
        self._finder = shipped_face_detector()
        self._placed: dict[Path, Alignment | None] = {}

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one aligned face, degraded and clean. Raises UsageError if no photograph shows a face."""
        path, photo = self.photos.draw(rng)
        while (placed := self._alignment(path, photo)) is None:
            self._check_that_there_are_faces(path.parent)
            path, photo = self.photos.draw(rng)
        alignment = _unsteady(placed, rng)
        side = round(self.size * float(np.exp(rng.uniform(np.log(_SMALLEST), 0.0))))
        small = to_bytes(_zoomed(alignment, side).to_crop(photo))
        profile = PROFILES["seed" if rng.random() < 0.5 else "archive"]
        recipe = sample_recipe(int(rng.integers(2**31)), profile)
        degraded = to_bytes(age(small, recipe, self.library).aged)
        if self.restorer is not None and rng.random() < self.stage_share:
            degraded = restored_by(self.restorer, degraded)
        enlarged = _enlarged(degraded, self.size)
        clean = _target(to_bytes(alignment.to_crop(photo)), recipe)
        return {"aged": enlarged, "clean": retoned(clean, enlarged)}

    def _alignment(self, path: Path, photo: NDArray[np.uint8]) -> Alignment | None:
        if path not in self._placed:
            box = self._box(path, photo)
            self._placed[path] = None if box is None else self._aligned(photo, box)
        return self._placed[path]

    def _box(self, path: Path, photo: NDArray[np.uint8]) -> Box | None:
        """Return where a photograph's face lies, or None. Raises UsageError for a box beside the photograph."""
        box, (tall, wide) = self.boxes.get(path.name), photo.shape[:2]
        if box is None:
            faces = self._finder.detect(photo)
            return faces[0].box if faces else None
        x, y, width, height = box
        if not (-width < x < wide and -height < y < tall):
            raise UsageError(
                f"{path.parent / 'boxes.csv'}: the box of {path.name} lies outside of the photograph, which has "
                f"{wide} × {tall} pixels. Boxes are left, top, width and height."
            )
        return box

    def _check_that_there_are_faces(self, folder: Path) -> None:
        """Raise UsageError once every photograph was looked at, and none has a face."""
        if len(self._placed) == len(self.photos.paths) and not any(self._placed.values()):
            raise UsageError(
                f"No face is found in the {len(self._placed)} photographs of {folder}. Put portraits there, or "
                "say in boxes.csv (file, x, y, w, h) where their faces are."
            )

    def _aligned(self, photo: NDArray[np.uint8], box: Box) -> Alignment:
        landmarks = self._finder.landmarks_within(photo, box)
        if landmarks:
            return Alignment.from_landmarks(np.array(landmarks, dtype=np.float64), self.size)
        return alignment_of_box(box, self.size)


def read_boxes(path: Path) -> dict[str, Box]:
    """Return the face boxes of ``boxes.csv`` by file name; none where the file is missing.

    Raises:
        UsageError: a row that is not a name and four numbers, or a box that has no area.
    """
    if not path.is_file():
        return {}
    boxes: dict[str, Box] = {}
    # Spreadsheets begin a file in UTF-8 with a mark.
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            try:
                x, y, width, height = (float(row[name]) for name in "xywh")
                boxes[row["file"]] = (x, y, width, height)
            except (KeyError, TypeError, ValueError):
                x = y = width = height = 0.0
            if min(width, height) <= 0 or not np.isfinite((x, y, width, height)).all():
                raise UsageError(
                    f"{path}, line {number}: want the columns file, x, y, w and h, parted by commas: a name, and "
                    "left, top, width and height of its face in pixels."
                )
    return boxes


def alignment_of_box(box: Box, crop: int) -> Alignment:
    """Return the upright alignment in which ``box`` lies where boxes lie in aligned crops."""
    x, y, width, height = box
    left, top, wide, high = (share * crop for share in BOX_IN_CROP)
    corners = np.array([(x, y), (x + width, y + height)], dtype=np.float64)
    places = np.array([(left, top), (left + wide, top + high)], dtype=np.float64)
    return Alignment(umeyama(corners, places), crop)


def restored_by(restorer: Restorer, aged: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what the stage before the faces makes of ``H×W×3`` uint8 pixels."""
    return restorer.translate(aged, restorer.detect(aged)).restored.astype(np.uint8)


def retoned(clean: NDArray[np.uint8], like: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``clean`` in the tones of ``like``, another picture of the same face (both ``H×W×3`` uint8).

    Each channel is scaled and shifted so that the two agree best when reduced to 32 pixels. Tone is the business
    of the stage before, and the blending keeps it: the generator must learn detail, not colour.
    """
    small, aim = (
        cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64).reshape(-1, 3)
        for picture in (clean, like)
    )
    spread = np.maximum(small.var(axis=0), 1.0)
    gain = ((small - small.mean(axis=0)) * (aim - aim.mean(axis=0))).mean(axis=0) / spread
    toned = (clean - small.mean(axis=0)) * gain + aim.mean(axis=0)
    return np.clip(np.rint(toned), 0, 255).astype(np.uint8)


def _unsteady(alignment: Alignment, rng: np.random.Generator) -> Alignment:
    """Move the alignment as much as landmarks found on an old photo scatter."""
    crop = alignment.crop
    angle, scale = np.deg2rad(rng.normal(0, _ROLL)), float(np.exp(rng.normal(0, _SCALE)))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, (crop - 1) / 2)
    shift = middle - turn @ middle + rng.normal(0, _SHIFT * crop, 2)
    moved = np.hstack([turn @ alignment.matrix[:, :2], (turn @ alignment.matrix[:, 2] + shift)[:, None]])
    return Alignment(moved, crop)


def _zoomed(alignment: Alignment, side: int) -> Alignment:
    """Return the same alignment for a crop of ``side`` pixels."""
    ends: Points = np.array([(0.0, 0.0), (alignment.crop - 1.0, alignment.crop - 1.0)])
    in_photo = apply_similarity(invert_similarity(alignment.matrix), ends)
    wanted = (ends + 0.5) * (side / alignment.crop) - 0.5
    return Alignment(umeyama(in_photo, wanted), side)


def _target(clean: NDArray[np.uint8], recipe: DegradationRecipe) -> NDArray[np.uint8]:
    """Return the clean face as the recipe wants it: grey where the recipe made the photo grey."""
    grey = tuple(step for step in recipe.operations[:1] if step.name == "grey")
    return to_bytes(age(clean, DegradationRecipe(recipe.seed, recipe.profile, grey)).clean)


def _enlarged(face: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if face.shape[0] == size:
        return face
    return np.asarray(cv2.resize(face, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
