"""How much of a mask of damage looks like writing or print: a caption taken for scratches is gone for good.

A heuristic, not a reader. Inside the mask the strokes are taken (thin, brighter or darker than what lies around
them); those of a letter's shape that stand in a row with others of their kind are counted. Four habits part
writing from damage:

* a letter is a stroke, bent or branched: dust is a blob, a scratch one straight line;
* the letters of a line have about one height, one stroke width and one base, and small gaps;
* one straight mark may be an *l*; in a line of writing most are not;
* damage has no direction of reading: rows found across are set against rows found down, and only what clearly
  outweighs the other counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.pixels import LUMINANCE, to_unit
from oldphoto_core.raster import Raster
from oldphoto_core.threads import in_threads
from oldphoto_core.tiling import Window, windows

WINDOW = 1536
"""Writing is looked for in squares of so many pixels a side; those with nothing masked cost nothing."""
MARGIN = 192
"""Context around a square, so that a line that crosses its border is seen whole from one side at least."""
STROKE = 25
"""Strokes up to about so many pixels wide are seen."""
CONTRAST = 0.06
"""A stroke departs from what lies around it by at least this share of the full range."""
HEIGHTS = (6, 160)
"""A letter's height in pixels, least and most."""
LEAST_ROW = 4
"""So many letters make a row."""
BENT = 1.35
"""A pen that went so many times its mark's diagonal went round a bend."""
TANGLED = 4.5
"""A pen that went further than so many diagonals drew a net of scratches, not a letter or a word."""
CLEAR = 0.6
"""At least this share of the marks around a row must stand in rows as well."""


@dataclass(frozen=True)
class Marks:
    """Connected strokes and blobs: edges of their boxes, stroke widths, pen ways in box diagonals, letter or not.

    All are arrays of one length, in pixels of the window.
    """

    left: NDArray[np.float64]
    top: NDArray[np.float64]
    right: NDArray[np.float64]
    bottom: NDArray[np.float64]
    stroke: NDArray[np.float64]
    length: NDArray[np.float64]
    shaped: NDArray[np.bool_]

    @property
    def height(self) -> NDArray[np.float64]:
        """Heights of the boxes."""
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middles of the boxes, across and down."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def turned(self) -> Marks:
        """Return the marks with rows and columns exchanged."""
        return Marks(self.top, self.left, self.bottom, self.right, self.stroke, self.length, self.shaped)

    def letters(self) -> NDArray[np.float64]:
        """Return for how many letters each mark may stand: joined handwriting is one mark a word."""
        width = self.right - self.left
        up_and_down = self.length * np.hypot(self.height, width) - width
        joined = np.clip(np.rint(up_and_down / (2 * self.height)), 1, 12)
        return np.where(self.stroke <= 0.4 * self.height, joined, 1.0)


def measure_lettering(pixels: Raster, mask: Raster, workers: int = 1) -> dict[str, float]:
    """Return ``lettering``: about how many letters stand in rows inside the mask.

    The squares depend on the scan's size alone, so that a scan on disk gives the answer of one in memory.

    Args:
        pixels: the photo as stored.
        mask: ``H×W`` bool, True = repair; the dilated one does as well.
        workers: how many squares are looked at at a time.
    """

    def letters(place: Window) -> float:
        return _letters_at(place, pixels, mask)

    height, width = mask.shape
    return {"lettering": sum(in_threads(letters, windows(height, width, WINDOW, MARGIN), workers), 0.0)}


def _letters_at(place: Window, pixels: Raster, mask: Raster) -> float:
    masked = mask.read(place.top, place.left, place.bottom, place.right)
    if not masked.any():
        return 0.0
    rows, columns = np.flatnonzero(masked.any(axis=1)), np.flatnonzero(masked.any(axis=0))
    part = (
        max(0, rows[0] - STROKE) + place.top,
        max(0, columns[0] - STROKE) + place.left,
        min(masked.shape[0], rows[-1] + STROKE + 1) + place.top,
        min(masked.shape[1], columns[-1] + STROKE + 1) + place.left,
    )
    inner = (
        place.inner_left - part[1],
        place.inner_top - part[0],
        place.inner_right - part[1],
        place.inner_bottom - part[0],
    )
    grey = to_unit(pixels.read(*part)) @ np.array(LUMINANCE, np.float32)
    return letters_in(grey, mask.read(*part), inner)


def letters_in(
    grey: NDArray[np.float32], mask: NDArray[np.bool_], inner: tuple[float, float, float, float]
) -> float:
    """Return about how many letters in rows have their middle inside ``inner`` (left, top, right, bottom).

    Args:
        grey: ``h×w`` in [0, 1].
        mask: ``h×w``, True = repair.
        inner: what counts, in pixels of ``grey``; rows are followed beyond it.
    """
    square = np.ones((STROKE, STROKE), np.uint8)
    found = 0.0
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        strokes = (cv2.morphologyEx(grey, operation, square) > CONTRAST) & mask
        marks = letter_shapes(strokes)
        if not marks.shaped.any():
            continue
        across, down = (
            _weight(marks, inner),
            _weight(marks.turned(), (inner[1], inner[0], inner[3], inner[2])),
        )
        # Twice the scatter of a count: marks strewn at random line up as often across as down.
        if abs(across - down) > 2 * np.sqrt(across + down):
            found += abs(across - down)
    return found


