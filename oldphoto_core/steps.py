"""The steps of a restoration, on rasters: the same code for a snapshot in memory and for a scan on disk.

Nothing here holds more than a few tiles, and nothing depends on where the pixels lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.detection.banded import MaskFacts, hysteresis_into
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.detection.lettering import measure_lettering
from oldphoto_core.detection.looks import Looks, enlarged_region
from oldphoto_core.latent.compose import REACH
from oldphoto_core.latent.doubts import doubts
from oldphoto_core.latent.fading import Levels, lost_levels
from oldphoto_core.latent.overview import overview
from oldphoto_core.latent.passage import Passage
from oldphoto_core.latent.seams import fade_seams
from oldphoto_core.latent.streamed import translate_streamed
from oldphoto_core.latent.tone import lost_tone
from oldphoto_core.latent.tone_correction import Corrected, ToneCorrection
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.measure import ChangeMeter
from oldphoto_core.photo import Mask
from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.raster import Raster
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.threads import done_in_threads
from oldphoto_core.tiling import Grid, Window, windows

DETECTION_BLOCK = 3072
"""The detector looks at squares of so many pixels a side, which bounds its memory and its context."""
_PROBES = 9
_PROBE_SIDE = 192
_PROBED_FROM = 4_000_000
_UNTOUCHED = {"mean_change": 0.0, "colour_drift": 0.0}
"""Both are taken outside the mask, where the conserved tier is the scan."""


@dataclass(frozen=True)
class Change:
    """What a translation did.

    Attributes:
        needed: whether the photo needed it.
        measurements: what was measured.
        complete: False where it was settled beforehand that nothing is needed, so that no pixel was written.
        fills_only: nothing but the damage is a reason to touch the photo: its restored tier is the conserved one.
        contrast: of the photo, as a share of the translated one's: less than 1 where tones were spread.
    """

    needed: bool
    measurements: dict[str, float]
    complete: bool = True
    fills_only: bool = False
    contrast: float = 1.0


def detect_into(
    detector: DefectDetector, settings: RestoreSettings, pixels: Raster, probability: Raster, mask: Raster
) -> MaskFacts:
    """Write the probability of damage (``H×W`` ``float32``) and the mask (``H×W`` bool) of ``pixels``.

    A large scan is also looked at reduced, as a whole; where that look is surer, it counts.
    """
    height, width = pixels.shape[:2]
    looks = Looks.of(height, width)
    coarse = detector.coarse_probability(pixels, looks.reduction) if looks.reduction > 1 else None

    def look(block: Window) -> None:
        seen = pixels.read(block.top, block.left, block.bottom, block.right)
        found = detector.probability(seen, looks.enlargement)[
            block.inner_top - block.top : block.inner_bottom - block.top,
            block.inner_left - block.left : block.inner_right - block.left,
        ]
        if coarse is not None:
            inner = (block.inner_top, block.inner_left, block.inner_bottom, block.inner_right)
            found = np.maximum(found, enlarged_region(coarse, looks.reduction, *inner))
        probability.write(block.inner_top, block.inner_left, found)

    done_in_threads(look, windows(height, width, DETECTION_BLOCK, settings.halo), detector.link.lanes)
    return hysteresis_into(
        probability, mask, settings, reduction=looks.reduction, workers=detector.link.workers
    )


def is_reason(share: float, settings: RestoreSettings, *, drawn: bool = False) -> bool:
    """Return whether a mask is a reason to restore a photo: a detected one from `needed_mask` on, a drawn one always.

    Args:
        share: of the photo, that the mask takes before it is dilated.
        settings: the threshold.
        drawn: by a person, who means each pixel of it.
    """
    return share > 0 if drawn else share >= settings.needed_mask


def translate_into(
    translator: LatentTranslator,
    settings: RestoreSettings,
    pixels: Raster,
    mask: Raster,
    restored: Raster,
    *,
    damaged: bool,
    fill_only: bool = False,
) -> Change:
    """Translate the photo, and judge what of it the photo needed.

    Where it is damaged and the translation changes less outside the mask than `needed_change`, the damage is all that
    is wrong with it: a speck is no reason to touch the rest (decision 0034).
    Law: that, and ``fill_only``, change no pixel of the conserved tier of a photo that needed it.

    Args:
        translator: the networks.
        settings: strength and thresholds.
        pixels: the photo as stored.
        mask: the dilated mask.
        restored: shaped and typed like ``pixels``; gets the translated photo, of which every fill is made.
        damaged: the mask is a reason to restore the photo; see `is_reason`.
        fill_only: no tier above the conserved one is made of this, so that what the translation does outside the
            mask reaches nobody: it is no reason to touch the photo, and is not measured. Only tiles from which a
            fill takes something are written.
    """
    height, width = pixels.shape[:2]
    if fill_only and not damaged:
        return Change(needed=False, measurements=dict(_UNTOUCHED), complete=False)
    seen = overview(pixels, translator.link.workers)
    correction, toned = _correction(translator, settings, seen)
    passage = Passage(translator, settings.strength, pixels, mask, correction)
    if not fill_only and height * width >= _PROBED_FROM:
        grid = translator.grid(height, width, _PROBE_SIDE)
        probed = _translated(passage, grid, _spread(grid))["mean_change"]
        # Half the threshold, because probes see only some of the photo.
        fill_only = probed < settings.needed_change / 2
        if fill_only and not damaged:
            return Change(needed=False, measurements={"mean_change": probed, **toned}, complete=False)
    grid = translator.grid(height, width)
    chosen = _around_damage(grid, mask) if fill_only else list(grid.windows())
    measured = _translated(passage, grid, chosen, restored)
    if damaged:
        fade_seams(
            grid,
            pixels,
            mask,
            restored,
            lambda windows: (part.after for part in _parts(passage, grid, windows)),
        )
    changed = measured["mean_change"] >= settings.needed_change
    needed, fill_only = damaged or changed, fill_only or (damaged and not changed)
    # Of the tones that are given back nothing stays in a fill: it has those of its surroundings.
    measured |= _UNTOUCHED if fill_only else toned
    if needed:
        # Not while the GPU translates: following rows of letters is Python, and would hold up who launches.
        lettering = measure_lettering(pixels, mask, translator.link.workers)
        measured |= {**doubts(translator, pixels, mask, seen, fill_only=fill_only), **lettering}
    return Change(needed, measured, fills_only=fill_only, contrast=1 / correction.gain)


def _correction(
    translator: LatentTranslator, settings: RestoreSettings, seen: NDArray[np.float32] | None
) -> tuple[ToneCorrection, dict[str, float]]:
    """Return what is done to the photo's tones before the networks see it, and its size in measurements.

    ``seen`` is the photo's overview.
    """
    levels, shift = Levels(), np.zeros(3, np.float32)
    measured = {}
    if translator.fading is not None and settings.fading_strength > 0:
        levels = lost_levels(translator.fading, seen, settings.fading_strength)
        measured["fading"] = 1 - levels.span
    if translator.tone is not None and settings.tone_strength > 0:
        spread = seen if seen is None else ToneCorrection.of(levels, shift).applied(seen)
        shift = np.float32(settings.tone_strength) * lost_tone(translator.tone, spread)
        measured["tone_shift"] = float(np.abs(shift).max())
    return ToneCorrection.of(levels, shift), measured


def _translated(
    passage: Passage, grid: Grid, chosen: list[Window], restored: Raster | None = None
) -> dict[str, float]:
    """Translate the chosen windows, write them where a target is given, and return what was measured.

    The networks see the photo with its tones corrected; measured is the change from the photo as stored.
    """
    meter = ChangeMeter(grid.height, grid.width)
    if passage.translator.link.streamed:
        translate_streamed(passage, grid, chosen, restored, meter)
        return meter.measurements()
    kind = PixelKind.of(passage.pixels) if restored is not None else None
    for part in _parts(passage, grid, chosen):
        meter.add(part.top, part.left, part.before, part.after, part.damaged)
        if restored is not None and kind is not None:
            restored.write(part.top, part.left, kind.stored(part.after))
    return meter.measurements()


class _Part(NamedTuple):
    """A part of a photo, ``h×w×3`` in [0, 1], before and after (not clipped), and its mask."""

    top: int
    left: int
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    damaged: Mask


def _parts(passage: Passage, grid: Grid, chosen: Iterable[Window]) -> Iterator[_Part]:
    """Yield what each of the chosen windows keeps, translated."""
    pixels, mask = passage.pixels, passage.mask
    seen = Corrected(pixels, passage.correction) if passage.correction.changes else pixels
    for top, left, translated in passage.translator.patches(seen, mask, grid, chosen):
        bottom, right = top + translated.shape[0], left + translated.shape[1]
        unit = to_unit(pixels.read(top, left, bottom, right))
        damaged = mask.read(top, left, bottom, right)
        strength = np.where(damaged, np.float32(1), np.float32(passage.strength))[..., None]
        yield _Part(top, left, unit, unit + strength * (translated - unit), damaged)


def _around_damage(grid: Grid, mask: Raster) -> list[Window]:
    """Return the windows that keep a pixel within a fill's reach of the damage."""

    def matters(window: Window) -> bool:
        top, left, bottom, right = grid.kept(window)
        top, left = max(0, top - REACH), max(0, left - REACH)
        bottom, right = min(grid.height, bottom + REACH), min(grid.width, right + REACH)
        return bool(mask.read(top, left, bottom, right).any())

    return [window for window in grid.windows() if matters(window)]


def _spread(grid: Grid) -> list[Window]:
    """Return a few windows spread evenly over the picture."""
    everything = list(grid.windows())
    step = max(1, len(everything) // _PROBES)
    return list(islice(everything, step // 2, None, step))[:_PROBES]
