"""A face that vanished and a face that appeared are counted; what merely changed a little is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.faces.before_after import compare_faces
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.enhance import FaceEnhancer
from oldphoto_core.faces.grey import Box, GreyImage
from oldphoto_core.faces.scan import enhance_into
from oldphoto_core.flags import assess
from oldphoto_core.photo import Face, Pixels
from oldphoto_core.raster import MemoryRaster

NONE = {"faces_lost": 0.0, "faces_invented": 0.0}


@pytest.fixture
def faceless(portrait: NDArray[np.uint8], detector: FaceDetector) -> NDArray[np.uint8]:
    """The portrait with its face painted over."""
    covered = portrait.copy()
    (face,) = detector.detect(portrait)
    x, y, width, height = (round(side) for side in face.box)
    part = covered[y : y + height, x : x + width]
    part[...] = cv2.GaussianBlur(part, (0, 0), 30)
    assert detector.detect(covered) == ()
    return covered


def compared(detector: FaceDetector, original: Pixels, restored: Pixels) -> dict[str, float]:
    return compare_faces(detector, original, restored, detector.detect(restored))


def codes(measured: dict[str, float]) -> set[str]:
    return {flag.code for flag in assess(measured)}


def test_a_face_that_was_painted_over_is_lost(
    portrait: NDArray[np.uint8], faceless: NDArray[np.uint8], detector: FaceDetector
) -> None:
    measured = compared(detector, portrait, faceless)
    assert measured == {"faces_lost": 1.0, "faces_invented": 0.0}
    assert codes(measured) == {"faces-lost"}


def test_a_face_that_nobody_had_is_invented(
    portrait: NDArray[np.uint8], faceless: NDArray[np.uint8], detector: FaceDetector
) -> None:
    measured = compared(detector, faceless, portrait)
    assert measured == {"faces_lost": 0.0, "faces_invented": 1.0}
    assert codes(measured) == {"faces-invented"}


@pytest.mark.parametrize("change", ["nothing", "smoothed", "fainter", "16 bits", "grey"])
def test_what_restoring_does_to_a_face_is_no_change_of_faces(
    portrait: NDArray[np.uint8], detector: FaceDetector, change: str
) -> None:
    pair: tuple[Pixels, Pixels] = {
        "nothing": (portrait, portrait),
        "smoothed": (portrait, np.asarray(cv2.GaussianBlur(portrait, (0, 0), 1.5), np.uint8)),
        "fainter": (portrait, (portrait * 0.6 + 60).astype(np.uint8)),
        "16 bits": (portrait.astype(np.uint16) * 257, portrait.astype(np.uint16) * 257),
        "grey": (portrait[..., 1].copy(), portrait[..., 1].copy()),
    }[change]
    assert compared(detector, *pair) == NONE


def test_no_faces_no_change(detector: FaceDetector) -> None:
    empty = np.full((120, 160, 3), 127, np.uint8)
    assert compared(detector, empty, empty) == NONE
    assert compared(detector, empty[:10], empty[:10]) == NONE


class _Told:
    """Says what it was told of one box: how likely it is a face in the dark original, and in the bright result."""

    box: Box = (10.0, 10.0, 40.0, 40.0)

    def __init__(self, original: float, restored: float) -> None:
        self.original, self.restored = original, restored

    def look(self, image: GreyImage, minimum: float) -> list[Face]:
        score = self.restored if image[0, 0] else self.original
        return [Face(self.box, score)] if score >= minimum else []


DARK = np.zeros((90, 90), np.uint8)
BRIGHT = np.where(np.arange(90) < 60, 255, 0).astype(np.uint8)[None].repeat(90, axis=0)


@pytest.mark.parametrize(
    ("original", "restored", "lost", "invented"),
    [
        (0.8, 0.3, 1.0, 0.0),
        (0.79, 0.3, 0.0, 0.0),
        (0.8, 0.31, 0.0, 0.0),
        (0.3, 0.8, 0.0, 1.0),
        (0.3, 0.79, 0.0, 0.0),
        (0.31, 0.8, 0.0, 0.0),
    ],
)
def test_a_change_is_what_is_surely_a_face_in_one_and_hardly_one_in_the_other(
    original: float, restored: float, lost: float, invented: float
) -> None:
    told = FaceDetector(_Told(original, restored))
    assert compared(told, DARK, BRIGHT) == {"faces_lost": lost, "faces_invented": invented}


def test_a_large_scan_is_compared_as_well(
    portrait: NDArray[np.uint8], faceless: NDArray[np.uint8], detector: FaceDetector
) -> None:
    """Larger than what is searched, by parts: both pictures are reduced alike."""

    def grown(picture: NDArray[np.uint8]) -> MemoryRaster:
        wide = np.repeat(np.repeat(picture, 10, axis=0), 10, axis=1)
        return MemoryRaster(np.pad(wide, ((0, 0), (0, 2000), (0, 0)), mode="edge"))

    enhancer = FaceEnhancer(detector, None)
    _, measured = enhance_into(enhancer, grown(portrait), grown(faceless), None)
    assert (measured["faces_lost"], measured["faces_invented"]) == (1.0, 0.0)
    _, measured = enhance_into(enhancer, grown(portrait), grown(portrait), None)
    assert (measured["faces_lost"], measured["faces_invented"], measured["faces_found"]) == (0.0, 0.0, 1.0)
