"""What the detector owes: the same faces at any size, depth and contrast, and few that are none."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.errors import WeightsError
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.grey import GreyView
from oldphoto_core.faces.settings import DetectorSettings
from oldphoto_core.photo import Face

_EYES = ((91.5, 81.0), (134.5, 83.5))
"""Of the portrait, read off by hand."""


def _shared(a: Face, box: tuple[float, ...]) -> float:
    width = min(a.box[0] + a.box[2], box[0] + box[2]) - max(a.box[0], box[0])
    height = min(a.box[1] + a.box[3], box[1] + box[3]) - max(a.box[1], box[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (a.box[2] * a.box[3] + box[2] * box[3] - common)


def test_the_portrait_has_one_face_with_its_eyes(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    faces = detector.detect(portrait)
    assert len(faces) == 1
    assert 0.9 < faces[0].score <= 1.0
    assert len(faces[0].landmarks) == 5
    assert np.abs(np.subtract(faces[0].landmarks[:2], _EYES)).max() < 4.0


def test_the_same_photo_gives_the_same_faces(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    assert detector.detect(portrait) == detector.detect(portrait.copy())


def test_depth_and_channels_do_not_matter(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    (face,) = detector.detect(portrait)
    grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    for variant in (grey, portrait.astype(np.uint16) * 257, 20_000 + portrait.astype(np.uint16) * 8):
        found = detector.detect(variant)
        assert len(found) == 1
        assert _shared(found[0], face.box) > 0.7


def test_a_large_scan_is_searched_small_and_answered_large(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    large = cv2.resize(portrait, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    (face,), (small,) = detector.detect(large), detector.detect(portrait)
    assert GreyView(large, 1024).image.shape == (1024, 1024)
    assert _shared(face, tuple(6 * value for value in small.box)) > 0.7
    eyes = np.subtract(face.landmarks[:2], 6 * np.array(_EYES))
    assert np.abs(eyes).max() < 4.0 * 6


def test_faces_come_the_surest_first_and_once(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    small = cv2.resize(portrait, (120, 120), interpolation=cv2.INTER_AREA).astype(np.uint8)
    pair = np.zeros((240, 360, 3), np.uint8)
    pair[:, :240], pair[60:180, 240:] = portrait, small
    faces = detector.detect(pair)
    assert len(faces) == 2
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


@pytest.mark.parametrize("kind", ["flat", "noise", "wall", "tiny"])
def test_what_is_no_face_is_not_one(kind: str, detector: FaceDetector) -> None:
    rng = np.random.default_rng(0)
    pictures = {
        "flat": np.full((300, 400), 128, np.uint8),
        "noise": rng.integers(0, 256, (300, 400, 3)).astype(np.uint8),
        "wall": np.kron(rng.integers(60, 200, (20, 25)), np.ones((16, 16))).astype(np.uint8),
        "tiny": rng.integers(0, 256, (5, 9)).astype(np.uint8),
    }
    assert detector.detect(pictures[kind]) == ()


def test_a_smaller_face_than_asked_for_is_left_out(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    demanding = FaceDetector(detector.looker, DetectorSettings(smallest_share=0.9))
    assert demanding.detect(portrait) == ()


def test_a_box_is_scored_by_who_is_in_it(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    (face,) = detector.detect(portrait)
    corner = (0.0, 200.0, 40.0, 40.0)
    assert detector.scores(portrait, [face.box, corner]) == [face.score, 0.0]
    assert detector.landmarks_within(portrait, face.box) == face.landmarks
    assert detector.landmarks_within(portrait, corner) == ()


def test_opencv_prints_nothing(
    portrait: NDArray[np.uint8], detector: FaceDetector, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "yunet.onnx"
    broken.write_bytes(b"not a model")
    detector.detect(portrait)
    with pytest.raises(WeightsError, match="cannot read"):
        FaceDetector.from_yunet(broken)
    assert capfd.readouterr() == ("", "")


def test_most_portraits_are_found_once(faces_folder: Path, detector: FaceDetector) -> None:
    """Every 52nd picture: one face each, known box; reduced and grainy, as in a scan."""
    rows = list(csv.DictReader((faces_folder / "boxes.csv").open()))[::52]
    found = extra = 0
    for row in rows:
        picture = cv2.imread(str(faces_folder / row["file"]), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        reduced = cv2.resize(picture, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
        grain = np.random.default_rng(5).normal(0, 8, reduced.shape)
        faces = detector.detect(np.clip(reduced + grain, 0, 255).astype(np.uint8))
        box = tuple(0.4 * float(row[name]) for name in "xywh")
        hits = sum(_shared(face, box) > 0.4 for face in faces)
        found += hits >= 1
        extra += len(faces) - min(hits, 1)
    assert found >= 0.9 * len(rows)
    assert extra <= 1
