"""A real portrait for the face tests: NASA's picture of Eileen Collins, which ships with scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.weights.shipped_faces import shipped_face_detector

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """240×240 RGB; one frontal face, about 100 pixels wide."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the portrait")
    picture: NDArray[np.uint8] = np.ascontiguousarray(data.astronaut()[20:260, 112:352, :3])
    return picture


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    return shipped_face_detector()


@pytest.fixture(scope="session")
def faces_folder() -> Path:
    folder = SHARED / "faces"
    if not (folder / "boxes.csv").is_file():
        pytest.skip("the face pictures (shared/data/faces) are not beside the repository")
    return folder
