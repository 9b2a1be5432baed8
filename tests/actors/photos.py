"""Tiny real files, and the input rows for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from actors.job import RestoreJob
from actors.rows import InputRow
from oldphoto_core.photo import Tier

RECIPE = hashlib.sha256(b"a recipe").hexdigest()


def clean(
    height: int = 40, width: int = 56, dtype: type[np.uint8] | type[np.uint16] = np.uint8
) -> NDArray[np.uint8]:
    """A smooth colour gradient, ``H×W×3``."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = np.stack([down / height, across / width, (down + across) / (height + width)], axis=2)
    result: NDArray[np.uint8] = ((0.2 + 0.5 * planes) * np.iinfo(dtype).max).astype(dtype)
    return result


def scratched(
    height: int = 40, width: int = 56, dtype: type[np.uint8] | type[np.uint16] = np.uint8
) -> NDArray[np.uint8]:
    """The gradient with a white vertical scratch, one pixel wide."""
    pixels = clean(height, width, dtype)
    pixels[5:-5, width // 3] = np.iinfo(dtype).max
    return pixels


def worn(height: int = 192, width: int = 240) -> NDArray[np.uint8]:
    """The gradient with slanting scratches and blots, which the shipped detector is sure of."""
    pixels = clean(height, width).copy()
    for x in (width // 3, 2 * width // 3):
        ends = (x - width // 10, 5), (x + width // 10, height - 6)
        cv2.line(pixels, *ends, (255, 255, 255), 2, cv2.LINE_AA)
    for radius, (x, y) in enumerate([(width // 2, height // 4), (width // 8, height // 2)], start=2):
        cv2.circle(pixels, (x, y), radius, (0, 0, 0), cv2.FILLED, cv2.LINE_AA)
    return pixels


def save(path: Path, pixels: NDArray[np.uint8], **options: object) -> Path:
    """Save as the suffix says; TIFF by tifffile, because Pillow has no 16-bit colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    else:
        Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def save_oriented(path: Path, pixels: NDArray[np.uint8], orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(path, pixels, exif=exif.tobytes())


def rows(root: Path, keys: Iterable[str]) -> list[InputRow]:
    """Input rows as the catalog would plan them."""
    return [
        InputRow(
            work_item_id=number,
            key=key,
            uri=str(root / key),
            sha256=hashlib.sha256((root / key).read_bytes()).hexdigest(),
            prefix="",
            stem=key.rsplit(".", 1)[0],
        )
        for number, key in enumerate(keys, start=1)
    ]


def job_for(
    source: Path | str, destination: Path | str, *, tier: Tier = Tier.ENHANCED, keep_tiers: bool = False
) -> RestoreJob:
    return RestoreJob(
        source=str(source),
        destination=str(destination),
        recipe_id=RECIPE,
        tier=tier,
        keep_tiers=keep_tiers,
        device="cpu",
        code_version="1.2.3",
    )


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """RGB or grey pixels of a written derivative, as stored."""
    if path.suffix == ".tif":
        found: NDArray[np.uint8] = tifffile.imread(path)
        return found
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    assert read is not None
    return np.ascontiguousarray(read[..., ::-1] if read.ndim == 3 else read)
