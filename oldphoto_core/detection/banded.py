"""The mask of damage by hysteresis, of a scan of any size: band by band, in bounded memory, by any number of threads.

Three passes: what is suspected is counted, because the thresholds depend on it (see `detection.prior`); regions are
found and judged as wholes (see `detection.masks`); the mask is written.

Law: mask and facts do not depend on the bands or the threads. What is held beside a band is a few numbers a region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.masks import is_defect, is_flock, wider_probability
from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.detection.regions import BandRegions, Flags, JoinedRegions, Labelled, Labels
from oldphoto_core.photo import Mask, Probability
from oldphoto_core.raster import BAND_PIXELS, MemoryRaster, Raster, bands
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.threads import in_threads

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
    workers: int = 1,
    band_pixels: int = BAND_PIXELS // 2,
) -> MaskFacts:
    """Write the mask, and measure it: the connected regions above the growing threshold that are defects.

    All are dropped where they are a flock.

    Args:
        probability: ``H×W`` ``float32`` in [0, 1].
        mask: ``H×W`` ``bool``; True = repair.
        settings: thresholds and the least size of a defect.
        drawn: somebody drew the mask: marks that are alike are meant all the same (see `masks.is_flock`).
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

    def seen(band: int) -> _Seen:
        return _Seen.of(read(band), spans[band][0], own)

    regions, kept = _judged(list(in_threads(seen, numbers, workers)), own)
    if not drawn and is_flock(regions.shapes.areas[kept]):
        kept[:] = False

    def written(band: int) -> tuple[int, int]:
        found, (top, _) = read(band), spans[band]
        marked = Labelled.of(found >= own.grow_probability)
        part: Mask = np.zeros(found.shape, bool)
        part.reshape(-1)[marked.places] = kept[regions.of_band(band)][marked.owners]
        mask.write(top, 0, part)
        undecided = (found > UNDECIDED[0]) & (found < UNDECIDED[1]) & ~part
        return int(np.count_nonzero(part)), int(np.count_nonzero(undecided))

    counts = list(in_threads(written, numbers, workers))
    masked, undecided = (sum(column) for column in zip(*counts, strict=True))
    return MaskFacts(masked, undecided, int(kept.sum()), height * width)


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


class _Seen(NamedTuple):
    """Of one band: its regions, their highest probabilities, and the label of the wider region each lies in."""

    regions: BandRegions
    peaks: NDArray[np.float32]
    wider: BandRegions
    inside: Labels

    @classmethod
    def of(cls, probability: Probability, top: int, settings: RestoreSettings) -> _Seen:
        grown = Labelled.of(probability >= settings.grow_probability)
        around = Labelled.of(probability >= wider_probability(settings))
        return cls(
            grown.regions(top), grown.highest(probability), around.regions(top), grown.any_of(around.labels)
        )


def _judged(seen: list[_Seen], settings: RestoreSettings) -> tuple[JoinedRegions, Flags]:
    """Return the regions of all bands, and which of the whole ones are kept."""
    regions = JoinedRegions([band.regions for band in seen])
    wider = JoinedRegions([band.wider for band in seen])
    peaks = regions.highest(np.concatenate([band.peaks for band in seen]))
    inside = regions.any_of(
        np.concatenate([wider.of_band(number)[band.inside - 1] for number, band in enumerate(seen)])
    )
    return regions, is_defect(regions.shapes, peaks, wider.shapes, inside, settings)
