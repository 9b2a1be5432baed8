"""Which pixels the detector learns from."""

from __future__ import annotations

import torch

from oldphoto_core.tensors import luminance_of
from oldphoto_core.training.tasks.detector import believed, without_rims
from oldphoto_core.training.verdicts import CONFIRMED, UNCERTAIN


def test_only_uncertain_unmarked_pixels_that_look_damaged_are_left_out() -> None:
    weight = torch.tensor([0.0, 1.0, 1.0, UNCERTAIN, UNCERTAIN, UNCERTAIN])
    mask = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    logits = torch.tensor([9.0, 9.0, -9.0, -9.0, 9.0, 9.0])
    target, counted = believed(mask, weight, logits)
    assert counted.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    assert torch.equal(target, mask)


def test_what_is_suspected_of_confirmed_damage_is_damage_and_the_rest_is_left_out() -> None:
    weight = torch.full((4,), float(CONFIRMED))
    mask = torch.tensor([0.0, 0.0, 1.0, 1.0])
    target, counted = believed(mask, weight, torch.tensor([9.0, -9.0, 9.0, -9.0]))
    assert target.tolist() == [1.0, 0.0, 1.0, 1.0]
    assert counted.tolist() == [1.0, 0.0, 1.0, 1.0]


def test_the_pixels_that_touch_a_mark_do_not_count() -> None:
    mask = torch.zeros(1, 1, 5, 5)
    mask[..., 2, 2] = 1
    counted = without_rims(mask, torch.ones_like(mask))
    assert counted[0, 0, 2].tolist() == [1.0, 0.0, 1.0, 0.0, 1.0]
    assert counted.sum() == 25 - 8


def test_luminance_of_grey_is_grey() -> None:
    grey = torch.full((1, 3, 2, 2), 0.25)
    assert torch.allclose(luminance_of(grey), grey[:, :1])
    assert luminance_of(torch.tensor([[[[1.0]], [[0.0]], [[0.0]]]])).item() == torch.tensor(0.299).item()
