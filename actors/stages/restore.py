"""Translate a photo: the two lower tiers."""

from __future__ import annotations

from dataclasses import replace

from actors.job import RestoreJob
from actors.restorer import PhotoRestorer, tier_to_make, tiers_to_write
from actors.rows import PhotoRow
from oldphoto_core.photo import Tier


class RestoreStage:
    """Adds the two lower tiers; what is neither written nor enhanced is let go at once.

    Args:
        job: the run's instructions.
        restorer: shared by the network stages of one worker.
    """

    def __init__(self, job: RestoreJob, restorer: PhotoRestorer) -> None:
        self.restorer = restorer
        self.kept = tiers_to_write(job, tier_to_make(job.tier, restorer))
        self.fill_only = self.kept == {Tier.CONSERVED}

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` with each of the two that is written or enhanced; or as needing nothing."""
        translation = self.restorer.translate(photo.upright, photo.detection, fill_only=self.fill_only)
        measured = replace(photo, measurements={**photo.measurements, **translation.measurements})
        if not translation.needed:
            return replace(measured, needed=False)
        conserved = translation.conserved if Tier.CONSERVED in self.kept else None
        restored = None if self.fill_only else translation.restored
        return replace(measured, conserved=conserved, restored=restored)
