"""Which pixels the detector learns from."""

from __future__ import annotations

import torch

from oldphoto_core.training.samples import UNCERTAIN
from oldphoto_core.training.tasks.detector import believed, luminance


def test_only_uncertain_unmarked_pixels_that_look_damaged_are_left_out() -> None:
    weight = torch.tensor([0.0, 1.0, 1.0, UNCERTAIN, UNCERTAIN, UNCERTAIN])
    mask = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    logits = torch.tensor([9.0, 9.0, -9.0, -9.0, 9.0, 9.0])
    assert believed(weight, mask, logits).tolist() == [0.0, 1.0, 1.0, 1.0, 0.0, 1.0]


def test_luminance_of_grey_is_grey() -> None:
    grey = torch.full((1, 3, 2, 2), 0.25)
    assert torch.allclose(luminance(grey), grey[:, :1])
    assert luminance(torch.tensor([[[[1.0]], [[0.0]], [[0.0]]]])).item() == torch.tensor(0.299).item()
