"""Sums and means over windows are those that pooling gives, at any size of window and picture."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from oldphoto_core.models.box import window_means, window_sums


@pytest.mark.parametrize("window", [1, 3, 5, 9, 15, 31])
@pytest.mark.parametrize("size", [(40, 52), (7, 31), (1, 1), (2, 90)])
def test_windows_are_summed_and_averaged_as_pooling_does(window: int, size: tuple[int, int]) -> None:
    values = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    half = window // 2
    whole = functional.avg_pool2d(functional.pad(values, (half,) * 4), window, stride=1, divisor_override=1)
    within = (
        functional.avg_pool2d(values, window, 1, half, count_include_pad=False) if half < min(size) else None
    )
    torch.testing.assert_close(window_sums(values, window), whole)
    if within is not None:
        torch.testing.assert_close(window_means(values, window), within)
    assert torch.allclose(window_means(torch.ones_like(values), window), torch.ones_like(values))


@pytest.mark.parametrize("window", [3, 15])
def test_a_part_of_a_picture_gives_bit_for_bit_what_the_whole_gives_there(window: int) -> None:
    """What a tile sees away from its border does not depend on where the tile begins."""
    values = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(2))
    part = values[..., 13:70, 21:77]
    inner = slice(window, -window)
    found = window_sums(part, window)[..., inner, inner]
    assert torch.equal(found, window_sums(values, window)[..., 13:70, 21:77][..., inner, inner])
