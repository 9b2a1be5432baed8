"""Faces before and after a restoration: one that was there and is gone, one that is there and was not.

The restored photo has been searched already. The original gets a quicker look (one cascade, a smaller copy of the
photo, larger steps), and every face that only one of the two looks found is scored in both pictures, so that a
face near the threshold is not taken for a change. What is sure in one picture and unlikely in the other counts.

Bounds: on the original only faces of at least 1/20 of the working copy's side are looked for, and at most
:data:`MOST_CHECKED` boxes are scored each way.
"""

from __future__ import annotations

from oldphoto_core.faces.detect import FaceDetector, overlap
from oldphoto_core.photo import Face, Pixels

SURE = 0.8
"""A face with this score is one."""
UNLIKELY = 0.2
"""A box with at most this score is none."""
MOST_CHECKED = 8
"""So many boxes are scored in the original, and in the restored photo."""
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
    glimpsed = detector.glimpse(original)
    new = [face.box for face in found if face.score >= SURE and not _among(face, glimpsed)][:MOST_CHECKED]
    gone = [face.box for face in glimpsed if not _among(face, found)][:MOST_CHECKED]
    before = detector.scores(original, new + gone)
    sure = [box for box, score in zip(gone, before[len(new) :], strict=True) if score >= SURE]
    after = detector.scores(restored, sure)
    return {
        "faces_lost": float(sum(score <= UNLIKELY for score in after)),
        "faces_invented": float(sum(score <= UNLIKELY for score in before[: len(new)])),
    }


def _among(face: Face, faces: tuple[Face, ...]) -> bool:
    return any(overlap(face.box, other.box)[0] > _SAME for other in faces)
