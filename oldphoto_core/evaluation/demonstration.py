"""An archive that anybody has: scikit-image's own pictures, aged by our synthesis, with the truth beside it.

The pictures come with the scikit-image package and are free of rights (NASA; CC0): nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from oldphoto_core.degradation.profiles import PROFILES, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.evaluation.metrics import psnr, ssim
from oldphoto_core.pixels import to_bytes

Photo = NDArray[np.uint8]

PICTURES: dict[str, Callable[[], Photo]] = {
    "astronaut": data.astronaut,
    "cat": data.chelsea,
    "coffee": data.coffee,
    "photographer": data.camera,
    "rocket": data.rocket,
}
SCANS: tuple[tuple[str, str, str, int], ...] = (
    ("album/astronaut", "astronaut", "archive", 4),
    ("album/cat", "cat", "archive", 21),
    ("album/coffee", "coffee", "seed", 3),
    ("album/photographer", "photographer", "archive", 30),
    ("plates/astronaut", "astronaut", "seed", 12),
    ("plates/cat", "cat", "seed", 8),
    ("plates/photographer", "photographer", "seed", 5),
    ("plates/rocket", "rocket", "archive", 17),
)
"""Key of the scan, its picture, and the profile and seed that age it."""


@dataclass(frozen=True)
class Comparison:
    """How close a scan and its restoration are to the truth: PSNR in dB, SSIM; more is better."""

    key: str
    scan_psnr: float
    restored_psnr: float
    scan_ssim: float
    restored_ssim: float


def make_archive(scans: Path, truth: Path) -> None:
    """Write the aged scans below ``scans``, what they should become below ``truth``, and one broken file."""
    for key, picture, profile, seed in SCANS:
        clean = PICTURES[picture]()
        clean = np.repeat(clean[..., None], 3, axis=2) if clean.ndim == 2 else clean
        aged = age(clean, sample_recipe(seed, PROFILES[profile]))
        _write(scans / f"{key}.png", aged.aged)
        _write(truth / f"{key}.png", aged.clean)
    (scans / "album" / "not-a-photo.jpg").write_text("A note that somebody saved under the wrong name.\n")


def compare(scans: Path, truth: Path, restored: Callable[[str], Path | None]) -> list[Comparison]:
    """Compare every scan, and what ``restored(key)`` names, with the truth.

    A photo that was found to need nothing has no restored file: then the scan stands for it.
    """
    rows = []
    for key, *_ in SCANS:
        wanted, before = _read(truth / f"{key}.png"), _read(scans / f"{key}.png")
        path = restored(key)
        after = before if path is None else _read(path)
        rows.append(
            Comparison(
                key, psnr(before, wanted), psnr(after, wanted), ssim(before, wanted), ssim(after, wanted)
            )
        )
    return rows


def before_and_after(scan: Path, mask: Path, restored: Path, truth: Path, out: Path) -> None:
    """Write scan, mask, restored and truth side by side as one JPEG or PNG."""
    pictures = [_read(path) for path in (scan, mask, restored, truth)]
    height = min(picture.shape[0] for picture in pictures)
    gap = np.ones((height, 12, 3), np.float32)
    strip = [part for picture in pictures for part in (picture[:height], gap)][:-1]
    _write(out, np.hstack(strip))


def _read(path: Path) -> NDArray[np.float32]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"{path} is not a readable picture.")
    return picture[..., ::-1].astype(np.float32) / np.float32(255)


def _write(path: Path, unit: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), to_bytes(unit)[..., ::-1]):
        raise OSError(f"{path} could not be written.")
