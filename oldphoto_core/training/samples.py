"""Where training samples come from: folders of photographs, aged on the fly, cut into crops.

A sample is a dict of ``uint8`` arrays: ``aged`` and ``clean`` ``H×W×3``, ``mask`` ``H×W`` (1 = damage) and
``weight`` ``H×W`` (0 = leave out of the loss, see ``verdicts``).
Photographs of the validation split are never drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.operators import halftone
from oldphoto_core.degradation.parameters import halftone as halftone_parameters
from oldphoto_core.degradation.profiles import (
    HEAVY_WEAR_PROFILE,
    LOSSES_PROFILE,
    PROFILES,
    WEAR_PROFILE,
    DegradationProfile,
    sample_recipe,
)
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.errors import UsageError
from oldphoto_core.pixels import to_bytes
from oldphoto_core.training.split import held_out_of_wear, in_annotated_validation, in_validation
from oldphoto_core.training.verdicts import UNCERTAIN, read_verdicts, weights

Sample = dict[str, NDArray[np.uint8]]


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Return a photograph of the training folder, ``H×W×3`` RGB. Raises UsageError if it cannot be decoded."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise UsageError(f"{path} cannot be decoded. Remove it from the training folder.")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


class PhotoFolder:
    """The training photographs of one folder, decoded once and kept in memory."""

    def __init__(self, folder: Path, held_out: Callable[[str], bool] = in_validation) -> None:
        self.paths = sorted(p for p in folder.glob("*.jpg") if not held_out(p.name))
        if not self.paths:
            raise UsageError(
                f"{folder} holds no training photographs (*.jpg). Name the data folder with --data."
            )
        self._cache: dict[Path, NDArray[np.uint8]] = {}

    def read(self, path: Path) -> NDArray[np.uint8]:
        """Return ``H×W×3`` RGB."""
        if path not in self._cache:
            self._cache[path] = read_photo(path)
        return self._cache[path]

    def draw(self, rng: np.random.Generator) -> tuple[Path, NDArray[np.uint8]]:
        """Return a random photograph and its path."""
        path = self.paths[rng.integers(len(self.paths))]
        return path, self.read(path)


UNTOUCHED = 0.1
"""Share of aged samples that were not aged at all (besides those of the archive's profile): a sound photo must
come back as it went in."""


WEAR: tuple[tuple[DegradationProfile, float], ...] = (
    (WEAR_PROFILE, 0.45),
    (HEAVY_WEAR_PROFILE, 0.25),
    (LOSSES_PROFILE, 0.3),
)
"""How worn samples are damaged, and which share of them: sparsely, heavily, in broad patches."""

SCREENED = 0.25
"""Share of the worn and annotated samples that are seen in print, under a halftone screen."""


class AgedSamples:
    """Clean photographs aged by the synthesis: an endless source of ``size``-pixel samples."""

    def __init__(self, data: Path, size: int) -> None:
        self.clean = PhotoFolder(data / "clean")
        self.library = DefectLibrary.of_data(data)
        self.size = size

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one aged sample; half by the text's recipe, half by the archive's."""
        _, photo = self.clean.draw(rng)
        patch = cut({"clean": _rescaled(photo, rng)}, self.size, rng)["clean"]
        profile = PROFILES["seed" if rng.random() < 0.5 else "archive"]
        recipe = sample_recipe(int(rng.integers(2**31)), profile)
        if rng.random() < UNTOUCHED:
            recipe = replace(recipe, operations=())
        aged = age(patch, recipe, self.library)
        return {
            "aged": to_bytes(aged.aged),
            "clean": to_bytes(aged.clean),
            "mask": aged.mask.astype(np.uint8),
            "weight": (~aged.faint).astype(np.uint8),
        }


class OldSamples:
    """Real old photographs: no truth, so ``clean`` repeats ``aged`` and only ``aged`` may be learnt from."""

    def __init__(self, data: Path, size: int) -> None:
        self.photos = PhotoFolder(data / "old")
        self.size = size

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one patch of a real old photograph."""
        _, photo = self.photos.draw(rng)
        patch = cut({"aged": photo}, self.size, rng)["aged"]
        empty = np.zeros(patch.shape[:2], np.uint8)
        return {"aged": patch, "clean": patch, "mask": empty, "weight": empty}


class WornSamples:
    """Real old photographs with damage added by the synthesis: real grain, screens and edges around it.

    Their own damage is in no mask, so that all but the added damage is uncertain, except where somebody looked
    (see ``verdicts``). Half of the patches come from photographs with such places, and most of those cover one.
    Photographs whose marks measure are left out. Of those in print, half were damaged before they were printed.
    """

    def __init__(self, data: Path, size: int) -> None:
        self.photos = PhotoFolder(data / "old", held_out_of_wear(data / "annotated"))
        self.library = DefectLibrary.of_data(data)
        self.size = size
        places = read_verdicts()
        self.looked_at = [(path, places[path.stem]) for path in self.photos.paths if path.stem in places]

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one patch with added damage; ``clean`` is the patch before."""
        photo, weight = self._photo(rng)
        scale = float(np.exp(rng.uniform(np.log(0.75), np.log(1.6))))
        scaled = {"aged": resized(photo, scale, "aged"), "weight": resized(weight, scale, "weight")}
        looked_at = np.asarray(scaled["weight"] != UNCERTAIN, np.uint8)
        patch = cut(scaled, self.size, rng, towards=looked_at)
        before = _retoned(patch["aged"], rng)
        in_print, damaged_first = rng.random() < SCREENED, rng.random() < 0.5
        if in_print and not damaged_first:
            before = screened(before, rng)
        profile = WEAR[rng.choice(len(WEAR), p=[share for _, share in WEAR])][0]
        worn = age(before, sample_recipe(int(rng.integers(2**31)), profile), self.library)
        after = screened(to_bytes(worn.aged), rng) if in_print and damaged_first else to_bytes(worn.aged)
        mask = worn.mask.astype(np.uint8)
        weight = np.where(mask > 0, ~worn.faint, patch["weight"]).astype(np.uint8)
        return {"aged": after, "clean": before, "mask": mask, "weight": weight}

    def _photo(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a photograph and the weights of its places, ``H×W``."""
        if self.looked_at and rng.random() < 0.5:
            path, places = self.looked_at[rng.integers(len(self.looked_at))]
            photo = self.photos.read(path)
            return photo, weights(places, *photo.shape[:2])
        _, photo = self.photos.draw(rng)
        return photo, weights([], *photo.shape[:2])


class AnnotatedSamples:
    """Real old photographs with damage marked by hand, scaled, mirrored and re-toned."""

    def __init__(self, data: Path, size: int) -> None:
        folder = data / "annotated"
        self.photos = PhotoFolder(data / "old", in_annotated_validation)
        marked = {p.name.removesuffix("_mask.png") for p in folder.glob("*_mask.png")}
        paths = [p for p in self.photos.paths if p.stem in marked]
        self.items = [_marked(folder, p.stem, self.photos.read(p)) for p in paths]
        if not self.items:
            raise UsageError(
                f"{folder} holds no masks for training photographs in {data / 'old'}. The detector learns from marks "
                "made by hand as well: add NAME_mask.png (255 = damage) there for some dozen NAME.jpg, of which half "
                "are kept for measuring."
            )
        self.damaged = [item for item in self.items if item[1].any()]
        self.size = size

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one patch; two of three from a damaged photograph, if there is one, and around a mark."""
        pool = self.damaged if rng.random() < 0.67 and self.damaged else self.items
        photo, mask, weight = pool[rng.integers(len(pool))]
        whole = {"aged": photo, "mask": mask, "weight": weight}
        scale = float(np.exp(rng.uniform(np.log(0.75), np.log(1.6))))
        scaled = {name: resized(array, scale, name) for name, array in whole.items()}
        patch = cut(scaled, self.size, rng, towards=scaled["mask"])
        if rng.random() < SCREENED:
            patch["aged"] = screened(patch["aged"], rng)
        patch["aged"] = _retoned(patch["aged"], rng)
        return {**patch, "clean": patch["aged"]}


SOURCES: dict[str, type[AgedSamples] | type[OldSamples] | type[WornSamples] | type[AnnotatedSamples]] = {
    "aged": AgedSamples,
    "old": OldSamples,
    "worn": WornSamples,
    "annotated": AnnotatedSamples,
}
"""The sources by name."""


def cut(
    sample: Sample, size: int, rng: np.random.Generator, towards: NDArray[np.uint8] | None = None
) -> Sample:
    """Cut the same random ``size``-pixel square out of every array (mirrored outwards where too small).

    With ``towards`` the square covers a random marked pixel, if there is one.
    """
    height, width = next(iter(sample.values())).shape[:2]
    grow_y, grow_x = max(0, size - height), max(0, size - width)
    if grow_y or grow_x:
        border = ((0, grow_y), (0, grow_x))
        sample = {
            name: np.pad(array, (*border, (0, 0))[: array.ndim], mode="symmetric")
            for name, array in sample.items()
        }
        if "weight" in sample:
            sample["weight"][height:] = 0
            sample["weight"][:, width:] = 0
        height, width = height + grow_y, width + grow_x
    top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    if towards is not None and towards.any() and rng.random() < 0.8:
        marks = np.argwhere(towards)
        y, x = marks[rng.integers(len(marks))]
        top = int(np.clip(y - rng.integers(size), 0, height - size))
        left = int(np.clip(x - rng.integers(size), 0, width - size))
    return {k: v[top : top + size, left : left + size] for k, v in sample.items()}


def turned(sample: Sample, rng: np.random.Generator) -> Sample:
    """Apply one of the eight mirror images and quarter turns to every array."""
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    result = {}
    for name, array in sample.items():
        rotated = np.rot90(array, turns)
        result[name] = np.ascontiguousarray(rotated[:, ::-1] if mirror else rotated)
    return result


def _rescaled(photo: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shrink half of the photographs a little: sharper edges, other scales."""
    if rng.random() < 0.5:
        return photo
    return resized(photo, float(rng.uniform(0.67, 1.0)), "clean")


def resized(array: NDArray[np.uint8], scale: float, name: str) -> NDArray[np.uint8]:
    """Scale one array of a sample, ``H×W`` or ``H×W×3``; ``name`` says which: marks stay marks, where they are."""
    size = (max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale)))
    if name == "mask" and scale < 1:
        # A one-pixel scratch must survive shrinking: a marked pixel marks the pixel it falls into.
        return (cv2.resize(array.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.3).astype(
            np.uint8
        )
    if name in ("mask", "weight"):
        # INTER_NEAREST goes by the corners of pixels, all else here by their centres: half a pixel of difference.
        return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(array, size, interpolation=method), np.uint8)


def _retoned(patch: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change gamma, contrast and level, now and then invert: damage is bright and dark."""
    values = (patch.astype(np.float32) / 255) ** float(np.exp(rng.normal(0, 0.25)))
    values = (values - 0.5) * rng.uniform(0.7, 1.2) + 0.5 + rng.normal(0, 0.05)
    if rng.random() < 0.25:
        values = 1 - values
    values += rng.normal(0, rng.uniform(0, 0.02), patch.shape[:2])[..., None]
    return to_bytes(values)


def screened(patch: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a photograph printed as dots, by a screen of its own."""
    return to_bytes(halftone(patch.astype(np.float32) / np.float32(255), halftone_parameters(rng), rng))


def _marked(
    folder: Path, stem: str, photo: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an annotated photograph with its mask (1 = damage) and weight (0 = undecidable)."""
    mask = cv2.imread(str(folder / f"{stem}_mask.png"), cv2.IMREAD_GRAYSCALE)
    ignored = cv2.imread(str(folder / f"{stem}_ignore.png"), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise UsageError(f"{folder / stem}_mask.png cannot be decoded.")
    weight = np.ones(mask.shape, np.uint8) if ignored is None else (ignored < 128).astype(np.uint8)
    if not photo.shape[:2] == mask.shape == weight.shape:
        raise UsageError(
            f"The masks {folder / stem}_*.png are {mask.shape} and {weight.shape}, their photograph is "
            f"{photo.shape[:2]}. Give masks of its size."
        )
    return photo, (mask > 127).astype(np.uint8), weight
