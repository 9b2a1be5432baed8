"""The shapes and textures that structured damage is made of: from files, or drawn without any.

Layout of a directory: ``film/KIND-NNNN.png`` (alpha, 255 = defect), ``holes/*.png`` (255 = missing),
``stains/*.png`` and ``paper/*`` (colour). A folder that is absent is drawn procedurally instead.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import UsageError

Alpha = NDArray[np.uint8]
Texture = NDArray[np.float32]

FILM_KINDS = (
    "dirt", "dots", "hair", "hairshort", "lint", "scratches", "smut", "spots", "sprinkles", "stain",
)  # fmt: skip
"""Kinds of film damage, by the first part of the file's name."""
_PAPER_SIDE = 384


class DefectLibrary:
    """Alphas of film damage and holes, stain and paper textures; loaded on first use, then kept.

    ``has(kind)`` tells whether files of a kind exist; without them callers draw the shape themselves.
    Memory when everything has been used: about 90 MB. Not shared between processes.
    """

    def __init__(self, files: dict[str, tuple[Path, ...]]) -> None:
        self._files = files
        self._cache: dict[Path, Alpha] = {}
        self._textures: dict[Path, Texture] = {}

    @classmethod
    def from_directory(cls, directory: Path | str) -> DefectLibrary:
        """List the pictures of ``directory``; none is read yet.

        Raises:
            UsageError: the directory does not exist or holds none of the known folders.
        """
        root = Path(directory)
        files = {kind: tuple(sorted((root / "film").glob(f"{kind}-*.png"))) for kind in FILM_KINDS}
        for folder in ("holes", "stains", "paper"):
            found = (root / folder).glob("*")
            files[folder] = tuple(sorted(p for p in found if p.suffix.lower() in (".png", ".jpg")))
        files = {kind: paths for kind, paths in files.items() if paths}
        if not files:
            raise UsageError(
                f"{root} holds no defect pictures (film/, holes/, stains/, paper/). "
                "Name the defects folder of the data pack, or use DefectLibrary.procedural()."
            )
        return cls(files)

    @classmethod
    def procedural(cls) -> DefectLibrary:
        """Return a library that needs no files: every shape is drawn."""
        return cls({})

    @classmethod
    def of_data(cls, data: Path) -> DefectLibrary:
        """Return the scanned damage in ``data/defects``; without it everything is drawn, with less variety."""
        defects = data / "defects"
        return cls.from_directory(defects) if defects.is_dir() else cls.procedural()

    def has(self, kind: str) -> bool:
        """Tell whether there are files of ``kind`` (a film kind, holes, stains or paper)."""
        return kind in self._files

    def alpha(self, kind: str, rng: np.random.Generator) -> Alpha:
        """Return one ``h×w`` ``uint8`` alpha of ``kind``; not to be written to."""
        path = self._pick(kind, rng)
        if path not in self._cache:
            self._cache[path] = self._read(path, cv2.IMREAD_GRAYSCALE)
        return self._cache[path]

    def stain(self, rng: np.random.Generator) -> Texture:
        """Return one stain as ``h×w×3`` transmittance in (0, 1]: 1 = the bare paper around the stain."""
        path = self._pick("stains", rng)
        if path not in self._textures:
            crop = self._read(path, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
            bare = np.percentile(crop.reshape(-1, 3), 75, axis=0).astype(np.float32)
            self._textures[path] = np.clip(crop / np.maximum(bare, 1.0), 0.05, 1.0).astype(np.float32)
        return self._textures[path]

    def paper(self, shape: tuple[int, int], rng: np.random.Generator) -> Texture:
        """Return an ``H×W×3`` paper texture in [0, 1] of the wanted ``shape``, tiled by mirroring."""
        tile = self._paper_tile(rng) if self.has("paper") else procedural_paper(rng)
        top, left = int(rng.integers(0, tile.shape[0])), int(rng.integers(0, tile.shape[1]))
        rows = _mirror(np.arange(shape[0]) + top, tile.shape[0])
        columns = _mirror(np.arange(shape[1]) + left, tile.shape[1])
        return np.asarray(tile[rows[:, None], columns[None, :]], dtype=np.float32)

    def _paper_tile(self, rng: np.random.Generator) -> Texture:
        path = self._pick("paper", rng)
        if path not in self._textures:
            pixels = self._read(path, cv2.IMREAD_COLOR)[:_PAPER_SIDE, :_PAPER_SIDE, ::-1]
            self._textures[path] = np.ascontiguousarray(pixels).astype(np.float32) / np.float32(255.0)
        return self._textures[path]

    def _pick(self, kind: str, rng: np.random.Generator) -> Path:
        paths = self._files[kind]
        return paths[int(rng.integers(0, len(paths)))]

    @staticmethod
    def _read(path: Path, flag: int) -> Alpha:
        pixels = cv2.imread(str(path), flag)
        if pixels is None:
            raise UsageError(
                f"{path} is not a readable picture. Remove it from the defect library or restore it."
            )
        return np.asarray(pixels, dtype=np.uint8)


def procedural_paper(rng: np.random.Generator, side: int = 256) -> Texture:
    """Draw a ``side×side×3`` sheet of aged paper: clouds, fibres and a warm tint, in [0, 1]."""
    sheet = np.zeros((side, side), dtype=np.float32)
    for cells, weight in ((3, 0.05), (9, 0.03), (40, 0.02)):
        coarse = rng.random((cells, cells), dtype=np.float32) - np.float32(0.5)
        sheet += weight * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    sheet += cv2.GaussianBlur(rng.standard_normal((side, side), dtype=np.float32), (0, 0), 0.8) * 0.02
    warm = rng.uniform(0.0, 0.18)
    base = np.array([1.0, 1.0 - 0.35 * warm, 1.0 - warm], dtype=np.float32) * rng.uniform(0.78, 0.95)
    return np.clip(base * (1.0 + sheet[..., None]), 0.0, 1.0).astype(np.float32)


def _mirror(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    folded = index % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded)
