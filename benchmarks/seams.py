"""What fading the tiles into each other does about the step at their border in a wide hole.

    python -m benchmarks.seams                 # six photographs, four minutes
    python -m benchmarks.seams --photos FOLDER --count 12

The photographs are enlarged twice, so that two tiles lie side by side, and a square hole is made across their
border. ``step`` is the change from the last column of one tile to the first of the other, rows taken eight at a time,
beyond what it is between the columns nearby: mean and maximum over the photographs, in levels of 255.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import PHOTOS, report
from oldphoto_core.evaluation.pairs import list_photos, read_photo
from oldphoto_core.restore import Restorer, given_mask, load_restorer

WIDTHS = (33, 65, 129, 257, 400)
_ROWS, _SEEN = 760, 1100
_TOGETHER = 8
_NEARBY = 20


def main() -> None:
    """Restore every photograph with holes of several widths, with and without fading, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--count", type=int, default=6)
    given = parser.parse_args()
    restorer = load_restorer(device="cpu")
    photos = _enlarged(given.photos, given.count)
    steps: dict[str, dict[str, list[float]]] = {}
    for photo in photos:
        for width in WIDTHS:
            with patch("oldphoto_core.steps.fade_seams"):
                plain = _step(restorer, photo, width)
            row = steps.setdefault(str(width), {"tiles": [], "faded": []})
            row["tiles"].append(plain)
            row["faded"].append(_step(restorer, photo, width))
    report(
        "seams",
        {
            "photos": len(photos),
            "step": {
                width: {name: {"mean": np.mean(found), "maximum": max(found)} for name, found in row.items()}
                for width, row in steps.items()
            },
        },
    )


def _enlarged(folder: Path, count: int) -> list[NDArray[np.uint8]]:
    """Return the first photographs that are large enough, enlarged twice and cut to two tiles."""
    found: list[NDArray[np.uint8]] = []
    for path in list_photos(folder):
        pixels = read_photo(path)
        if pixels.shape[0] >= _ROWS / 2 and pixels.shape[1] >= _SEEN / 2:
            twice: Any = cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            found.append(twice[:_ROWS, :_SEEN].copy())
        if len(found) == count:
            break
    return found


def _step(restorer: Restorer, photo: NDArray[np.uint8], width: int) -> float:
    """Return the step at the border in a white hole of ``width×width`` pixels across it."""
    assert restorer.translator is not None
    grid = restorer.translator.grid(*photo.shape[:2])
    border, top = grid.tile - grid.border, (_ROWS - width) // 2
    mask = np.zeros(photo.shape[:2], bool)
    mask[top : top + width, border - width // 2 : border - width // 2 + width] = True
    torn = np.where(mask[..., None], np.uint8(255), photo)
    restored = restorer.translate(torn, given_mask(mask, torn)).restored.astype(np.float32)
    # Without the rim, where the hole's own edge is.
    inside = np.diff(restored[top + width // 8 : top + width - width // 8], axis=1).mean(2)
    inside = inside[: len(inside) // _TOGETHER * _TOGETHER].reshape(-1, _TOGETHER, inside.shape[1]).mean(1)
    changes = np.abs(inside).mean(0)
    nearby = min(_NEARBY, width // 4)
    around = [border - 1 + sign * at for at in range(2, nearby + 1) for sign in (-1, 1)]
    return float(changes[border - 1] - changes[around].mean())


if __name__ == "__main__":
    main()
