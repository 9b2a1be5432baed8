"""What is done to the tones of a whole photo before the networks see it: spread by a gain, shifted by channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.latent.fading import Levels
from oldphoto_core.pixels import to_unit
from oldphoto_core.raster import Raster

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ToneCorrection:
    """``gain · y + offset``, clipped; ``offset`` has ``3`` channels, shares of the full range."""

    gain: float = 1.0
    offset: Array = field(default_factory=lambda: np.zeros(3, np.float32))

    @classmethod
    def of(cls, levels: Levels, shift: Array) -> ToneCorrection:
        """Give back ``levels`` (`latent.fading`), then add ``shift`` (`latent.tone`) to the channels."""
        gain = 1 / levels.span
        return cls(gain, np.asarray(shift - np.float32(levels.black * gain), np.float32))

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.gain != 1 or bool(self.offset.any())

    def applied(self, unit: Array) -> Array:
        """Return ``h×w×3`` in [0, 1] corrected."""
        corrected: Array = np.clip(np.float32(self.gain) * unit + self.offset, 0, 1)
        return corrected


class Corrected:
    """A photo as it is read with its tones corrected: ``H×W×3`` ``float32`` in [0, 1]; nothing is copied.

    Args:
        pixels: the photo as stored.
        correction: of its tones.
    """

    def __init__(self, pixels: Raster, correction: ToneCorrection) -> None:
        self._pixels, self._correction = pixels, correction

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Raster`."""
        return (*self._pixels.shape[:2], 3)

    @property
    def dtype(self) -> np.dtype[Any]:
        """See `Raster`."""
        return np.dtype(np.float32)

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        """See `Raster`."""
        return self._correction.applied(to_unit(self._pixels.read(top, left, bottom, right)))

    def write(self, top: int, left: int, block: NDArray[Any]) -> None:
        """Raise TypeError: this is a view to read."""
        raise TypeError("A corrected view cannot be written to.")
