"""Which faces are found on photographs that no training saw, and how near their landmarks are.

    python -m benchmarks.face_detection                              # a minute or two
    python -m benchmarks.face_detection --model yunet.onnx           # a YuNet model instead of our network

``DATA`` holds old/, clean/ and faces/. What is a face there is in ``face_marks.tsv``: YuNet proposed, and most was
looked at (decision 0035); what nobody could tell counts neither way, and a face that nobody proposed counts as
falsely found, so that figures of YuNet itself are kind. Faces of 18 pixels and more count; landmarks are off by
shares of the eyes' distance, where that is at least a quarter of the face's side (in profile it says nothing).
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.common import PHOTOS, report
from oldphoto_core.faces.detect import FaceDetector, overlap
from oldphoto_core.photo import Face
from oldphoto_core.training.face_marks import FaceMark, read_face_marks
from oldphoto_core.training.face_scenes import FOLDERS
from oldphoto_core.training.samples import read_photo
from oldphoto_core.training.split import in_validation
from oldphoto_core.weights.shipped_faces import shipped_face_detector

_SMALLEST = 18.0
_SAME = 0.3


def main() -> None:
    """Look at every photograph that no training saw, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS.parent)
    parser.add_argument("--model", type=Path, help="a YuNet model (ONNX)")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    detector = FaceDetector.from_yunet(given.model) if given.model else shipped_face_detector()
    figures = {folder: measured(detector, given.data / folder) for folder in FOLDERS}
    report("face_detection", {"found_by": "yunet" if given.model else "ours", **figures})


def measured(detector: FaceDetector, folder: Path) -> dict[str, Any]:
    """Return what ``detector`` finds in the photographs of ``folder`` that training leaves out."""
    marks = read_face_marks()
    paths = [path for path in sorted(folder.glob("*.jpg")) if in_validation(path.name)]
    counts: dict[str, int] = defaultdict(int)
    off: list[float] = []
    seconds = 0.0
    for path in paths:
        photo = read_photo(path)
        began = time.perf_counter()
        faces = detector.detect(photo)
        seconds += time.perf_counter() - began
        here = marks.get(f"{folder.name}/{path.name}", [])
        found = [_among(mark, faces) for mark in here]
        wanted = [
            (mark, face)
            for mark, face in zip(here, found, strict=True)
            if mark.sure and mark.side >= _SMALLEST
        ]
        counts["faces"] += len(wanted)
        counts["found"] += sum(face is not None for _, face in wanted)
        counts["false"] += sum(all(face is not one for one in found) for face in faces)
        off += [_off(mark, face) for mark, face in wanted if face and _frontal(mark)]
    return {
        "photographs": len(paths),
        **counts,
        "found_share": round(counts["found"] / max(1, counts["faces"]), 3),
        "landmarks_off_median": round(float(np.median(off)), 3) if off else None,
        "landmarks_off_mean": round(float(np.mean(off)), 3) if off else None,
        "seconds_a_photograph": round(seconds / max(1, len(paths)), 3),
    }


def _among(mark: FaceMark, faces: tuple[Face, ...]) -> Face | None:
    """Return the face that is the marked one, if there is one."""
    x, y = mark.points[0]
    box = (float(x) - mark.side / 2, float(y) - mark.side / 2, mark.side, mark.side)
    best = max(faces, key=lambda face: overlap(face.box, box)[0], default=None)
    return best if best is not None and overlap(best.box, box)[0] > _SAME else None


def _frontal(mark: FaceMark) -> bool:
    return float(np.linalg.norm(mark.points[1] - mark.points[2])) >= 0.25 * mark.side


def _off(mark: FaceMark, face: Face) -> float:
    eyes = float(np.linalg.norm(mark.points[1] - mark.points[2]))
    return float(np.linalg.norm(np.array(face.landmarks) + 0.5 - mark.points[1:], axis=1).mean()) / eyes


if __name__ == "__main__":
    main()
