"""Refine faces where the run asks for it, then say what a curator should look at."""

from __future__ import annotations

from dataclasses import replace

from actors.job import RestoreJob
from actors.restorer import PhotoRestorer, tier_to_make, tiers_to_write
from actors.rows import PhotoRow
from oldphoto_core.photo import Tier


class EnhanceStage:
    """Adds the faces, the enhanced tier where the run makes it, and the flags.

    Faces are looked for whatever the tier, because they are a reason to look at a result: in the restored tier, or
    in the conserved one where none is above it.

    Args:
        job: the run's instructions.
        restorer: shared by the network stages of one worker.
    """

    def __init__(self, job: RestoreJob, restorer: PhotoRestorer) -> None:
        self.restorer = restorer
        self.kept = tiers_to_write(job, tier_to_make(job.tier, restorer))

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` with the tiers that are written and nothing else, its faces and its flags."""
        if photo.needed:
            photo = self._enhance(photo)
        flags = self.restorer.assess(dict(photo.measurements), needed=photo.needed)
        return replace(photo, original=None, flags=(*photo.flags, *flags))

    def _enhance(self, photo: PhotoRow) -> PhotoRow:
        looked_at = photo.conserved if self.kept == {Tier.CONSERVED} else photo.restored
        if looked_at is None:
            raise ValueError(f"{photo.input.key}: the restore stage has not run")
        is_kept = Tier.ENHANCED in self.kept
        enhanced, faces, measurements = self.restorer.enhance(photo.upright, looked_at, refine=is_kept)
        return replace(
            photo,
            enhanced=enhanced if is_kept else None,
            restored=photo.restored if Tier.RESTORED in self.kept else None,
            faces=faces,
            measurements={**photo.measurements, **measurements},
        )
