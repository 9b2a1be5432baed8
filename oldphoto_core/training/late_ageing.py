"""Ageing on the training device: workers cut clean crops, the batch is aged where it is trained on.

Beside a GPU the ageing by worker processes is what training waits for; there this is the faster way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from oldphoto_core.degradation import (
    ARCHIVE_PROFILE,
    PROFILES,
    DefectLibrary,
    DegradationRecipe,
    sample_recipe,
)
from oldphoto_core.degradation.batched import BatchAger, DamageBank
from oldphoto_core.training.samples import UNTOUCHED, PhotoFolder, Sample, cut
from oldphoto_core.training.stream import Batch

_LAYERS_PER_KIND = 12


class CleanSamples:
    """Clean patches of ``size`` pixels, to be aged later: ``aged`` repeats ``clean``, the mask is empty."""

    def __init__(self, data: Path, size: int) -> None:
        self.photos, self.size = PhotoFolder(data / "clean"), size

    def draw(self, rng: np.random.Generator) -> Sample:
        """Return one clean patch; half of them from a photograph that is shrunk a little."""
        _, photo = self.photos.draw(rng)
        if rng.random() < 0.5:
            scale = float(rng.uniform(0.67, 1.0))
            size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
            photo = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        patch = cut({"clean": photo}, self.size, rng)["clean"]
        empty = np.zeros(patch.shape[:2], np.uint8)
        return {"aged": patch, "clean": patch, "mask": empty, "weight": np.ones_like(empty)}


class LateAgeing:
    """Ages the clean rows of a batch on ``device``.

    Args:
        data: training folder; its ``defects/`` gives the material of the damage.
        side: greatest side of a crop in pixels.
        seed: decides the layers of damage.
        device: where batches are.
    """

    def __init__(self, data: Path, *, side: int, seed: int, device: torch.device) -> None:
        bank = DamageBank(
            DefectLibrary.of_data(data),
            ARCHIVE_PROFILE,
            per_kind=_LAYERS_PER_KIND,
            side=max(256, side),
            seed=seed,
            device=device,
        )
        self.ager = BatchAger(bank)

    @torch.no_grad()
    def apply(self, batch: Batch, unaged: torch.Tensor, seed: int) -> Batch:
        """Return the batch with its ``unaged`` rows (``B`` bool, on the CPU) aged; half by the text's recipe.

        As among samples that workers age, a tenth stays as it is. Marks that no eye could find weigh as much as
        the others: telling them apart (`degradation.visibility`) is work for a CPU.
        """
        rows = unaged.nonzero()[:, 0]
        if not len(rows):
            return batch
        rng = np.random.default_rng(seed)
        recipes = [_recipe(rng) for _ in rows]
        place = rows.to(batch["clean"].device)
        made = self.ager.age((batch["clean"][place] + 1) / 2, recipes, seed)
        result = {name: tensor.clone() for name, tensor in batch.items()}
        result["aged"][place], result["clean"][place] = made.aged * 2 - 1, made.clean * 2 - 1
        result["mask"][place] = made.mask.to(result["mask"].dtype)
        return result


def _recipe(rng: np.random.Generator) -> DegradationRecipe:
    profile = PROFILES["seed" if rng.random() < 0.5 else "archive"]
    recipe = sample_recipe(int(rng.integers(2**31)), profile)
    return replace(recipe, operations=()) if rng.random() < UNTOUCHED else recipe
