"""The mask of damage by several threads: beside a GPU, hysteresis on one core would take longer than the rest.

Law: mask and facts are those of `oldphoto_core.detection.banded.hysteresis_into`, whatever the number of threads.
"""

from __future__ import annotations

import numpy as np

from oldphoto_core.detection.banded import UNDECIDED, MaskFacts, _Band, _Joined, _labelled, hysteresis_into
from oldphoto_core.detection.masks import is_flock
from oldphoto_core.detection.prior import adjusted, suspected_pixels
from oldphoto_core.raster import BAND_PIXELS, Raster, bands
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.threads import in_threads

_BAND_PIXELS = BAND_PIXELS // 2


def hysteresis_by(
    workers: int,
    probability: Raster,
    mask: Raster,
    settings: RestoreSettings,
    *,
    band_pixels: int = _BAND_PIXELS,
) -> MaskFacts:
    """Write the mask that ``hysteresis_into`` writes, and measure it; so many bands are worked on at a time.

    Args:
        workers: threads; with one it is ``hysteresis_into``.
        probability: ``H×W`` ``float32`` in [0, 1].
        mask: ``H×W`` ``bool``; True = repair.
        settings: thresholds and the least size of a defect.
        band_pixels: how much of the scan is a band.
    """
    if workers <= 1:
        return hysteresis_into(probability, mask, settings)
    height, width = probability.shape
    spans = list(bands(height, width, band_pixels))

    def suspected(span: tuple[int, int]) -> int:
        return suspected_pixels(probability.read(span[0], 0, span[1], width), settings)

    own = adjusted(settings, sum(in_threads(suspected, spans, workers)), height * width)

    def seen(span: tuple[int, int]) -> _Band:
        return _Band.of(probability.read(span[0], 0, span[1], width), span[0], own)

    # Joining what crosses bands is little work and goes in order.
    joined = _Joined(own)
    judged = [
        joined.judge(band, first=number == 0, last=number == len(spans) - 1)
        for number, band in enumerate(in_threads(seen, spans, workers))
    ]
    kept_open = joined.kept()
    kept = np.concatenate([verdict.areas for verdict in judged] + [joined.kept_areas()]).astype(np.float64)
    flock = is_flock(len(kept), kept.sum(), np.square(kept).sum())

    def written(number: int) -> tuple[int, int]:
        top, bottom = spans[number]
        found = probability.read(top, 0, bottom, width)
        part = judged[number].keep(kept_open)[_labelled(found, own)[1]] & (not flock)
        mask.write(top, 0, part)
        undecided = (found > UNDECIDED[0]) & (found < UNDECIDED[1]) & ~part
        return int(part.sum()), int(undecided.sum())

    counts = list(in_threads(written, range(len(spans)), workers))
    masked, undecided = (sum(column) for column in zip(*counts, strict=True))
    return MaskFacts(masked, undecided, 0 if flock else len(kept), height * width)
