"""Restore a scan of any size: the story of `oldphoto_core.restore`, told with rasters.

The networks, tiles and thresholds are the same, and so are the pixels; what differs is that nothing but a few
tiles is in memory. A snapshot goes through `Restorer.restore`, a glass plate through here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from oldphoto_core import flags
from oldphoto_core.detection.banded import MaskFacts, dilate_into, hysteresis_into
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.errors import WeightsError
from oldphoto_core.faces.enhance import FaceEnhancer
from oldphoto_core.faces.scan import enhance_into
from oldphoto_core.latent.compose import conserve_into
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.photo import Face, Flag, Tier
from oldphoto_core.pixels import check_mask, check_samples
from oldphoto_core.raster import Raster, Workspace, bands
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.steps import detect_into, is_reason, translate_into


class Stages(Protocol):
    """What a restoration works with: a `Restorer`, or what has the same parts."""

    detector: DefectDetector | None
    translator: LatentTranslator | None
    enhancer: FaceEnhancer
    settings: RestoreSettings


@dataclass(frozen=True)
class ScanRestoration:
    """What restoring a scan produced, as rasters of the scan's size.

    ``probability`` is ``float32`` in [0, 1], ``mask`` bool (True = repair); ``tiers`` holds the tiers that were
    asked for, lowest first, and nothing where the scan needed nothing.
    """

    probability: Raster
    mask: Raster
    facts: MaskFacts
    tiers: dict[Tier, Raster]
    needed: bool
    faces: tuple[Face, ...] = ()
    flags: tuple[Flag, ...] = ()
    measurements: dict[str, float] = field(default_factory=dict)


def restore_scan(
    restorer: Stages,
    pixels: Raster,
    workspace: Workspace,
    tiers: frozenset[Tier],
    given: Raster | None = None,
) -> ScanRestoration:
    """Restore ``H×W`` or ``H×W×3`` pixels, ``uint8`` or ``uint16``, upright, without holding them in memory.

    Args:
        restorer: its networks and settings.
        pixels: the scan; only read.
        workspace: where probability, mask and tiers lie.
        tiers: which tiers to make, among `Restorer.available_tiers`; the highest decides whether the scan needs
            it, and what is measured.
        given: a mask that somebody drew (``H×W`` bool); then no damage is looked for.

    Raises:
        UsageError: pixels of another shape or type, or a given mask of another size or type.
        WeightsError: a stage that this needs has no trained weights.
        StorageError: the scratch disk is full.
    """
    check_samples(pixels)
    if restorer.translator is None:
        raise WeightsError("The latent translation has no trained weights. Train its networks first.")
    settings, size = restorer.settings, pixels.shape[:2]
    probability, mask = workspace.new(size, "float32"), workspace.new(size, bool)
    if given is not None:
        facts = _taken(given, probability, mask, settings)
    elif restorer.detector is not None:
        facts = detect_into(restorer.detector, settings, pixels, probability, mask)
    else:
        raise WeightsError("The detector has no trained weights. Train it, or give a mask.")
    grown, translated = workspace.new(size, bool), workspace.new(pixels.shape, pixels.dtype)
    dilate_into(mask, grown, settings.dilation)
    fill_only = tiers == {Tier.CONSERVED}
    change = translate_into(
        restorer.translator,
        settings,
        pixels,
        grown,
        translated,
        damaged=is_reason(facts.masked / facts.pixels, settings, drawn=given is not None),
        fill_only=fill_only,
    )
    measured = {**facts.measurements(), **change.measurements}
    if not change.needed:
        return ScanRestoration(probability, mask, facts, {}, needed=False, measurements=measured)
    made: dict[Tier, Raster] = {}
    looked_at = translated
    if change.fills_only or Tier.CONSERVED in tiers:
        conserved = workspace.new(pixels.shape, pixels.dtype)
        conserve_into(pixels, translated, grown, conserved, change.contrast)
        made |= {Tier.CONSERVED: conserved} if Tier.CONSERVED in tiers else {}
        looked_at = conserved if change.fills_only else translated
    if Tier.RESTORED in tiers:
        made[Tier.RESTORED] = looked_at
    if Tier.ENHANCED in tiers:
        made[Tier.ENHANCED] = workspace.new(pixels.shape, pixels.dtype)
    faces, found = enhance_into(restorer.enhancer, pixels, looked_at, made.get(Tier.ENHANCED))
    measured |= found
    return ScanRestoration(probability, mask, facts, made, True, faces, flags.assess(measured), measured)


def _taken(given: Raster, probability: Raster, mask: Raster, settings: RestoreSettings) -> MaskFacts:
    """Take a drawn mask for what was detected: each of its pixels is certain, and none is too small."""
    check_mask(given, mask.shape)
    height, width = mask.shape
    for top, bottom in bands(height, width):
        # Through bool, as `restore.given_mask` does: one drawn in 0 and 255 has no probability of 255.
        probability.write(top, 0, given.read(top, 0, bottom, width).astype(bool).astype("float32"))
    return hysteresis_into(probability, mask, replace(settings, least_defect=1), drawn=True)
