"""How a photo crosses from one worker to another through Ray's object store.

Each array becomes three columns: its bytes as flat ``uint8``, its shape, and its dtype's name. Anything else would
be unsafe: a block that mixes ``uint8`` and ``uint16`` silently becomes ``uint16``, and None or mixed dimensions
fall back to pickled objects. An absent array has no columns, which blocks of one row allow. Everything but the
arrays travels in one pickled column, between our own workers only.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actors.rows import PhotoRow

Packed = dict[str, Any]
ARRAYS = ("original", "alpha", "probability", "mask", "restored", "conserved", "enhanced")


def pack(photo: PhotoRow) -> Packed:
    """Return ``photo`` as one row for Ray Data; `unpack` is the exact inverse."""
    packed: Packed = {"photo": pickle.dumps(photo.without_pixels(), protocol=5)}
    for name in ARRAYS:
        array: NDArray[Any] | None = getattr(photo, name)
        if array is not None:
            packed[name] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            packed[f"{name}_shape"] = ",".join(map(str, array.shape))
            packed[f"{name}_dtype"] = array.dtype.str
    return packed


def unpack(packed: Mapping[str, Any]) -> PhotoRow:
    """Return the photo that `pack` packed, its arrays as writable copies."""
    photo: PhotoRow = pickle.loads(packed["photo"])
    arrays: dict[str, Any] = {name: _unpacked(name, packed) for name in ARRAYS if name in packed}
    return replace(photo, **arrays)


def _unpacked(name: str, packed: Mapping[str, Any]) -> NDArray[Any]:
    shape = [int(side) for side in str(packed[f"{name}_shape"]).split(",")]
    # The object store's memory is read-only, and torch wants to own what it wraps.
    flat = np.array(packed[name], np.uint8)
    return flat.view(str(packed[f"{name}_dtype"])).reshape(shape)
