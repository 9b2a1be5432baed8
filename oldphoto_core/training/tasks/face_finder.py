"""Training the face detector: where the middles of faces are, how large they are, and where their landmarks are."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as functional
from torch import Tensor

from oldphoto_core.models.build import build_face_finder
from oldphoto_core.training.face_scenes import FaceScenes
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.stream import Batch, Mix
from oldphoto_core.training.tasks.base import Losses, Task

_PLACES_WEIGHT = 8.0
_FOCUS = 2.0
_TOLERANCE = 0.02
"""Of smooth L1, in sides of the face: beyond it an error counts linearly."""


class FaceFinderTask(Task):
    """The face detector on scenes with marked faces: focal loss of the cells, smooth L1 of what faces say."""

    multiple = 32

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__(settings)
        self.network = build_face_finder(settings.config)
        self.mixes = {"scenes": Mix(1.0, partial(FaceScenes, settings.data), whole=True)}

    def losses(self, batch: Batch, *, adversarial: bool) -> Losses:
        """Return focal loss + places, each a mean over the batch's face cells (Lin et al. 2017; no α)."""
        answers = self.network(batch["luminance"] / 127.5 - 1.0).float()
        wanted = batch["target"]
        weight, is_face = wanted[:, 0], wanted[:, 1]
        cells = is_face.sum().clamp(min=1.0)
        cell = (focal(answers[:, 0], is_face) * weight).sum() / cells
        # A pixel is much in a small face.
        off = (answers[:, 1:] - wanted[:, 2:]) * torch.exp(-wanted[:, 4:5])
        error = functional.smooth_l1_loss(off, torch.zeros_like(off), beta=_TOLERANCE, reduction="none")
        places = (error.mean(dim=1) * is_face).sum() / cells
        return {"total": cell + _PLACES_WEIGHT * places, "cells": cell, "places": places}


def focal(logits: Tensor, is_true: Tensor) -> Tensor:
    """Return the focal loss of each logit: ``(1 − p)^γ · −log p``, p the probability of what is true."""
    loss = functional.binary_cross_entropy_with_logits(logits, is_true, reduction="none")
    return (1 - torch.exp(-loss)) ** _FOCUS * loss
