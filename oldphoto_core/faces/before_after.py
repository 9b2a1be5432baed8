"""Faces before and after a restoration: one that was there and is gone, one that is there and was not.

Both pictures are searched, and every face that was found in one of them only is scored in the other, so that a face
near the threshold is not taken for a change. What is sure in one picture and unlikely in the other counts.
"""

from __future__ import annotations

from oldphoto_core.faces.detect import FaceDetector, overlap
from oldphoto_core.photo import Face, Pixels

SURE = 0.8
"""A face with this score is one."""
UNLIKELY = 0.3
"""A box with at most this score is none."""
_SAME = 0.2
"""Boxes that share more of their union than this are about one face."""


def compare_faces(
    detector: FaceDetector, original: Pixels, restored: Pixels, found: tuple[Face, ...]
) -> dict[str, float]:
    """Return ``faces_lost`` and ``faces_invented``.

    Args:
        detector: the one that found the faces.
        original, restored: of one shape; the restored one before any face was refined.
        found: the faces of ``restored``, in its pixels.
    """
    before = detector.detect(original)
    new = [face.box for face in found if face.score >= SURE and not _among(face, before)]
    gone = [face.box for face in before if face.score >= SURE and not _among(face, found)]
    return {
        "faces_lost": float(sum(score <= UNLIKELY for score in detector.scores(restored, gone))),
        "faces_invented": float(sum(score <= UNLIKELY for score in detector.scores(original, new))),
    }


def _among(face: Face, faces: tuple[Face, ...]) -> bool:
    return any(overlap(face.box, other.box)[0] > _SAME for other in faces)
