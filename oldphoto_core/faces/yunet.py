"""YuNet (Wu et al. 2023) through OpenCV's own runner; the model's file comes from the user (decision 0033)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import WeightsError
from oldphoto_core.faces.grey import GreyImage
from oldphoto_core.photo import Face

_NMS = 0.3
_MOST = 5000


class YuNet:
    """A YuNet model (ONNX) that OpenCV runs. Not for use by two threads at once; not picklable.

    Raises:
        WeightsError: the file is missing or is not a model that OpenCV can run.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise WeightsError(f"{path}: no such face model. Name a YuNet ONNX file.")
        with _QuietOpenCV():
            try:
                self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), 0.3, _NMS, _MOST)
            except cv2.error as error:
                raise WeightsError(
                    f"{path}: OpenCV cannot read this as a YuNet model. Name face_detection_yunet_*.onnx."
                ) from error

    def look(self, image: GreyImage, minimum: float) -> list[Face]:
        """Return the faces of ``image`` (``H×W`` uint8) with at least this score, in its pixels."""
        height, width = image.shape
        self._net.setInputSize((width, height))
        self._net.setScoreThreshold(minimum)
        with _QuietOpenCV():
            _, rows = self._net.detect(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
        return [] if rows is None else [face_of_row(np.asarray(row)) for row in rows]


class _QuietOpenCV:
    """Keeps OpenCV's own log (standard error) silent for a while: what went wrong is raised, not printed."""

    def __enter__(self) -> None:
        self._level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(0)

    def __exit__(self, *_: object) -> None:
        cv2.utils.logging.setLogLevel(self._level)


def face_of_row(row: NDArray[np.float32]) -> Face:
    """Return the face of one output row: box, five points (the subject's right eye first), score."""
    x, y, width, height = (float(value) for value in row[:4])
    points = tuple((float(row[4 + 2 * n]), float(row[5 + 2 * n])) for n in range(5))
    return Face(box=(x, y, width, height), score=min(1.0, float(row[14])), landmarks=points)
