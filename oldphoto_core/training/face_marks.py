"""Where the faces of the training photographs are: ``face_marks.tsv``, one face a line.

Columns: ``photo`` (``folder/name.jpg``), the box's ``x``, ``y``, ``width``, ``height``, five landmarks ``x1 y1 … x5
y5`` in the order of :mod:`~oldphoto_core.faces.landmarks`, all in pixels of the photograph, and ``verdict``: *face*,
or *unsure* for what nobody can tell and training leaves out. A photograph that is listed nowhere has no faces.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import UsageError

MARKS = Path(__file__).with_name("face_marks.tsv")
LANDMARKS = 5
_NUMBERS = (
    "x",
    "y",
    "width",
    "height",
    *(f"{axis}{number}" for number in range(1, LANDMARKS + 1) for axis in "xy"),
)
_VERDICTS = {"face": True, "unsure": False}


@dataclass(frozen=True)
class FaceMark:
    """A face in a photograph.

    ``points`` is ``6×2`` float64 in pixel edges: the middle of the box, then the landmarks; ``side`` the square root
    of the box's area in pixels; ``sure`` is False for what training leaves out.
    """

    points: NDArray[np.float64]
    side: float
    sure: bool


def read_face_marks(table: Path = MARKS) -> dict[str, list[FaceMark]]:
    """Return the marks by ``folder/name.jpg``.

    Raises:
        UsageError: there is no table, or a row is not a name, fourteen numbers and a verdict.
    """
    if not table.is_file():
        raise UsageError(f"{table} is missing. It says where the faces of the training photographs are.")
    marks: dict[str, list[FaceMark]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8-sig") as stream:
        for number, row in enumerate(csv.DictReader(stream, delimiter="\t"), start=2):
            try:
                x, y, width, height, *landmarks = (float(row[name]) for name in _NUMBERS)
                mark = FaceMark(
                    _points(x, y, width, height, landmarks),
                    (width * height) ** 0.5,
                    _VERDICTS[row["verdict"]],
                )
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(
                    f"{table}, line {number}: want photo, {', '.join(_NUMBERS)} and a verdict (face or unsure), "
                    "parted by tabs."
                ) from error
            if not (width > 0 and height > 0 and np.isfinite(mark.points).all()):
                raise UsageError(f"{table}, line {number}: the box has no area. Give its width and height.")
            marks[row["photo"]].append(mark)
    return dict(marks)


def _points(x: float, y: float, width: float, height: float, landmarks: list[float]) -> NDArray[np.float64]:
    # Landmarks are pixel centres, the box has edges.
    five = np.reshape(landmarks, (LANDMARKS, 2)) + 0.5
    return np.vstack([(x + width / 2, y + height / 2), five])
