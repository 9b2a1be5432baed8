"""The ageing synthesis for a whole batch at once, on the device that trains.

The recipes are the same as for one photo (``profiles`` samples them); here they are applied to ``B×3×H×W`` tensors,
with one launch for all photos whose next step is the same. Random fields come from a seeded generator of the
device, so the pixels differ from those that ``synthesize.age`` makes of the same recipe; their statistics do not.
"""

from __future__ import annotations

from oldphoto_core.degradation.batched.damage import DamageBank
from oldphoto_core.degradation.batched.synthesize import AgedBatch, BatchAger

__all__ = ["AgedBatch", "BatchAger", "DamageBank"]
