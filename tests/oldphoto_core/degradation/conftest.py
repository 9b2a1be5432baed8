from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """A colourful picture with smooth parts, an edge and texture, of an odd size."""
    rng = np.random.default_rng(3)
    row, column = np.mgrid[0:117, 0:151].astype(np.float32)
    picture = np.stack([row * 1.5, column, 200 - row], axis=2) + rng.normal(0, 2, (117, 151, 3))
    picture[40:70, 60:90] = (230, 60, 40)
    return np.clip(picture, 0, 255).astype(np.uint8)
