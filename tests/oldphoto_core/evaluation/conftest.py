from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray


def picture(seed: int, height: int = 90, width: int = 110) -> NDArray[np.uint8]:
    """A smooth colour picture of its own, ``H×W×3`` RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 210, (5, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def write(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write RGB or grey pixels without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)


@pytest.fixture
def clean_folder(tmp_path: Path) -> Path:
    """Three clean photographs directly in a folder."""
    for number in range(3):
        write(tmp_path / "photos" / f"view-{number:04d}.png", picture(number))
    return tmp_path / "photos"


@pytest.fixture
def scratched_pairs(tmp_path: Path) -> Path:
    """clean/, aged/ and masks/ of two photographs with one white scratch each."""
    for number in range(2):
        clean = picture(number)
        mask = np.zeros(clean.shape[:2], dtype=np.uint8)
        cv2.line(mask, (10, 12 + 9 * number), (95, 70), 255, 2)
        aged = clean.copy()
        aged[mask > 0] = 255
        for folder, pixels in (("clean", clean), ("aged", aged), ("masks", mask)):
            write(tmp_path / "pairs" / folder / f"plate-{number}.png", pixels)
    return tmp_path / "pairs"
