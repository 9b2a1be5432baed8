"""What the detector finds in photographs with few marks, in worn ones and in print, and what it marks in sound ones.

    python -m benchmarks.detection                                # a few minutes
    python -m benchmarks.detection --data FOLDER --weights FOLDER   # other weights, say before they are shipped

The data folder holds old/, annotated/, clean/ and defects/. *annotated* are the photographs of the validation half
whose damage was marked by hand, *moderate* and *heavy* those that no training saw with damage of the synthesis on
0.3–2 % and 2–20 % of the picture besides their own, which counts as false alarm; *losses* have corners, holes and
patches of 0.5–15 % that are gone; *sound* are modern ones. *In print* the dots of a book plate lie over the picture
with its damage, *print* has the damage over the dots. The pictures of damage are those that training draws from.
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import PHOTOS, report
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import (
    HEAVY_WEAR_PROFILE,
    LOSSES_PROFILE,
    WEAR_PROFILE,
    DegradationProfile,
    sample_recipe,
)
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.evaluation.annotated import AnnotatedPhoto, annotated_photos
from oldphoto_core.evaluation.metrics import DetectionTally
from oldphoto_core.evaluation.pairs import Photo, list_photos, read_photo
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.training.samples import screened
from oldphoto_core.training.split import in_annotated_validation, in_validation

_PHOTOGRAPHS = 64
_TRIES = 40
_LARGER_THAN_ANY = 10_000
_MODERATE = WEAR_PROFILE, (0.003, 0.02)
_HEAVY = HEAVY_WEAR_PROFILE, (0.02, 0.2)
_LOSSES = LOSSES_PROFILE, (0.005, 0.15)


def main() -> None:
    """Look at every set, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS.parent)
    parser.add_argument("--weights", type=Path, help="folder of weights (default: the shipped ones)")
    parser.add_argument("--limit", type=int, default=_PHOTOGRAPHS, help="photographs a set at most")
    parser.add_argument("--same-thresholds", action="store_true", help="for all photographs (decision 0018)")
    parser.add_argument(
        "--without-broad", action="store_true", help="no rule for broad regions (decision 0031)"
    )
    parser.add_argument("--out", default="detection", help="name of the result")
    given = parser.parse_args()
    settings = RestoreSettings()
    if given.same_thresholds:
        settings = replace(settings, sparse_share=1.0, dense_share=1.0)
    if given.without_broad:
        settings = replace(settings, broad_radius=_LARGER_THAN_ANY)
    restorer = load_restorer(weights=given.weights, settings=settings)
    scores: dict[str, Any] = {}
    for name, cases in sets(given.data, given.limit).items():
        tally = DetectionTally()
        for case in cases():
            found = restorer.detect(case.photo)
            tally.add(found.probability, found.mask, case.damage, case.ignored)
        said = asdict(tally.scores())
        scores[name] = {key: round(value, 6) for key, value in said.items() if not math.isnan(value)}
    report(given.out, {"sets": scores})


def sets(data: Path, limit: int) -> dict[str, Callable[[], Iterator[AnnotatedPhoto]]]:
    """Return the sets by name; their photographs are made when they are asked for."""
    library = DefectLibrary.from_directory(data / "defects")
    old = list_photos(data / "old", in_validation, limit)

    def annotated() -> Iterator[AnnotatedPhoto]:
        return annotated_photos(data / "old", data / "annotated", in_annotated_validation)

    def moderate() -> Iterator[AnnotatedPhoto]:
        return (worn(path.stem, read_photo(path), *_MODERATE, library) for path in old)

    def heavy() -> Iterator[AnnotatedPhoto]:
        return (worn(path.stem, read_photo(path), *_HEAVY, library) for path in old)

    def heavy_print() -> Iterator[AnnotatedPhoto]:
        return (worn(path.stem, printed(path.stem, read_photo(path)), *_HEAVY, library) for path in old)

    def losses() -> Iterator[AnnotatedPhoto]:
        return (worn(path.stem, read_photo(path), *_LOSSES, library) for path in old)

    def sound() -> Iterator[AnnotatedPhoto]:
        for path in list_photos(data / "clean", in_validation, limit):
            photo = read_photo(path)
            yield AnnotatedPhoto(path.stem, photo, np.zeros(photo.shape[:2], bool))

    def in_print(cases: Callable[[], Iterator[AnnotatedPhoto]]) -> Callable[[], Iterator[AnnotatedPhoto]]:
        return lambda: (replace(one, photo=printed(one.name, one.photo)) for one in cases())

    return {
        "annotated": annotated,
        "annotated, in print": in_print(annotated),
        "moderate": moderate,
        "moderate, in print": in_print(moderate),
        "heavy": heavy,
        "heavy, in print": in_print(heavy),
        "print, heavy": heavy_print,
        "losses": losses,
        "losses, in print": in_print(losses),
        "sound": sound,
        "sound, in print": in_print(sound),
    }


def worn(
    name: str,
    photo: Photo,
    profile: DegradationProfile,
    share: tuple[float, float],
    library: DefectLibrary,
) -> AnnotatedPhoto:
    """Damage a photograph by the first of its recipes that takes such a share of it (or by the last tried)."""
    for attempt in range(_TRIES):
        aged = age(photo, sample_recipe(_seed(name) + attempt, profile), library)
        if share[0] <= aged.mask.mean() <= share[1]:
            break
    return AnnotatedPhoto(name, _bytes(aged.aged), aged.mask, aged.faint)


def printed(name: str, photo: Photo) -> Photo:
    """Print a photograph by a screen that goes by its name."""
    return screened(photo, np.random.default_rng(_seed(name)))


def _seed(name: str) -> int:
    return zlib.crc32(name.encode())


def _bytes(unit: np.ndarray[Any, np.dtype[np.float32]]) -> Photo:
    return np.clip(np.rint(unit * 255), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
