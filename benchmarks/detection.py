"""What the detector finds in photographs with few marks, in worn ones and in print, and what it marks in sound ones.

    python -m benchmarks.detection                                # a few minutes
    python -m benchmarks.detection --data FOLDER --weights FOLDER   # other weights, say before they are shipped

The data folder holds old/, annotated/, clean/ and defects/. *annotated* are the photographs of the validation half
whose damage was marked by hand, *moderate* and *heavy* those that no training saw with damage of the synthesis on
0.3–2 % and 2–20 % of the picture besides their own, which counts as false alarm; *sound* are modern ones. *In print*
the dots of a book plate lie over the photograph with its damage, *print* has the damage over the dots.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import PHOTOS, report
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.operators import halftone
from oldphoto_core.degradation.parameters import halftone as halftone_parameters
from oldphoto_core.degradation.profiles import HEAVY_WEAR_PROFILE, WEAR_PROFILE, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.evaluation.metrics import DetectionTally
from oldphoto_core.evaluation.pairs import Photo, list_photos, read_mask, read_photo
from oldphoto_core.photo import Mask
from oldphoto_core.restore import load_restorer
from oldphoto_core.training.split import in_annotated_validation, in_validation

_PHOTOGRAPHS = 64
_TRIES = 40
_MODERATE, _HEAVY = (0.003, 0.02), (0.02, 0.2)


@dataclass(frozen=True)
class Case:
    """A photograph ``H×W×3`` and its true damage, ``H×W``; pixels of ``ignored`` are not counted."""

    name: str
    photo: Photo
    damage: Mask
    ignored: Mask | None = None

    def in_print(self) -> Case:
        """Return it as a book shows it."""
        return replace(self, photo=printed(self.name, self.photo))


def main() -> None:
    """Look at every set, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS.parent)
    parser.add_argument("--weights", type=Path, help="folder of weights (default: the shipped ones)")
    parser.add_argument("--limit", type=int, default=_PHOTOGRAPHS, help="photographs a set at most")
    parser.add_argument("--out", default="detection", help="name of the result")
    given = parser.parse_args()
    restorer = load_restorer(weights=given.weights, lacking=None)
    scores: dict[str, Any] = {}
    for name, cases in sets(given.data, given.limit).items():
        tally = DetectionTally()
        for case in cases():
            found = restorer.detect(case.photo)
            tally.add(found.probability, found.mask, case.damage, case.ignored)
        said = {key: _rounded(value) for key, value in asdict(tally.scores()).items()}
        scores[name] = {key: value for key, value in said.items() if value is not None}
    report(given.out, {"sets": scores})


def sets(data: Path, limit: int) -> dict[str, Callable[[], Iterator[Case]]]:
    """Return the sets by name; their photographs are made when they are asked for."""
    library = DefectLibrary.from_directory(data / "defects")
    old = list_photos(data / "old", in_validation, limit)

    def annotated() -> Iterator[Case]:
        return marked_by_hand(data)

    def moderate() -> Iterator[Case]:
        return (worn(path.stem, read_photo(path), _MODERATE, library) for path in old)

    def heavy() -> Iterator[Case]:
        return (worn(path.stem, read_photo(path), _HEAVY, library) for path in old)

    def heavy_print() -> Iterator[Case]:
        return (worn(path.stem, printed(path.stem, read_photo(path)), _HEAVY, library) for path in old)

    def sound() -> Iterator[Case]:
        for path in list_photos(data / "clean", in_validation, limit):
            photo = read_photo(path)
            yield Case(path.stem, photo, np.zeros(photo.shape[:2], bool))

    def in_print(cases: Callable[[], Iterator[Case]]) -> Callable[[], Iterator[Case]]:
        return lambda: (case.in_print() for case in cases())

    return {
        "annotated": annotated,
        "annotated, in print": in_print(annotated),
        "moderate": moderate,
        "moderate, in print": in_print(moderate),
        "heavy": heavy,
        "heavy, in print": in_print(heavy),
        "print, heavy": heavy_print,
        "sound": sound,
        "sound, in print": in_print(sound),
    }


def marked_by_hand(data: Path) -> Iterator[Case]:
    """Return the hand-annotated photographs of the validation half."""
    for path in sorted((data / "annotated").glob("*_mask.png")):
        name = path.name.removesuffix("_mask.png")
        if in_annotated_validation(name):
            ignored = path.with_name(f"{name}_ignore.png")
            yield Case(
                name,
                read_photo(data / "old" / f"{name}.jpg"),
                read_mask(path),
                read_mask(ignored) if ignored.is_file() else None,
            )


def worn(name: str, photo: Photo, share: tuple[float, float], library: DefectLibrary) -> Case:
    """Damage a photograph by the first of its recipes that takes such a share of it (or by the last tried)."""
    profile = HEAVY_WEAR_PROFILE if share == _HEAVY else WEAR_PROFILE
    for attempt in range(_TRIES):
        aged = age(photo, sample_recipe(_seed(name) + attempt, profile), library)
        if share[0] <= aged.mask.mean() <= share[1]:
            break
    return Case(name, _bytes(aged.aged), aged.mask, aged.faint)


def printed(name: str, photo: Photo) -> Photo:
    """Print a photograph as dots, by parameters of its own."""
    rng = np.random.default_rng(_seed(name))
    return _bytes(halftone(photo.astype(np.float32) / np.float32(255), halftone_parameters(rng), rng))


def _seed(name: str) -> int:
    return zlib.crc32(name.encode())


def _bytes(unit: np.ndarray[Any, np.dtype[np.float32]]) -> Photo:
    return np.clip(np.rint(unit * 255), 0, 255).astype(np.uint8)


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 6)


if __name__ == "__main__":
    main()
