"""OpenCV's Haar cascades, loaded once and asked in one way.

The cascades are the ones inside the ``opencv-python-headless`` 4.x wheel (Intel/OpenCV licence, Apache 2.0);
nothing is downloaded. OpenCV 5 no longer has the classifier, which is why the dependency is held below 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from oldphoto_core.errors import WeightsError
from oldphoto_core.faces.grey import GreyImage


@dataclass(frozen=True)
class Hit:
    """One window that a cascade accepted: edges in pixels of the searched image, and the last stage's sum."""

    x: int
    y: int
    width: int
    height: int
    weight: float


class Cascade:
    """One Haar cascade. Not for use by two threads at once; not picklable (make it where it runs)."""

    def __init__(self, name: str) -> None:
        folder = Path(cv2.__file__).parent / "data"
        path = folder / f"haarcascade_{name}.xml"
        if not path.is_file():
            raise WeightsError(
                f"{path} is missing: this OpenCV has no face cascades. Install opencv-python-headless 4.x."
            )
        self.name = name
        self._classifier = cv2.CascadeClassifier(str(path))

    def search(
        self, image: GreyImage, *, step: float, neighbours: int, smallest: int, largest: int = 0
    ) -> list[Hit]:
        """Return the windows in ``image`` (``H×W`` uint8) of side ``smallest`` to ``largest`` (0: no limit).

        ``step`` is the ratio between two window sizes; ``neighbours`` how many raw windows must agree.
        The order is fixed: OpenCV's threads return the same windows in any order.
        """
        if min(image.shape[:2]) < smallest:
            return []
        rectangles, _, weights = self._classifier.detectMultiScale3(
            image,
            scaleFactor=step,
            minNeighbors=neighbours,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
            outputRejectLevels=True,
        )
        hits = [
            Hit(int(x), int(y), int(width), int(height), float(weight))
            for (x, y, width, height), weight in zip(
                np.reshape(rectangles, (-1, 4)), np.ravel(weights), strict=True
            )
        ]
        return sorted(hits, key=lambda hit: (-hit.weight, hit.y, hit.x, hit.width))
