"""Laws of the face section: the truth scores best, doing nothing keeps everybody, harm is seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.degradation import DefectLibrary
from oldphoto_core.errors import UsageError
from oldphoto_core.evaluation import EvaluationReport, SeenFace, comparison_sheet, evaluate_faces
from oldphoto_core.evaluation.report import AGED_FACE, ENHANCED_FACE, RESTORED_FACE
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.photo import DefectDetection, Face, Pixels
from oldphoto_core.weights.shipped_faces import shipped_face_detector
from tests.oldphoto_core.evaluation.conftest import write


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NASA's picture of Eileen Collins, which comes with scikit-image, twice, and one without a face."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the portrait")
    folder = tmp_path_factory.mktemp("portraits")
    picture: NDArray[np.uint8] = np.ascontiguousarray(data.astronaut()[20:260, 112:352, :3])
    write(folder / "a.png", picture)
    write(folder / "b.png", np.ascontiguousarray(picture[:, ::-1]))
    write(folder / "c.png", np.full((200, 200, 3), 128, np.uint8))
    return folder


@dataclass
class _Stages:
    """A restorer that does nothing, with a face stage that does ``refine`` to the whole picture."""

    detector: FaceDetector
    refine: str = "nothing"

    def detect(self, pixels: Pixels) -> DefectDetection:
        nothing = np.zeros(pixels.shape[:2], dtype=np.float32)
        return DefectDetection(nothing, nothing > 0)

    def translate(self, pixels: Pixels, detection: DefectDetection) -> _Stages:
        self.restored = cv2.GaussianBlur(pixels, (0, 0), 2.0).astype(np.uint8)
        return self

    def enhance(
        self, pixels_original: Pixels, restored: Pixels
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        faces = self.detector.detect(restored)
        if self.refine == "undo":
            faces = tuple(Face(face.box, face.score, face.landmarks, applied=True) for face in faces)
            return pixels_original, faces, {}
        if self.refine == "erase":
            return cv2.GaussianBlur(restored, (0, 0), 25.0).astype(np.uint8), faces, {"faces_refused": 1.0}
        return restored, faces, {}


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return shipped_face_detector()


def _evaluate(portraits: Path, detector: FaceDetector, refine: str, **options: object):  # type: ignore[no-untyped-def]
    library = DefectLibrary.procedural()
    stages = _Stages(detector, refine)
    return evaluate_faces(portraits, stages, library=library, profile="archive", **options)  # type: ignore[arg-type]


def test_doing_nothing_keeps_everybody(portraits: Path, detector: FaceDetector) -> None:
    report = _evaluate(portraits, detector, "nothing")
    assert report.photos == 3
    assert 1 <= report.found <= 2
    assert report.enhanced == 0
    assert report.identity_kept == 1.0
    assert report.scores[RESTORED_FACE] == report.scores[ENHANCED_FACE]


def test_a_stage_that_undoes_the_blur_is_better(portraits: Path, detector: FaceDetector) -> None:
    report = _evaluate(portraits, detector, "undo")
    assert report.enhanced == report.found
    assert report.scores[ENHANCED_FACE] == report.scores[AGED_FACE]
    assert report.scores[ENHANCED_FACE].gmsd < report.scores[RESTORED_FACE].gmsd
    assert report.better == 1.0


def test_losing_the_person_is_seen(portraits: Path, detector: FaceDetector) -> None:
    report = _evaluate(portraits, detector, "erase", seed=1)
    assert report.scores[ENHANCED_FACE].same_person <= report.scores[RESTORED_FACE].same_person
    assert report.scores[ENHANCED_FACE].psnr < report.scores[RESTORED_FACE].psnr
    assert report.refused == 3


def test_the_section_is_part_of_report_and_sheet(portraits: Path, detector: FaceDetector) -> None:
    seen: list[SeenFace] = []
    faces = _evaluate(
        portraits, detector, "nothing", limit=1, watch=lambda face, done, total: seen.append(face)
    )
    report = EvaluationReport("d", "seed", 0, 0, 0, {}, {}, {}, faces=faces)
    assert json.loads(report.to_json())["faces"]["photos"] == 1
    assert "identity" in report.to_text()
    assert comparison_sheet([], seen, side=64).shape == (68, 4 * 68, 3)


def test_a_folder_without_portraits_is_refused(tmp_path: Path, detector: FaceDetector) -> None:
    with pytest.raises(UsageError, match="portraits"):
        _evaluate(tmp_path, detector, "nothing")
