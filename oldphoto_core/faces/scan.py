"""Faces of a scan of any size: looked for on a reduced picture, refined each in its own part of the scan."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from oldphoto_core.faces.blend import is_monochrome
from oldphoto_core.faces.enhance import FaceEnhancer, face_measurements
from oldphoto_core.photo import Face
from oldphoto_core.raster import Raster, copied, reduced, whole

SEARCHED_SIDE = 4096
"""A picture with a longer side is reduced before faces are looked for."""


def enhance_into(
    enhancer: FaceEnhancer, original: Raster, restored: Raster, enhanced: Raster | None
) -> tuple[tuple[Face, ...], dict[str, float]]:
    """Find the faces of ``restored`` and write them refined into ``enhanced``; None only finds them.

    Returns:
        The faces in the scan's own pixels, the surest first, and the measurements of
        :meth:`FaceEnhancer.enhance`.
    """
    if max(restored.shape[:2]) <= SEARCHED_SIDE:
        before, after = whole(original), whole(restored)
        if enhanced is None:
            return enhancer.find(before, after)
        picture, faces, measurements = enhancer.enhance(before, after)
        enhanced.write(0, 0, picture)
        return faces, measurements
    small, factor = reduced(restored, SEARCHED_SIDE)
    found, measured = enhancer.find(reduced(original, SEARCHED_SIDE)[0], small)
    faces = tuple(_enlarged(face, factor) for face in found)
    if enhanced is None:
        return faces, measured
    copied(restored, enhanced)
    if faces and enhancer.generator is not None:
        # Whether there is colour is asked of the whole photo: a face before a grey wall may have none.
        faces, refined = _refined(enhancer, original, enhanced, faces, is_monochrome(small))
        measured |= refined
    return faces, measured


def _refined(
    enhancer: FaceEnhancer, original: Raster, canvas: Raster, faces: tuple[Face, ...], luminance_only: bool
) -> tuple[tuple[Face, ...], dict[str, float]]:
    """Refine each face of the canvas within a part that holds it and its surroundings."""
    recorded: list[Face] = []
    measured: dict[str, float] = {}
    drift = 0.0
    for face in faces:
        if obstacle := enhancer.obstacle(face):
            # Its pixels are not asked for: a face that is too large may fill most of the scan.
            seen, facts = face, face_measurements((face,), Counter([obstacle]))
        else:
            seen, facts = _refined_one(enhancer, original, canvas, face, luminance_only)
        drift = max(drift, facts.pop("face_drift_max"))
        measured |= {name: measured.get(name, 0.0) + value for name, value in facts.items()}
        recorded.append(seen)
    return tuple(recorded), {**measured, "face_drift_max": drift}


def _refined_one(
    enhancer: FaceEnhancer, original: Raster, canvas: Raster, face: Face, luminance_only: bool
) -> tuple[Face, dict[str, float]]:
    height, width = canvas.shape[:2]
    x, y, w, h = face.box
    margin = max(w, h)
    top, left = max(0, int(y - margin)), max(0, int(x - margin))
    bottom, right = min(height, int(y + h + margin) + 1), min(width, int(x + w + margin) + 1)
    part, (seen,), facts = enhancer.refine(
        original.read(top, left, bottom, right),
        canvas.read(top, left, bottom, right),
        (_moved(face, -left, -top),),
        luminance_only=luminance_only,
    )
    if seen.applied:
        canvas.write(top, left, part)
    return _moved(seen, left, top), facts


def _enlarged(face: Face, factor: int) -> Face:
    """Return a face of the reduced picture in the scan's pixels."""
    x, y, width, height = (factor * side for side in face.box)
    landmarks = tuple(((px + 0.5) * factor - 0.5, (py + 0.5) * factor - 0.5) for px, py in face.landmarks)
    return replace(face, box=(x, y, width, height), landmarks=landmarks)


def _moved(face: Face, right: int, down: int) -> Face:
    """Return the face seen from another origin."""
    x, y, width, height = face.box
    landmarks = tuple((px + right, py + down) for px, py in face.landmarks)
    return replace(face, box=(x + right, y + down, width, height), landmarks=landmarks)
