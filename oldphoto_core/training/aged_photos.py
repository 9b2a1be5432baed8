"""Photographs aged as wholes, for the small networks that read something off a whole photo.

Each is cut, aged (or left sound) and described once, by a function of the network's trainer; the descriptions are
few enough to be held. The same number and seed give the same ones, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import PROFILES, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.errors import UsageError
from oldphoto_core.latent.overview import overview
from oldphoto_core.pixels import to_bytes
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.training.samples import PhotoFolder, read_photo
from oldphoto_core.training.split import in_validation

SOUND = "sound"
LEAST_PHOTOGRAPHS = 8
_CHUNK = 32

Photo = NDArray[np.uint8]
Example = TypeVar("Example")


@dataclass(frozen=True)
class AgedPhoto:
    """A photo ``h×w×3`` as it is and as it was: ``kind`` is a profile's name or :data:`SOUND`; toned or not.

    ``path`` is the file that it comes from.
    """

    path: Path
    aged: Photo
    clean: Photo
    kind: str
    toned: bool

    def overview(self) -> NDArray[np.float32]:
        """Return the overview of the aged photo; UsageError if it is too narrow for one."""
        seen = overview(MemoryRaster(self.aged))
        if seen is None:
            height, width = self.aged.shape[:2]
            raise UsageError(
                f"{self.path}: {width}×{height} pixels of it are too narrow to learn from. "
                "Remove it from the training folder."
            )
        return seen


Report = Callable[[int, int], None]
"""Called with how many examples are made and how many there are to be."""
Describe = Callable[[AgedPhoto, np.random.Generator], Example]


@dataclass(frozen=True)
class Ageing(Generic[Example]):
    """How photographs become examples.

    Args:
        data: folder with ``clean/`` (``defects/`` for the ageing, where there is one).
        kinds: profiles and :data:`SOUND`, each with its share.
        held_out_kinds: what each held-out photograph is aged by, once each.
        describe: a function of a module; it may draw.
        seed: of crops and ageing.
    """

    data: Path
    kinds: Sequence[tuple[str, float]]
    held_out_kinds: Sequence[str]
    describe: Describe[Example]
    seed: int

    def examples(self, number: int, workers: int, report: Report) -> tuple[list[Example], list[Example]]:
        """Return ``number`` examples of the training photographs, and those of the held-out ones.

        Args:
            number: of the training photographs.
            workers: processes that age photos besides this one; 0 means this one does.
            report: see :data:`Report`.

        Raises:
            UsageError: too few training photographs.
        """
        clean = PhotoFolder(self.data / "clean").paths
        if len(clean) < LEAST_PHOTOGRAPHS:
            raise UsageError(
                f"{self.data}/clean gives {len(clean)} photographs; {LEAST_PHOTOGRAPHS} are the least."
            )
        held_out = sorted(p for p in (self.data / "clean").glob("*.jpg") if in_validation(p.name))
        order = np.random.default_rng((self.seed, 0x70)).permutation(len(clean))
        jobs: list[_Job] = [(clean[order[turn % len(clean)]], turn, None) for turn in range(number)]
        judged = [(path, kind) for kind in self.held_out_kinds for path in held_out]
        jobs += [(path, turn, kind) for turn, (path, kind) in enumerate(judged, start=number)]
        made: list[Example] = []
        for part in self._made(jobs, workers):
            made += part
            report(len(made), len(jobs))
        return made[:number], made[number:]

    def _made(self, jobs: list[_Job], workers: int) -> Iterator[list[Example]]:
        chunks = [jobs[first : first + _CHUNK] for first in range(0, len(jobs), _CHUNK)]
        if workers:
            with ProcessPoolExecutor(workers, get_context("spawn"), _open, (self.data,)) as pool:
                yield from pool.map(self.chunk, chunks)
            return
        _open(self.data)
        yield from map(self.chunk, chunks)

    def chunk(self, jobs: list[_Job]) -> list[Example]:
        """Return the examples of some jobs, in a process in which the damage is open."""
        return [self._example(*job) for job in jobs]

    def _example(self, path: Path, turn: int, kind: str | None) -> Example:
        rng = np.random.default_rng((self.seed, turn, 0x70))
        photo = _cut(read_photo(path), rng)
        kind = kind or str(rng.choice([name for name, _ in self.kinds], p=[share for _, share in self.kinds]))
        if kind == SOUND:
            return self.describe(AgedPhoto(path, photo, photo, SOUND, toned=False), rng)
        recipe = sample_recipe(int(rng.integers(1 << 40)), PROFILES[kind])
        pair = age(photo, recipe, _library)
        toned = any(step.name == "tone" for step in recipe.operations)
        return self.describe(AgedPhoto(path, to_bytes(pair.aged), to_bytes(pair.clean), kind, toned), rng)


_Job = tuple[Path, int, str | None]
_library: DefectLibrary | None = None
"""The damage of the process that ages: opened once in each."""


def _open(data: Path) -> None:
    global _library
    _library = DefectLibrary.of_data(data)
    cv2.setNumThreads(1)


def _cut(photo: Photo, rng: np.random.Generator) -> Photo:
    """Return a part as large as an overview, one of the photo reduced, or one twice as large, reduced later."""
    luck = rng.random()
    side, share = (256, 1.0) if luck < 0.4 else (int(rng.choice([192, 256])), rng.random())
    if luck >= 0.9:
        side, share = 448, 0.5
    least = min(1.0, side / min(photo.shape[:2]))
    scale = least + (1 - least) * share
    if scale < 1:
        photo = np.asarray(
            cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    top, left = (int(rng.integers(0, max(1, length - side + 1))) for length in photo.shape[:2])
    part = photo[top : top + side, left : left + side]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)
