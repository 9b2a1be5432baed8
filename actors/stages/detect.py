"""Find the damage of a photo."""

from __future__ import annotations

from dataclasses import replace

from actors.restorer import PhotoRestorer
from actors.rows import PhotoRow


class DetectStage:
    """Adds the probability and the mask.

    Args:
        restorer: shared by the network stages of one worker.
    """

    def __init__(self, restorer: PhotoRestorer) -> None:
        from oldphoto_core.measure import measure_detection

        self.restorer, self.measure = restorer, measure_detection

    def __call__(self, photo: PhotoRow) -> PhotoRow:
        """Return ``photo`` with ``probability`` and ``mask``, both upright, and what was measured of them."""
        detection = self.restorer.detect(photo.upright)
        return replace(
            photo,
            probability=detection.probability,
            mask=detection.mask,
            measurements={**photo.measurements, **self.measure(detection)},
        )
