"""Restore one photo: find the damage, translate it through the latents, refine the faces, judge the result.

`Restorer.restore` is the whole story. Stage actors call its steps one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from oldphoto_core import flags
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.detection.masks import dilated
from oldphoto_core.device import pick_device
from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.enhance import FaceEnhancer
from oldphoto_core.faces.scan import enhance_into
from oldphoto_core.faces.settings import DetectorSettings
from oldphoto_core.latent.compose import conserved
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.measure import measure_detection
from oldphoto_core.models.face_finder import FaceFinder
from oldphoto_core.photo import DefectDetection, Face, Flag, Mask, Pixels, RestorationResult, Tier
from oldphoto_core.pixels import check_mask, check_pixels
from oldphoto_core.provision import Provision, provision_of
from oldphoto_core.raster import MemoryRaster, Raster, Workspace
from oldphoto_core.scan import ScanRestoration, restore_scan
from oldphoto_core.settings import Config, RestoreSettings
from oldphoto_core.steps import detect_into, is_reason, translate_into
from oldphoto_core.weights.load import load_networks


@dataclass(frozen=True)
class Translation:
    """The two lower tiers of one photo, and whether it needed them at all.

    ``mask`` is the dilated one; ``contrast`` is the original's, as a share of the translated photo's. The conserved
    tier is made when it is first asked for. Where ``fills_only``, nothing outside the damage needed anything, or was
    asked for, and ``translated`` may be 0 in parts that no fill needs.
    """

    original: Pixels
    translated: Pixels
    mask: Mask
    needed: bool
    measurements: dict[str, float]
    fills_only: bool = False
    contrast: float = 1.0

    @property
    def restored(self) -> Pixels:
        """The translated photo; the conserved tier where nothing but the damage needed anything."""
        return self.conserved if self.fills_only else self.translated

    @cached_property
    def conserved(self) -> Pixels:
        """The original with only the damage filled; bit-identical outside the dilated mask."""
        return conserved(self.original, self.translated, self.mask, self.contrast)


class Restorer:
    """Restores photos with trained networks; a stage without trained weights is off.

    Use :func:`load_restorer`. Thread-compatible, not thread-safe: one a worker.
    """

    def __init__(
        self,
        *,
        detector: DefectDetector | None,
        translator: LatentTranslator | None,
        enhancer: FaceEnhancer,
        provision: Provision,
    ) -> None:
        self.detector = detector
        self.translator = translator
        self.enhancer = enhancer
        self.provision = provision
        self.settings = provision.settings
        self.weights = provision.weights

    @property
    def available_tiers(self) -> tuple[Tier, ...]:
        """The tiers that the trained weights allow, lowest first."""
        return self.provision.available_tiers

    @property
    def computes_in(self) -> str | None:
        """``bfloat16`` where a network rounds to it on this device, else ``float32``; results differ a little.

        None without networks.
        """
        rounded = [part.rounded for part in (self.detector, self.translator) if part is not None]
        if not rounded:
            return None
        return "bfloat16" if any(rounded) else "float32"

    def restore(
        self, pixels: Pixels, *, mask: Mask | None = None, tier: Tier = Tier.ENHANCED
    ) -> RestorationResult:
        """Restore ``H×W`` or ``H×W×3`` pixels, ``uint8`` or ``uint16``, upright.

        Args:
            pixels: the photo.
            mask: ``H×W`` bool, True = repair (or whole numbers, all but 0); given, it replaces the detected one.
            tier: highest tier to make, capped by :attr:`available_tiers`. It decides whether the photo needs
                anything, and what measurements and flags are about.

        Returns:
            The result; its image has exactly the input's size, channels and dtype.

        Raises:
            UsageError: pixels or mask of another shape or type, or no such tier.
            WeightsError: a stage that this needs has no trained weights.
        """
        check_pixels(pixels)
        made = self._cap(tier)
        detection = self.detect(pixels) if mask is None else given_mask(mask, pixels)
        fill_only = made is Tier.CONSERVED
        translation = self.translate(pixels, detection, fill_only=fill_only)
        tiers: dict[Tier, Pixels] = {}
        faces: tuple[Face, ...] = ()
        measurements = {**measure_detection(detection), **translation.measurements}
        if translation.needed:
            tiers[Tier.CONSERVED] = looked_at = translation.conserved
            if not fill_only:
                tiers[Tier.RESTORED] = looked_at = translation.restored
            enhanced, faces, found = self.enhance(pixels, looked_at, refine=made is Tier.ENHANCED)
            if made is Tier.ENHANCED:
                tiers[made] = enhanced
            measurements |= found
        return RestorationResult(
            image=tiers.get(made, pixels),
            tier=made if translation.needed else None,
            tiers=tiers,
            defect_probability=detection.probability,
            defect_mask=detection.mask,
            faces=faces,
            flags=self.assess(measurements, needed=translation.needed),
            measurements=measurements,
            needed=translation.needed,
        )

    def restore_scan(
        self, pixels: Raster, workspace: Workspace, tiers: frozenset[Tier], mask: Raster | None = None
    ) -> ScanRestoration:
        """Restore a scan of any size without holding it in memory; see `oldphoto_core.scan.restore_scan`."""
        return restore_scan(self, pixels, workspace, tiers, mask)

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Return probability and mask of damage, ``H×W`` each; raises as :meth:`restore` does."""
        check_pixels(pixels)
        if self.detector is None:
            raise WeightsError("The detector has no trained weights. Train it, or give a mask.")
        height, width = pixels.shape[:2]
        probability, mask = np.empty((height, width), np.float32), np.empty((height, width), bool)
        detect_into(
            self.detector, self.settings, MemoryRaster(pixels), MemoryRaster(probability), MemoryRaster(mask)
        )
        return DefectDetection(probability, mask)

    def translate(
        self, pixels: Pixels, detection: DefectDetection, *, fill_only: bool = False
    ) -> Translation:
        """Return the conserved and the restored tier, shaped and typed like ``pixels``.

        ``fill_only`` says that only the conserved one is wanted; see `steps.translate_into`.
        """
        if self.translator is None:
            raise WeightsError(
                "The latent translation has no trained weights (vae-old, mapping, vae-clean). "
                "Train them with `oldphoto train`, or name a folder that has them."
            )
        mask = dilated(detection.mask, self.settings.dilation)
        translated = np.zeros_like(pixels)
        change = translate_into(
            self.translator,
            self.settings,
            MemoryRaster(pixels),
            MemoryRaster(mask),
            MemoryRaster(translated),
            damaged=is_reason(detection.coverage, self.settings, drawn=detection.drawn),
            fill_only=fill_only,
        )
        if not change.complete:
            translated = pixels
        return Translation(
            pixels, translated, mask, change.needed, change.measurements, change.fills_only, change.contrast
        )

    def enhance(
        self, pixels_original: Pixels, restored: Pixels, *, refine: bool = True
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        """Find the faces and, with trained weights, refine them unless told not to; see `faces.scan`.

        ``restored`` is the highest tier before the faces: a run that stops at the conserved one hands in that.

        Returns:
            The picture, which is ``restored`` itself if nothing was to be refined; the faces; the measurements.
        """
        enhanced = np.empty_like(restored) if refine else None
        target = MemoryRaster(enhanced) if enhanced is not None else None
        faces, measured = enhance_into(
            self.enhancer, MemoryRaster(pixels_original), MemoryRaster(restored), target
        )
        return restored if enhanced is None else enhanced, faces, measured

    def assess(self, measurements: dict[str, float], *, needed: bool) -> tuple[Flag, ...]:
        """Return the reasons for a curator to look, by all that was measured; none where nothing was needed."""
        return flags.assess(measurements) if needed else ()

    def _cap(self, tier: Tier) -> Tier:
        order = list(Tier)
        if tier not in order:
            raise UsageError(f"No tier is called {tier!r}. Choose one of: {', '.join(order)}.")
        return [
            t for t in order[: order.index(tier) + 1] if t in self.available_tiers or t is Tier.CONSERVED
        ][-1]


def given_mask(mask: Mask, pixels: Pixels) -> DefectDetection:
    """Return a mask that somebody drew as a detection (probability 0 or 1)."""
    check_mask(mask, pixels.shape[:2])
    # Through bool: a mask drawn in 0 and 255 has no probability of 255.
    return DefectDetection(mask.astype(bool).astype(np.float32), mask.astype(bool), drawn=True)


def load_restorer(
    *,
    device: str = "auto",
    config: Config = "compact",
    weights: Path | str | None = None,
    lacking: Path | str | None = None,
    settings: RestoreSettings | None = None,
) -> Restorer:
    """Return a restorer with the shipped weights, or those of the folder ``weights``.

    Networks that ``weights`` lacks are taken from the folder ``lacking``, if that is given.
    A stage whose weights are absent is off (see :attr:`Restorer.available_tiers`).

    Raises:
        WeightsError: weights that are there but are not what their card says.
        UsageError: an unknown device or configuration, or ``weights`` is no folder.
    """
    chosen = settings or RestoreSettings()
    where = pick_device(device)
    networks = load_networks(config, _folder(weights), lacking=_folder(lacking))
    translator = (
        LatentTranslator(
            networks.vae_old,
            networks.mapping,
            networks.vae_clean,
            chosen,
            where,
            networks.latent_domain,
            networks.tone,
            networks.fading,
        )
        if networks.vae_old and networks.mapping and networks.vae_clean
        else None
    )
    provision = provision_of(config, chosen, networks.identities)
    return Restorer(
        detector=DefectDetector(networks.detector, chosen, where) if networks.detector else None,
        translator=translator,
        enhancer=FaceEnhancer.on_device(
            _face_detector(networks.face_detector, provision.faces.detector, where),
            networks.faces,
            provision.faces,
            device=where,
        ),
        provision=provision,
    )


def _face_detector(
    found: FaceFinder | Path | None, settings: DetectorSettings, device: torch.device
) -> FaceDetector:
    """Return what looks for faces. Raises WeightsError where nothing does: our own network is part of the package."""
    if found is None:
        raise WeightsError("What finds faces is missing from this installation. Install oldphoto again.")
    if isinstance(found, Path):
        return FaceDetector.from_yunet(found, settings)
    return FaceDetector.from_network(found, settings, device=device)


def _folder(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
