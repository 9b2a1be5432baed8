"""Connected regions of a picture that passes band by band: areas, boxes, and what belongs together.

A band's regions are numbered on from those of the bands above it; those that meet at a border are one region.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Labels = NDArray[np.int32]
Numbers = NDArray[np.int64]


class Shapes(NamedTuple):
    """Of ``N`` regions: pixels, and the sides of their upright boxes."""

    areas: Numbers
    heights: Numbers
    widths: Numbers

    def diagonals_squared(self) -> Numbers:
        """Return the squared diagonals of the boxes."""
        return self.heights**2 + self.widths**2


class BandRegions(NamedTuple):
    """The 8-connected regions of one band, without its pixels.

    ``top_row`` and ``bottom_row`` are the labels there (0 = none); label ``i`` has row ``i − 1`` of ``areas`` and of
    ``boxes`` (top, left, bottom, right in the whole picture).
    """

    top_row: Labels
    bottom_row: Labels
    areas: Numbers
    boxes: Numbers


class Labelled(NamedTuple):
    """The 8-connected regions of the marked pixels of one band, ``H×W``.

    Marks are few: what is done for each of them, and not for each pixel of the band, costs next to nothing.

    Attributes:
        labels: ``H×W``; 0 where nothing is marked, else one more than the region's number.
        places: of the marked pixels, ``N`` positions in the flattened band, in order.
        owners: the number of the region that each of them belongs to, from 0 on.
        total: how many regions there are.
    """

    labels: Labels
    places: Numbers
    owners: Numbers
    total: int

    @classmethod
    def of(cls, marked: Flags) -> Labelled:
        """Return the regions of ``H×W`` pixels, numbered the same each time."""
        count, labels = cv2.connectedComponents(marked.astype(np.uint8), connectivity=8)
        places = np.flatnonzero(marked).astype(np.int64, copy=False)
        found = np.asarray(labels, np.int32)
        return cls(found, places, found.ravel()[places].astype(np.int64) - 1, count - 1)

    def regions(self, top: int = 0) -> BandRegions:
        """Return the regions of a band that begins at row ``top`` of the whole picture."""
        rows, columns = np.divmod(self.places, self.labels.shape[1])
        ends = (
            self._least(rows) + top,
            self._least(columns),
            self._most(rows + 1) + top,
            self._most(columns + 1),
        )
        # Rows of their own: a view would keep all labels alive.
        edges = self.labels[0].copy(), self.labels[-1].copy()
        return BandRegions(*edges, np.bincount(self.owners, minlength=self.total), np.stack(ends, axis=1))

    def highest(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the highest of ``H×W`` values, at least 0, in each region."""
        peaks = np.zeros(self.total, np.float32)
        np.maximum.at(peaks, self.owners, values.ravel()[self.places])
        return peaks

    def any_of(self, values: Labels) -> Labels:
        """Return for each region one of the ``H×W`` values that lie in it."""
        some = np.zeros(self.total, np.int32)
        some[self.owners] = values.ravel()[self.places]
        return some

    def _least(self, values: Numbers) -> Numbers:
        least: Numbers = np.full(self.total, self.labels.size, np.int64)
        np.minimum.at(least, self.owners, values)
        return least

    def _most(self, values: Numbers) -> Numbers:
        most: Numbers = np.zeros(self.total, np.int64)
        np.maximum.at(most, self.owners, values)
        return most


class JoinedRegions:
    """All bands' regions in order, and which of them are one.

    Args:
        bands: from the top down.
    """

    def __init__(self, bands: list[BandRegions]) -> None:
        self.first = np.cumsum([0, *(len(band.areas) for band in bands)])
        total = int(self.first[-1])
        pairs = [
            _met(above.bottom_row, below.top_row) + self.first[number : number + 2]
            for number, (above, below) in enumerate(pairwise(bands))
        ]
        meeting = np.concatenate([*pairs, np.empty((0, 2), np.int64)])
        self.count, self._whole = _components(total, meeting)
        areas = np.concatenate([band.areas for band in bands])
        boxes = np.concatenate([band.boxes for band in bands])
        low, high = np.full((self.count, 2), np.iinfo(np.int64).max), np.zeros((self.count, 2), np.int64)
        np.minimum.at(low, self._whole, boxes[:, :2])
        np.maximum.at(high, self._whole, boxes[:, 2:])
        self.shapes = Shapes(self.summed(areas), *(high - low).T)

    def of_band(self, band: int) -> Numbers:
        """Return the number of the whole region that each label of a band, from 1 on, is part of."""
        return self._whole[self.first[band] : self.first[band + 1]]

    def summed(self, values: Numbers) -> Numbers:
        """Return the sum over each whole region of one value for each band's region."""
        total: Numbers = np.zeros(self.count, np.int64)
        np.add.at(total, self._whole, values)
        return total

    def highest(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the highest value, at least 0, in each whole region of one for each band's region."""
        peaks = np.zeros(self.count, np.float32)
        np.maximum.at(peaks, self._whole, values)
        return peaks

    def any_of(self, values: Numbers) -> Numbers:
        """Return for each whole region one of its parts' values."""
        some: Numbers = np.zeros(self.count, np.int64)
        some[self._whole] = values
        return some


def _components(total: int, meeting: Numbers) -> tuple[int, Numbers]:
    """Return how many wholes ``total`` regions are, and the number of each one's; ``meeting``: pairs, ``P×2``."""
    if not len(meeting):
        return total, np.arange(total)
    # Half a second that a worker need not spend before its first photo: most have no regions that meet.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(meeting), bool), meeting.T), shape=(total, total))
    count, whole = connected_components(graph, directed=False)
    return int(count), whole.astype(np.int64)


def _met(above: Labels, below: Labels) -> Numbers:
    """Return the pairs of regions (labels less 1) that meet between two rows, corners included: ``P×2``."""
    width = len(above)
    pairs = []
    for shift in (-1, 0, 1):
        upper = above[max(0, -shift) : width - max(0, shift)]
        lower = below[max(0, shift) : width - max(0, -shift)]
        met = (upper > 0) & (lower > 0)
        pairs.append(np.stack([upper[met], lower[met]], axis=1))
    return np.unique(np.concatenate(pairs), axis=0).astype(np.int64) - 1
