"""Training the defect detector (section 3.3)."""

from __future__ import annotations

from oldphoto_core.models.build import build_detector
from oldphoto_core.training.batches import luminance
from oldphoto_core.training.losses import segmentation
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch
from oldphoto_core.training.tasks.base import Losses, Task, mixed


class DetectorTask(Task):
    """The defect U-Net on synthetic damage and on real, hand-marked damage."""

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__(settings)
        self.network = build_detector(settings.config)
        shares = {"aged": 1 - settings.real_share, "annotated": settings.real_share}
        self.mixes = mixed(settings.data, shares)

    def losses(self, batch: Batch, *, adversarial: bool) -> Losses:
        """Return eq 15 on the batch's luminance; there is no adversarial term."""
        logits = self.network(luminance(batch["aged"]))
        total = segmentation(
            logits.float(),
            batch["mask"],
            batch["weight"],
            beta=self.settings.focal_weight,
            gamma=self.settings.focal_gamma,
            positive_cap=self.settings.positive_cap,
        )
        return {"total": total}
