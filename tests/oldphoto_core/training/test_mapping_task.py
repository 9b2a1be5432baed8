"""Masks in the training of the mapping are like those that a restoration finds."""

from __future__ import annotations

import torch

from oldphoto_core.training.tasks.mapping import as_found


def _masks(count: int) -> torch.Tensor:
    masks = torch.zeros(count, 1, 16, 16)
    masks[:, :, 8, 8] = 1
    return masks


def test_some_masks_are_missed_and_the_others_grow_by_up_to_two_pixels() -> None:
    torch.manual_seed(0)
    areas = as_found(_masks(400), missed=0.25).flatten(1).sum(dim=1)
    assert set(areas.tolist()) == {0, 1, 9, 25}
    assert 0.18 < (areas == 0).float().mean() < 0.32


def test_nothing_is_missed_where_nothing_shall_be() -> None:
    assert as_found(_masks(50), missed=0.0).flatten(1).any(dim=1).all()
    assert not as_found(torch.zeros(5, 1, 8, 8), missed=0.0).any()
