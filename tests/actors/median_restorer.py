"""A real, small, deterministic restorer without networks: specks are what a median filter removes.

Stages cannot tell it from the shipped one; it is fast, and the same on every machine.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from actors.job import RestoreJob
from oldphoto_core.errors import WeightsError
from oldphoto_core.photo import DefectDetection, Face, Flag, Pixels, Severity, Tier
from oldphoto_core.raster import Raster, Workspace
from oldphoto_core.scan import ScanRestoration

KILLER_VALUE = 13
"""A photo of nothing but this value kills the process that looks at it."""
BREAKER_VALUE = 14
"""A photo of nothing but this value makes the detector raise."""


@dataclass(frozen=True)
class MedianTranslation:
    restored: Pixels
    conserved: Pixels
    needed: bool
    measurements: dict[str, float]


class MedianRestorer:
    available_tiers: tuple[Tier, ...] = (Tier.CONSERVED, Tier.RESTORED, Tier.ENHANCED)

    def detect(self, pixels: Pixels) -> DefectDetection:
        if (pixels == KILLER_VALUE).all():
            os._exit(1)
        if (pixels == BREAKER_VALUE).all():
            raise RuntimeError("this detector cannot stand fourteen")
        full = np.iinfo(pixels.dtype).max
        difference = cv2.absdiff(pixels, cv2.medianBlur(pixels, 5)).astype(np.float32) / full
        probability = difference if difference.ndim == 2 else difference.max(axis=2)
        return DefectDetection(np.clip(4 * probability, 0, 1), probability > 0.15)

    def translate(
        self, pixels: Pixels, detection: DefectDetection, *, fill_only: bool = False
    ) -> MedianTranslation:
        smooth = cast(Pixels, cv2.medianBlur(pixels, 5))
        mask = detection.mask if pixels.ndim == 2 else detection.mask[..., None]
        conserved = cast(Pixels, np.where(mask, smooth, pixels).astype(pixels.dtype))
        measurements = {"mean_change": 0.0 if fill_only else float(cv2.absdiff(smooth, pixels).mean())}
        return MedianTranslation(smooth, conserved, bool(detection.mask.any()), measurements)

    def enhance(
        self, pixels_original: Pixels, restored: Pixels, *, refine: bool = True
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        height, width = restored.shape[:2]
        face = Face((0.0, 0.0, width / 2, height / 2), 0.5, ((1.0, 2.0),) * 5)
        if not refine:
            return restored, (face,), {"faces_after": 0.0}
        face = replace(face, drift=0.01, applied=True)
        sharper = cv2.addWeighted(restored, 1.5, cv2.blur(restored, (3, 3)), -0.5, 0)
        return cast(Pixels, sharper), (face,), {"faces_after": 1.0}

    def restore_scan(
        self, pixels: Raster, workspace: Workspace, tiers: frozenset[Tier], mask: Raster | None = None
    ) -> ScanRestoration:
        raise NotImplementedError("the median filter wants the whole photo")

    def assess(self, measurements: dict[str, float], *, needed: bool) -> tuple[Flag, ...]:
        if not needed:
            return ()
        return (
            Flag("mask-share", Severity.NOTICE, measurements["mask_share"], 0.0, 1, "There is some damage."),
        )


def median_restorer(job: RestoreJob) -> MedianRestorer:
    return MedianRestorer()


def absent_weights(job: RestoreJob) -> MedianRestorer:
    raise WeightsError("The detector has no trained weights. Train it, or give a mask.")


class SlowRestorer(MedianRestorer):
    """Takes ten minutes for a photo, and leaves a file once it has begun."""

    def __init__(self, begun: Path) -> None:
        self.begun = begun

    def detect(self, pixels: Pixels) -> DefectDetection:
        self.begun.touch()
        time.sleep(600)
        return super().detect(pixels)


def slow_restorer(job: RestoreJob) -> SlowRestorer:
    """Return one that leaves ``begun`` in the source."""
    return SlowRestorer(Path(job.source) / "begun")
