"""The mask of damage of a scan of any size: hysteresis and components band by band, in bounded memory.

Law: the mask, its coverage and its number of components do not depend on the bands. A component that ends
inside its band is judged there; one that touches the next band is joined with what it touches (union-find)
and judged once all of it has been seen. A first pass counts what the thresholds depend on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.masks import is_defect, is_flock, peaks_of
from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.raster import BAND_PIXELS, Raster, bands
from oldphoto_core.settings import RestoreSettings

UNDECIDED = (0.35, 0.65)
"""Probabilities between these, outside the mask, count as undecided."""


@dataclass(frozen=True)
class MaskFacts:
    """What is measured of a mask: masked and undecided pixels, components, and pixels in all."""

    masked: int
    undecided: int
    components: int
    pixels: int

    def measurements(self) -> dict[str, float]:
        """Return the measurements that `oldphoto_core.measure.measure_detection` takes of arrays."""
        return {
            "mask_share": self.masked / self.pixels,
            "mask_components": float(self.components),
            "uncertain_share": self.undecided / self.pixels,
        }


def hysteresis_into(
    probability: Raster,
    mask: Raster,
    settings: RestoreSettings,
    *,
    drawn: bool = False,
    band_pixels: int = BAND_PIXELS,
) -> MaskFacts:
    """Write the mask that `oldphoto_core.detection.masks.hysteresis` makes, and measure it.

    Args:
        probability: ``H×W`` ``float32`` in [0, 1].
        mask: ``H×W`` ``bool``; True = repair.
        settings: thresholds and the least size of a defect.
        drawn: somebody drew the mask: marks that are alike are meant all the same (see `masks.is_flock`).
        band_pixels: how much is held in memory at a time.
    """
    height, width = probability.shape
    spans = list(bands(height, width, band_pixels))
    suspected = sum(suspected_pixels(probability.read(t, 0, b, width), settings) for t, b in spans)
    settings = adjusted(settings, suspected, height * width)
    joined = _Joined(settings)
    judged = []
    for number, (top, bottom) in enumerate(spans):
        band = _Band.of(probability.read(top, 0, bottom, width), top, settings)
        judged.append(joined.judge(band, first=number == 0, last=number == len(spans) - 1))
    kept_open = joined.kept()
    kept = np.concatenate([verdict.areas for verdict in judged] + [joined.kept_areas()]).astype(np.float64)
    flock = not drawn and is_flock(len(kept), kept.sum(), np.square(kept).sum())
    masked = undecided = 0
    for (top, bottom), verdict in zip(spans, judged, strict=True):
        found = probability.read(top, 0, bottom, width)
        part = verdict.keep(kept_open)[_labelled(found, settings)[1]] & (not flock)
        mask.write(top, 0, part)
        masked += int(part.sum())
        undecided += int(((found > UNDECIDED[0]) & (found < UNDECIDED[1]) & ~part).sum())
    return MaskFacts(masked, undecided, 0 if flock else len(kept), height * width)


def dilate_into(mask: Raster, grown: Raster, pixels: int, *, band_pixels: int = BAND_PIXELS) -> None:
    """Write ``mask`` (``H×W`` bool) grown by a disc of so many pixels."""
    height, width = mask.shape
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    for top, bottom in bands(height, width, band_pixels):
        first, last = max(0, top - pixels), min(height, bottom + pixels)
        part = mask.read(first, 0, last, width)
        if pixels > 0 and part.any():
            part = cv2.dilate(part.astype(np.uint8), disc).astype(bool)
        grown.write(top, 0, part[top - first : bottom - first])


@dataclass(frozen=True)
class _Band:
    """The components of one band; index 0 of every array is the background.

    ``boxes`` are top, left, bottom and right in the scan's rows and columns, ``N×4``.
    """

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]
    peaks: NDArray[np.float32]
    boxes: NDArray[np.int64]

    @classmethod
    def of(cls, probability: NDArray[np.float32], top: int, settings: RestoreSettings) -> _Band:
        count, labels, stats = _labelled(probability, settings)
        boxes = stats[:, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT]]
        boxes = np.hstack([boxes, boxes + stats[:, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]])
        boxes += np.array([top, 0, top, 0])
        return cls(labels, stats[:, cv2.CC_STAT_AREA], peaks_of(probability, labels, count), boxes)


@dataclass(frozen=True)
class _Verdict:
    """Per label of a band: kept for sure, and the number of the joined component for those still open.

    ``areas`` are those of the labels that are kept for sure.
    """

    closed: NDArray[np.bool_]
    areas: NDArray[np.int64]
    open_labels: NDArray[np.intp]
    open_numbers: NDArray[np.intp]

    def keep(self, kept_open: NDArray[np.bool_]) -> NDArray[np.bool_]:
        keep = self.closed.copy()
        keep[self.open_labels] = kept_open[self.open_numbers]
        return keep


@dataclass
class _Joined:
    """Components that cross bands: a union-find forest with area, peak and box at the roots."""

    settings: RestoreSettings
    parents: list[int] = field(default_factory=list)
    areas: list[int] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    boxes: list[tuple[int, ...]] = field(default_factory=list)
    _above: NDArray[np.intp] | None = None

    def judge(self, band: _Band, *, first: bool, last: bool) -> _Verdict:
        """Take a band in, below the one before."""
        edges = [] if first else [band.labels[0]]
        edges += [] if last else [band.labels[-1]]
        touching = np.unique(np.concatenate(edges)) if edges else np.empty(0, np.int32)
        is_open = touching[touching > 0].astype(np.intp)
        numbers = np.arange(len(self.parents), len(self.parents) + len(is_open))
        self.parents.extend(numbers.tolist())
        self.areas.extend(band.areas[is_open].tolist())
        self.peaks.extend(band.peaks[is_open].tolist())
        self.boxes.extend(map(tuple, band.boxes[is_open].tolist()))
        number_of = np.full(len(band.areas), -1, np.intp)
        number_of[is_open] = numbers
        if self._above is not None:
            for one, other in _touching(self._above, number_of[band.labels[0]]):
                self._join(one, other)
        self._above = number_of[band.labels[-1]]
        closed = _judged(band.areas, band.peaks, band.boxes, self.settings)
        closed[0] = closed[is_open] = False
        return _Verdict(closed, band.areas[closed], is_open, numbers)

    def kept(self) -> NDArray[np.bool_]:
        """Return for each open component's number whether all of it together is kept."""
        roots = np.array([self._root(number) for number in range(len(self.parents))], np.intp)
        return self._kept_roots()[roots]

    def kept_areas(self) -> NDArray[np.int64]:
        """Return the areas of the joined components that are kept."""
        roots = sorted({self._root(number) for number in range(len(self.parents))})
        kept = self._kept_roots()
        return np.array([self.areas[root] for root in roots if kept[root]], np.int64)

    def _kept_roots(self) -> NDArray[np.bool_]:
        """Return what is kept by the numbers at the roots; the others' values mean nothing."""
        boxes = np.array(self.boxes, np.int64).reshape(-1, 4)
        areas, peaks = np.array(self.areas, np.int64), np.array(self.peaks, np.float32)
        return _judged(areas, peaks, boxes, self.settings)

    def _root(self, number: int) -> int:
        while self.parents[number] != number:
            self.parents[number] = self.parents[self.parents[number]]
            number = self.parents[number]
        return number

    def _join(self, one: int, other: int) -> None:
        keeps, goes = self._root(one), self._root(other)
        if keeps == goes:
            return
        self.parents[goes] = keeps
        self.areas[keeps] += self.areas[goes]
        self.peaks[keeps] = max(self.peaks[keeps], self.peaks[goes])
        here, there = self.boxes[keeps], self.boxes[goes]
        low, high = map(min, here[:2], there[:2]), map(max, here[2:], there[2:])
        self.boxes[keeps] = (*low, *high)


def _judged(
    areas: NDArray[np.int64],
    peaks: NDArray[np.float32],
    boxes: NDArray[np.int64],
    settings: RestoreSettings,
) -> NDArray[np.bool_]:
    return is_defect(areas, peaks, boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1], settings)


def _labelled(
    probability: NDArray[np.float32], settings: RestoreSettings
) -> tuple[int, NDArray[np.int32], NDArray[np.int64]]:
    """Return the number of labels, the 8-connected labels (0 = none) and their statistics as OpenCV's."""
    grown = (probability >= settings.grow_probability).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    return count, labels.astype(np.int32, copy=False), stats.astype(np.int64)


def _touching(above: NDArray[np.intp], below: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield each pair of numbers that meet between two rows, corners included; −1 is nothing."""
    width = len(above)
    pairs = []
    for shift in (-1, 0, 1):
        upper = above[max(0, -shift) : width - max(0, shift)]
        lower = below[max(0, shift) : width - max(0, -shift)]
        met = (upper >= 0) & (lower >= 0)
        pairs.append(np.stack([upper[met], lower[met]], axis=1))
    for one, other in np.unique(np.concatenate(pairs), axis=0):
        yield int(one), int(other)
