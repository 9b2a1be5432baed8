"""Law: YuNet's answers come in the photo's own pixels; a model that is none is told by name.

The model is real ONNX that OpenCV runs, but one to which bright squares are faces (`tests.bright_faces`).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.errors import WeightsError
from oldphoto_core.faces.before_after import compare_faces
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.settings import DetectorSettings
from oldphoto_core.faces.yunet import face_of_row
from oldphoto_core.photo import Pixels
from tests.bright_faces import write_bright_faces

BOX = (48.0, 80.0, 64.0, 64.0)


@pytest.fixture(scope="module")
def yunet(tmp_path_factory: pytest.TempPathFactory) -> FaceDetector:
    return FaceDetector.from_yunet(write_bright_faces(tmp_path_factory.mktemp("yunet") / "bright.onnx"))


@pytest.fixture
def squares() -> NDArray[np.uint8]:
    """200×300 grey: one square as bright as can be, and one that is less sure."""
    picture = np.zeros((200, 300), np.uint8)
    picture[96:128, 64:96] = 255
    picture[32:64, 192:224] = 140
    return picture


def test_the_surest_comes_first_with_its_landmarks(yunet: FaceDetector, squares: NDArray[np.uint8]) -> None:
    first, second = yunet.detect(squares)
    assert first.box == BOX
    assert (first.score, second.score) == pytest.approx((1.0, (140 / 255) ** 0.5), abs=0.01)
    assert np.allclose(first.landmarks[2], (80, 112)), "the nose is in the middle"
    assert first.landmarks[0][0] < first.landmarks[1][0], "the eye at the picture's left comes first"


def test_depth_and_channels_do_not_matter(yunet: FaceDetector, squares: NDArray[np.uint8]) -> None:
    expected = yunet.detect(squares)
    deep: Pixels = squares.astype(np.uint16) * 257
    assert yunet.detect(deep) == expected
    assert yunet.detect(np.repeat(squares[..., None], 3, axis=2)) == expected


def test_a_large_photo_is_searched_reduced_and_answered_in_its_own_pixels(
    yunet: FaceDetector, squares: NDArray[np.uint8]
) -> None:
    wide = np.pad(squares, ((0, 312), (0, 724)))
    large = cv2.resize(wide, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    assert large.shape == (1024, 2048)
    first, less_sure = yunet.detect(large)
    assert np.allclose(first.box, 2 * np.array(BOX))
    assert np.allclose(first.landmarks[2], (160.5, 224.5)), "pixel centres"
    assert np.allclose(less_sure.box[:2], (352, 32))


def test_what_is_too_small_is_no_face(tmp_path: Path, squares: NDArray[np.uint8]) -> None:
    model = write_bright_faces(tmp_path / "bright.onnx")
    assert FaceDetector.from_yunet(model, DetectorSettings(smallest_side=65)).detect(squares) == ()
    assert FaceDetector.from_yunet(model, DetectorSettings(smallest_share=0.4)).detect(squares) == ()


def test_boxes_are_scored_and_landmarks_found_within(yunet: FaceDetector, squares: NDArray[np.uint8]) -> None:
    elsewhere = (200.0, 120.0, 60.0, 60.0)
    assert yunet.scores(squares, [BOX, elsewhere]) == [pytest.approx(1.0), 0.0]
    assert yunet.landmarks_within(squares, BOX) == yunet.detect(squares)[0].landmarks
    assert yunet.landmarks_within(squares, elsewhere) == ()


def test_a_face_that_is_gone_is_seen(yunet: FaceDetector, squares: NDArray[np.uint8]) -> None:
    gone = np.zeros_like(squares)
    assert compare_faces(yunet, squares, gone, yunet.detect(gone)) == {"faces_lost": 1, "faces_invented": 0}
    assert compare_faces(yunet, gone, squares, yunet.detect(squares)) == {
        "faces_lost": 0,
        "faces_invented": 1,
    }
    assert not any(compare_faces(yunet, squares, squares, yunet.detect(squares)).values())


def test_a_missing_yunet_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.onnx"):
        FaceDetector.from_yunet(tmp_path / "absent.onnx")


def test_a_row_becomes_a_face() -> None:
    points = [30.0, 40.0, 50.0, 40.0, 40.0, 55.0, 33.0, 65.0, 47.0, 65.0]
    face = face_of_row(np.array([20.0, 25.0, 40.0, 50.0, *points, 0.93], np.float32))
    assert face.box == (20.0, 25.0, 40.0, 50.0)
    assert face.score == pytest.approx(0.93)
    assert face.landmarks[2] == (40.0, 55.0)
    assert face.landmarks[0][0] < face.landmarks[1][0], "the eye at the picture's left comes first"
