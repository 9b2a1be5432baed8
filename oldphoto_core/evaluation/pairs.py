"""Where the pictures to measure on come from: ready pairs, or clean photographs aged on the fly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation import PROFILES, DefectLibrary, DegradationRecipe, age, sample_recipe
from oldphoto_core.errors import UsageError
from oldphoto_core.photo import Mask
from oldphoto_core.pixels import to_bytes

Photo = NDArray[np.uint8]
Keep = Callable[[str], bool]

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


@dataclass(frozen=True)
class Pair:
    """One photograph: ``aged`` and ``clean`` ``H×W×3`` ``uint8``; ``mask`` is the true damage, if known."""

    name: str
    aged: Photo
    clean: Photo
    mask: Mask | None


def read_photo(path: Path) -> Photo:
    """Return ``H×W×3`` RGB, upright.

    Raises:
        UsageError: the file is no readable picture.
    """
    return np.ascontiguousarray(_read(path, cv2.IMREAD_COLOR)[..., ::-1])


def read_mask(path: Path) -> Mask:
    """Return ``H×W`` bool of an 8-bit grey picture: True above 127."""
    return np.asarray(_read(path, cv2.IMREAD_GRAYSCALE) > 127)


def _read(path: Path, flag: int) -> Photo:
    picture = cv2.imread(str(path), flag)
    if picture is None:
        raise UsageError(
            f"{path} cannot be decoded. Remove it from the folder, or restore it from its source."
        )
    return np.asarray(picture, dtype=np.uint8)


def list_photos(folder: Path, keep: Keep | None = None, limit: int | None = None) -> list[Path]:
    """Return the pictures of ``folder`` in order of name, those that ``keep`` accepts, at most ``limit``."""
    paths = [
        p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES and (keep is None or keep(p.name))
    ]
    return paths[:limit]


def check_profile(name: str) -> None:
    """Raise :class:`UsageError` unless photographs can be aged by a profile of that name."""
    if name not in PROFILES:
        raise UsageError(f"There is no profile {name!r}. Choose one of {', '.join(sorted(PROFILES))}.")


def recipe_of(path: Path, profile: str, seed: int) -> DegradationRecipe:
    """Return the recipe that ages a photograph: ``seed`` and its name decide it, whatever lies beside it."""
    digest = hashlib.sha256(f"{seed}/{path.stem}".encode()).digest()
    return sample_recipe(int.from_bytes(digest[:4], "big"), PROFILES[profile])


def holds_pairs(directory: Path) -> bool:
    """Say whether a folder gives ready pairs, and not photographs to be aged."""
    return (directory / "aged").is_dir() and (directory / "clean").is_dir()


def find_pairs(
    directory: Path, *, profile: str, limit: int | None, size: int, seed: int, keep: Keep | None
) -> tuple[int, Iterator[Pair]]:
    """Return how many pairs ``directory`` gives, and the pairs one by one.

    With ``clean/`` and ``aged/`` inside, files of the same stem are pairs, ``masks/`` is optional. Otherwise
    the photographs of ``clean/`` (or of the folder itself) are cut to ``size`` in the middle and aged by
    ``profile``; the seed of each comes from ``seed`` and its name, so that a limit changes nothing else.

    Raises:
        UsageError: no photographs, or an unknown profile.
    """
    check_profile(profile)
    if not directory.is_dir():
        raise UsageError(
            f"{directory} is not a folder. Name one with clean photographs, or with clean/ and aged/."
        )
    clean = directory / "clean" if (directory / "clean").is_dir() else directory
    paths = list_photos(clean, keep, limit)
    if not paths:
        raise UsageError(f"{clean} holds no photographs to measure on ({', '.join(SUFFIXES)}).")
    if holds_pairs(directory):
        return len(paths), _ready_pairs(directory, paths)
    return len(paths), _aged_pairs(paths, damage_library(directory), profile, size, seed)


def _ready_pairs(directory: Path, paths: list[Path]) -> Iterator[Pair]:
    aged = {p.stem: p for p in list_photos(directory / "aged")}
    masks = {p.stem: p for p in list_photos(directory / "masks")} if (directory / "masks").is_dir() else {}
    for path in paths:
        if path.stem not in aged:
            raise UsageError(
                f"{path} has no partner in {directory / 'aged'}. Add it, or remove the clean one."
            )
        pair = Pair(
            name=path.name,
            aged=read_photo(aged[path.stem]),
            clean=read_photo(path),
            mask=read_mask(masks[path.stem]) if path.stem in masks else None,
        )
        if pair.aged.shape != pair.clean.shape or (
            pair.mask is not None and pair.mask.shape != pair.clean.shape[:2]
        ):
            raise UsageError(f"{path.name}: the clean photo, the aged one and the mask must be of one size.")
        yield pair


def _aged_pairs(
    paths: list[Path], library: DefectLibrary, profile: str, size: int, seed: int
) -> Iterator[Pair]:
    for path in paths:
        pair = age(middle(read_photo(path), size), recipe_of(path, profile, seed), library)
        yield Pair(path.name, to_bytes(pair.aged), to_bytes(pair.clean), pair.mask)


def damage_library(directory: Path) -> DefectLibrary:
    """Return the scanned damage in ``defects/`` inside or beside a folder; drawn damage where there is none."""
    for folder in (directory / "defects", directory.parent / "defects"):
        if folder.is_dir():
            return DefectLibrary.from_directory(folder)
    return DefectLibrary.procedural()


def middle(photo: Photo, size: int) -> Photo:
    """Return the middle ``size``×``size`` pixels, or fewer where the photo is smaller."""
    top, left = max(0, (photo.shape[0] - size) // 2), max(0, (photo.shape[1] - size) // 2)
    return np.ascontiguousarray(photo[top : top + size, left : left + size])