def letter_shapes(strokes: NDArray[np.bool_]) -> Marks:
    """Return the connected strokes (8-connected), and which may be letters by size, width and filling."""
    drawn = strokes.astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(drawn, connectivity=8)
    rim = strokes & ~cv2.erode(drawn, np.ones((3, 3), np.uint8)).astype(bool)
    edge = np.bincount(labels[rim], minlength=count)[1:].astype(np.float64)
    left, top, width, height, area = (stats[1:, column].astype(np.float64) for column in range(5))
    stroke = 2 * area / np.maximum(edge, 1)
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    shaped = (longer >= HEIGHTS[0]) & (shorter <= HEIGHTS[1]) & (longer <= 8 * shorter)
    shaped &= (stroke <= 0.4 * longer) & (area >= 0.08 * width * height) & (area <= 0.85 * width * height)
    length = area / (stroke * np.hypot(width, height))
    shaped &= length <= TANGLED
    return Marks(left, top, left + width, top + height, stroke, length, shaped)


def _weight(marks: Marks, inner: tuple[float, float, float, float]) -> float:
    """Return about how many letters the rows hold whose marks have their middle inside ``inner``."""
    letters, (x, y) = marks.letters(), marks.middle
    counted = (x >= inner[0]) & (x < inner[2]) & (y >= inner[1]) & (y < inner[3])
    rows = [row for row in _rows(_following(marks)) if _reads_as_writing(marks, letters, row)]
    in_rows = np.zeros(len(letters), bool)
    in_rows[[one for row in rows for one in row]] = True
    return sum(float(letters[row][counted[row]].sum()) for row in rows if _stands_clear(marks, row, in_rows))


def _rows(following: dict[int, int]) -> Iterator[list[int]]:
    for first in sorted(set(following) - set(following.values())):
        row = [first]
        while row[-1] in following:
            row.append(following[row[-1]])
        yield row


def _reads_as_writing(marks: Marks, letters: NDArray[np.float64], row: list[int]) -> bool:
    """Say whether a row is long enough, and most of it is bent."""
    return bool(letters[row].sum() >= LEAST_ROW and np.mean(marks.length[row] >= BENT) >= 0.5)


def _stands_clear(marks: Marks, row: list[int], in_rows: NDArray[np.bool_]) -> bool:
    """Say whether most marks of a row's size around it stand in rows as well: specks form rows by chance."""
    size, (x, y) = float(np.median(marks.height[row])), marks.middle
    near = (x > marks.left[row].min() - 2 * size) & (x < marks.right[row].max() + 2 * size)
    near &= (y > marks.top[row].min() - size) & (y < marks.bottom[row].max() + size)
    near &= np.maximum(marks.height, marks.right - marks.left) >= 0.4 * size
    return bool(in_rows[near].mean() >= CLEAR)


def _following(marks: Marks) -> dict[int, int]:
    """Return for each letter the one that follows it in its row: each is the other's nearest fitting neighbour."""
    letters = np.flatnonzero(marks.shaped)
    order = letters[np.argsort(marks.left[letters], kind="stable")]
    ends = np.searchsorted(marks.left[order], marks.right[order] + 3 * marks.height[order], side="right")
    claims: dict[int, tuple[float, int]] = {}
    for place, (one, end) in enumerate(zip(order.tolist(), ends.tolist(), strict=True)):
        others = order[place + 1 : end]
        gaps = _gaps(marks, one, others)
        if len(gaps) and np.isfinite(best := gaps.min()):
            other = int(others[gaps.argmin()])
            claims[other] = min(claims.get(other, (np.inf, one)), (float(best), one))
    return {one: other for other, (_, one) in claims.items()}


def _gaps(marks: Marks, one: int, others: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return how far each of ``others`` begins to the right of ``one``; infinite where the two do not fit."""
    height = marks.height
    mean = (height[one] + height[others]) / 2
    gap = marks.left[others] - marks.right[one]
    middle = marks.middle[1]
    level = np.minimum(np.abs(marks.bottom[others] - marks.bottom[one]), np.abs(middle[others] - middle[one]))
    fits = (gap >= -0.3 * mean) & (gap <= 1.2 * mean) & (level <= 0.3 * mean)
    fits &= _alike(height[others], height[one], 0.45) & _alike(marks.stroke[others], marks.stroke[one], 0.5)
    return np.where(fits, gap, np.inf)


def _alike(values: NDArray[np.float64], value: float, least: float) -> NDArray[np.bool_]:
    return np.asarray(np.minimum(values, value) >= least * np.maximum(values, value))
