"""Compute a map only around the places where it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

CELL = 16
"""Side of the squares that are computed or left out as wholes."""


def computed_around(
    wanted: Tensor, function: Callable[[Tensor], Tensor], values: Tensor, reach: int
) -> Tensor:
    """Return ``function(values)`` where it is wanted; elsewhere that, or 0.

    Law: no wanted place can tell. Squares in which something is wanted are cut out with what they see around them,
    and go through together. One at the edge keeps the edge, so that the function's own padding lies where it would.

    Args:
        wanted: ``B×1×h×w`` bool.
        function: ``B×C×h×w`` to ``B×K×h×w``, convolutions of which each place sees the ``reach`` around it.
        values: ``B×C×h×w``.
        reach: in places.
    """
    height, width = values.shape[-2:]
    side = CELL + 2 * reach
    squares = functional.max_pool2d(wanted.float(), CELL, ceil_mode=True)[:, 0].nonzero().tolist()
    if min(height, width) < side or len(squares) * side**2 >= len(values) * height * width:
        return function(values)
    places = [
        (number, _first(row, height, reach), _first(column, width, reach)) for number, row, column in squares
    ]
    cut = [values[number, :, top : top + side, left : left + side] for number, top, left in places]
    parts = function(torch.stack(cut).contiguous(memory_format=torch.channels_last))
    result = parts.new_zeros((len(values), parts.shape[1], height, width))
    result = result.contiguous(memory_format=torch.channels_last)
    for (_, row, column), (number, top, left), part in zip(squares, places, parts, strict=True):
        rows = slice(row * CELL, min((row + 1) * CELL, height))
        columns = slice(column * CELL, min((column + 1) * CELL, width))
        kept = part[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        result[number, :, rows, columns] = kept
    return result


def _first(cell: int, length: int, reach: int) -> int:
    """Return where what a cell sees begins on a side of ``length``, moved inwards where it would leave it."""
    return min(max(cell * CELL - reach, 0), length - CELL - 2 * reach)
