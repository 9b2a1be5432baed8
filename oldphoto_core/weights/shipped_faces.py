"""The face detector that comes with the package, without the rest of a restorer."""

from __future__ import annotations

from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.models.build import build_face_finder
from oldphoto_core.weights.cards import FACE_DETECTOR, shipped
from oldphoto_core.weights.store import load_weights


def shipped_face_detector() -> FaceDetector:
    """Return it, on the CPU.

    Raises:
        WeightsError: its weights are missing, or are not what their card says.
    """
    network = build_face_finder("compact")
    load_weights(network, shipped("compact", FACE_DETECTOR))
    return FaceDetector.from_network(network)
