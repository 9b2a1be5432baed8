"""Photographs whose faces are white discs, and the table that says where they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from oldphoto_core.training.face_marks import MARKS
from oldphoto_core.training.split import in_validation

_HEADER = "photo\tx\ty\twidth\theight\t" + "\t".join(f"x{n}\ty{n}" for n in range(1, 6)) + "\tverdict\n"
_LANDMARKS = ((-0.4, -0.3), (0.4, -0.3), (0, 0.1), (-0.3, 0.5), (0.3, 0.5))


def write_marks(folder: Path, *rows: str) -> Path:
    """Write the table of a training folder."""
    path = folder / MARKS.name
    path.write_text(_HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def write_marked_photos(data: Path) -> Path:
    """Write photographs with one disc each, 40 pixels wide in ``old``, 120 in ``faces``, none in ``clean``."""
    rows = []
    for folder, size, radius in (
        ("old", (260, 320), 20),
        ("clean", (260, 320), 0),
        ("faces", (220, 220), 60),
    ):
        (data / folder).mkdir()
        names = [name for n in range(200) if not in_validation(name := f"{folder}-{n}.jpg")][:4]
        x, y = size[1] // 2, size[0] // 2
        for name in names:
            photo = np.full((*size, 3), 60, np.uint8)
            if radius:
                cv2.circle(photo, (x, y), radius, (255, 255, 255), -1)
                points = [value for r, d in _LANDMARKS for value in (x + radius * r, y + radius * d)]
                numbers = (x - radius + 0.5, y - radius + 0.5, 2 * radius, 2 * radius, *points)
                rows.append("\t".join((f"{folder}/{name}", *map(str, numbers), "face")))
            cv2.imwrite(str(data / folder / name), photo)
    write_marks(data, *rows)
    return data
