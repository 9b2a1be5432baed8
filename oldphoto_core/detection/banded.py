"""The mask of damage by hysteresis, of a scan of any size: band by band, in bounded memory, by any number of threads.

Three passes: what is suspected is counted, because the thresholds depend on it (see `detection.prior`); regions are
found and judged as wholes (see `detection.masks`); the mask is written.

Law: mask and facts do not depend on the bands or the threads. What is held beside a band is a few numbers a region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.depth import DepthMeter
from oldphoto_core.detection.masks import dilated, discs, is_broad, is_defect, is_flock, wider_probability
from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.detection.regions import BandRegions, Flags, JoinedRegions, Labelled, Labels
from oldphoto_core.photo import Mask, Probability
from oldphoto_core.raster import BAND_PIXELS, MemoryRaster, Raster, bands
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.threads import in_threads

UNDECIDED = (0.35, 0.65)
"""Probabilities between these, outside the mask, count as undecided."""

_QUARTER = 0.7
"""A quarter of a disc has more pixels than so many squared radii."""


@dataclass(frozen=True)
class MaskFacts:
    """What is measured of a mask: masked and undecided pixels, components, pixels in all, and how deep it goes."""

    masked: int
    undecided: int
    components: int
    pixels: int
    depth: float

    def measurements(self) -> dict[str, float]:
        """Return the measurements that `oldphoto_core.measure.measure_detection` takes of arrays."""
        return {
            "mask_share": self.masked / self.pixels,
            "mask_components": float(self.components),
            "uncertain_share": self.undecided / self.pixels,
            "fill_depth": self.depth,
        }


def hysteresis(probability: Probability, settings: RestoreSettings) -> Mask:
    """Return the mask of ``H×W`` probabilities in memory; see :func:`hysteresis_into`."""
    mask: Mask = np.empty(probability.shape, bool)
    hysteresis_into(MemoryRaster(probability), MemoryRaster(mask), settings, band_pixels=probability.size)
    return mask


def hysteresis_into(
    probability: Raster,
    mask: Raster,
    settings: RestoreSettings,
    *,
    drawn: bool = False,
    reduction: int = 1,
    workers: int = 1,
    band_pixels: int = BAND_PIXELS // 2,
) -> MaskFacts:
    """Write the mask, and measure it: the connected regions above the growing threshold that are defects.

    All are dropped where they are a flock. Broad regions above a lower threshold are defects in any case.

    Args:
        probability: ``H×W`` ``float32`` in [0, 1].
        mask: ``H×W`` ``bool``; True = repair.
        settings: thresholds and the least size of a defect.
        drawn: somebody drew the mask: marks that are alike are meant all the same (see `masks.is_flock`).
        reduction: factor of the coarse look at the scan; the radius of what is broad is so many times as long.
        workers: threads; each holds a band.
        band_pixels: how much of the scan is a band.
    """
    height, width = probability.shape
    spans = list(bands(height, width, band_pixels))

    def read(band: int) -> Probability:
        top, bottom = spans[band]
        return np.asarray(probability.read(top, 0, bottom, width), np.float32)

    def suspected(band: int) -> int:
        return suspected_pixels(read(band), settings)

    numbers = range(len(spans))
    own = adjusted(settings, sum(in_threads(suspected, numbers, workers)), height * width)

    radius = own.broad_radius * reduction

    def seen(band: int) -> _Seen:
        top, bottom = spans[band]
        first, last = max(0, top - radius), min(height, bottom + radius)
        around = np.asarray(probability.read(first, 0, last, width), np.float32)
        return _Seen.of(around, slice(top - first, bottom - first), top, radius, own)

    judged = _Judged.of(list(in_threads(seen, numbers, workers)), own, pixels=height * width, drawn=drawn)

    meter = DepthMeter(height, width)

    def written(band: int) -> tuple[int, int]:
        found, (top, _) = read(band), spans[band]
        part = judged.mask(band, found, own)
        mask.write(top, 0, part)
        meter.add(top, part)
        undecided = (found > UNDECIDED[0]) & (found < UNDECIDED[1]) & ~part
        return int(np.count_nonzero(part)), int(np.count_nonzero(undecided))

    counts = list(in_threads(written, numbers, workers))
    masked, undecided = (sum(column) for column in zip(*counts, strict=True))
    return MaskFacts(masked, undecided, judged.components, height * width, meter.depth())


def dilate_into(mask: Raster, grown: Raster, pixels: int, *, band_pixels: int = BAND_PIXELS) -> None:
    """Write ``mask`` (``H×W`` bool) grown by a disc of so many pixels."""
    height, width = mask.shape
    for top, bottom in bands(height, width, band_pixels):
        first, last = max(0, top - pixels), min(height, bottom + pixels)
        part = dilated(mask.read(first, 0, last, width), pixels)
        grown.write(top, 0, part[top - first : bottom - first])


class _Seen(NamedTuple):
    """Of one band: its regions, their highest probabilities, and the label of the wider region each lies in.

    ``disc`` says of each of the wider regions whether one lies in it (see `masks.discs`).
    """

    regions: BandRegions
    peaks: NDArray[np.float32]
    wider: BandRegions
    inside: Labels
    disc: Flags

    @classmethod
    def of(cls, around: Probability, rows: slice, top: int, radius: int, settings: RestoreSettings) -> _Seen:
        """Look at a band, the ``rows`` of ``around``, which begins at row ``top`` of the picture.

        The rows beside it are there for the discs that cross its border.
        """
        probability = around[rows]
        grown = Labelled.of(probability >= settings.grow_probability)
        lower = wider_probability(settings)
        wider = Labelled.of(probability >= lower)
        wholes = wider.regions(top)
        disc: Flags = np.zeros(wider.total, bool)
        # A corner of the picture cuts a disc down to a quarter, a low band that to some of its rows: most bands have
        # no region of such a size.
        if wholes.areas.max(initial=0) >= _QUARTER * radius * min(radius, len(probability) / 2):
            disc[wider.labels[discs(around >= lower, radius)[rows]] - 1] = True
        return cls(grown.regions(top), grown.highest(probability), wholes, grown.any_of(wider.labels), disc)


@dataclass(frozen=True)
class _Judged:
    """The regions of all bands, the wider ones around them, and which of each are kept as wholes."""

    regions: JoinedRegions
    kept: Flags
    wider: JoinedRegions
    broad: Flags

    @classmethod
    def of(cls, seen: list[_Seen], settings: RestoreSettings, *, pixels: int, drawn: bool) -> _Judged:
        regions = JoinedRegions([band.regions for band in seen])
        wider = JoinedRegions([band.wider for band in seen])
        peaks = regions.highest(np.concatenate([band.peaks for band in seen]))
        inside = regions.any_of(
            np.concatenate([wider.of_band(number)[band.inside - 1] for number, band in enumerate(seen)])
        )
        kept = is_defect(regions.shapes, peaks, wider.shapes, inside, settings)
        if not drawn and is_flock(regions.shapes.areas[kept]):
            kept[:] = False
        disc = wider.summed(np.concatenate([band.disc for band in seen]).astype(np.int64)) > 0
        broad = is_broad(wider.shapes, disc, pixels)
        # What lies in a broad region is part of it.
        return cls(regions, kept & ~broad[inside], wider, broad)

    @property
    def components(self) -> int:
        """How many connected regions the mask has."""
        return int(self.kept.sum() + self.broad.sum())

    def mask(self, band: int, probability: Probability, settings: RestoreSettings) -> Mask:
        """Return the mask of a band."""
        result: Mask = np.zeros(probability.shape, bool)
        _mark(
            result,
            Labelled.of(probability >= settings.grow_probability),
            self.kept[self.regions.of_band(band)],
        )
        chosen = self.broad[self.wider.of_band(band)]
        if chosen.any():
            _mark(result, Labelled.of(probability >= wider_probability(settings)), chosen)
        return result


def _mark(mask: Mask, regions: Labelled, chosen: Flags) -> None:
    """Add the chosen regions of a band to its mask."""
    mask.reshape(-1)[regions.places] |= chosen[regions.owners]
