"""Between arrays of pixels and the networks' tensors.

Networks see ``1×3×H×W`` ``float32`` in [-1, 1]; a grey photo is repeated over the three channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.photo import Pixels
from oldphoto_core.pixels import LUMINANCE, PixelKind


def to_tensor(unit: NDArray[np.float32]) -> Tensor:
    """Return ``1×3×H×W`` in [-1, 1] of ``H×W×3`` in [0, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(unit))[None].permute(0, 3, 1, 2)
    return tensor * 2 - 1


def to_array(tensor: Tensor) -> NDArray[np.float32]:
    """Return ``H×W×3`` in [0, 1] (not clipped) of ``1×3×H×W`` in [-1, 1]."""
    array: NDArray[np.float32] = ((tensor[0].permute(1, 2, 0).float() + 1) / 2).cpu().numpy()
    return array


def sendable(pixels: Pixels) -> NDArray[Any]:
    """Return the same bytes as ``uint8`` or ``int16``: few operations on a GPU know ``uint16``."""
    return pixels if pixels.dtype == np.uint8 else pixels.view(np.int16)


def unit_of_sent(sent: Tensor) -> Tensor:
    """Return ``B×3×h×w`` ``float32`` in [0, 1] of :func:`sendable` pixels ``B×h×w[×3]``, on their device."""
    deep = sent.dtype == torch.int16
    levels = (sent.to(torch.int32) & 0xFFFF).float() if deep else sent.float()
    unit = levels / (65535 if deep else 255)
    return unit.permute(0, 3, 1, 2) if unit.ndim == 4 else unit[:, None].expand(-1, 3, -1, -1)


def luminance_of(unit: Tensor) -> Tensor:
    """Return ``B×1×h×w`` of ``B×3×h×w`` in any range, in that range and on its device."""
    red, green, blue = (share * unit[:, n : n + 1] for n, share in enumerate(LUMINANCE))
    return red + green + blue


def to_be_fetched(unit: Tensor, kind: PixelKind) -> Tensor:
    """Do what :meth:`PixelKind.stored` does to ``B×3×h×w`` in [0, 1] (clipped), on its device.

    Returns:
        ``B×h×w`` or ``B×h×w×3``, ``uint8`` or (for ``uint16``, see :func:`sendable`) ``int16``.
    """
    if kind.grey:
        unit = luminance_of(unit).expand(-1, kind.channels, -1, -1)
    levels = (unit.clamp(0, 1) * int(np.iinfo(kind.dtype).max)).round()
    last = levels.permute(0, 2, 3, 1) if kind.channels == 3 else levels[:, 0]
    if kind.dtype == np.uint8:
        return last.to(torch.uint8).contiguous()
    return last.to(torch.int32).to(torch.int16).contiguous()
