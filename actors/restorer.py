"""What the stages need of a restorer, and how a worker gets the shipped one.

The networks live in `oldphoto_core`; torch is imported when a worker builds one, not when this module is.
All pixels here are upright: ``H×W`` or ``H×W×3``, ``uint8`` or ``uint16``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from actors.identity import require_planned
from actors.job import RestoreJob
from oldphoto_core.errors import WeightsError
from oldphoto_core.imports import import_uncollected
from oldphoto_core.photo import DefectDetection, Face, Flag, Pixels, Tier
from oldphoto_core.raster import Raster, Workspace

if TYPE_CHECKING:
    from oldphoto_core.scan import ScanRestoration


class TranslationLike(Protocol):
    """Both lower tiers of one photo, shaped and typed like it; ``needed`` is False if it needed nothing."""

    @property
    def restored(self) -> Pixels:
        """The full latent translation."""
        ...

    @property
    def conserved(self) -> Pixels:
        """Only defects filled; elsewhere the original, bit for bit."""
        ...

    @property
    def needed(self) -> bool:
        """Whether anything had to be done."""
        ...

    @property
    def measurements(self) -> dict[str, float]:
        """Measured values by name."""
        ...


class PhotoRestorer(Protocol):
    """The steps of restoring one photo; `oldphoto_core.restore.Restorer` is one."""

    @property
    def available_tiers(self) -> tuple[Tier, ...]:
        """The tiers for which there are trained weights, lowest first."""
        ...

    def detect(self, pixels: Pixels) -> DefectDetection:
        """Find the damage."""
        ...

    def translate(
        self, pixels: Pixels, detection: DefectDetection, *, fill_only: bool = False
    ) -> TranslationLike:
        """Make the two lower tiers; ``fill_only`` judges and measures the conserved one, where no other is wanted."""
        ...

    def enhance(
        self, pixels_original: Pixels, restored: Pixels, *, refine: bool = True
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        """Find the faces of ``restored`` and refine them; return the picture, the faces and measured values."""
        ...

    def restore_scan(
        self, pixels: Raster, workspace: Workspace, tiers: frozenset[Tier], mask: Raster | None = None
    ) -> ScanRestoration:
        """Take all steps on a photo that is too large for memory; ``mask`` replaces the detected one."""
        ...

    def assess(self, measurements: dict[str, float], *, needed: bool) -> tuple[Flag, ...]:
        """Return the reasons to look at the result; ``measurements`` are those of all stages."""
        ...


RestorerFactory = Callable[[RestoreJob], PhotoRestorer]
"""Builds the networks inside a worker. Must be picklable: a function of an importable module."""


def shipped_restorer(job: RestoreJob) -> PhotoRestorer:
    """Load the networks that ``job`` asks for. This imports torch and takes seconds.

    Raises:
        WeightsError: weights are missing or are not what their card says.
        EngineError: software or weights are not those that the run was planned with.
        UsageError: the device does not exist here.
    """
    # Torch comes with it, the most of a worker's start.
    import_uncollected("oldphoto_core.restore")
    from oldphoto_core.restore import load_restorer

    restorer = load_restorer(device=job.device, config=job.config, weights=job.weights, settings=job.settings)
    require_planned(job, restorer.weights)
    if restorer.available_tiers:
        # Warm-up: kernels are chosen and memory is laid out at the first photo, which is not to be a real one.
        blank = np.full((64, 64), 128, np.uint8)
        restorer.translate(blank, restorer.detect(blank))
    return cast(PhotoRestorer, restorer)


def tier_to_make(wanted: Tier, restorer: PhotoRestorer) -> Tier:
    """Return the highest available tier that is not above ``wanted``.

    Raises:
        WeightsError: there are weights for none.
    """
    order = list(Tier)
    allowed = [tier for tier in order[: order.index(wanted) + 1] if tier in restorer.available_tiers]
    if not allowed:
        raise WeightsError(
            f"No weights for the tier {wanted} or a lower one. Train them, or name a folder that has them."
        )
    return allowed[-1]


def tiers_to_write(job: RestoreJob, highest: Tier) -> frozenset[Tier]:
    """Return ``highest``, and with it the lower tiers where ``job`` keeps them."""
    order = list(Tier)
    return frozenset(order[: order.index(highest) + 1]) if job.keep_tiers else frozenset({highest})
