"""Faces of one restored photo: find them, refine each one that can be refined safely, record them all.

`FaceEnhancer.enhance` is the whole story; `faces.scan` tells it of a picture of any size. Without trained weights
there is no generator: the faces are then found and recorded, and not a pixel changes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from oldphoto_core.errors import UsageError
from oldphoto_core.faces.align import Alignment, FloatImage, turn_of
from oldphoto_core.faces.before_after import compare_faces
from oldphoto_core.faces.blend import (
    add_change,
    change_of,
    is_monochrome,
    match_statistics,
)
from oldphoto_core.faces.checks import Refusal, Verdict, examine, seen_drift
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.settings import FaceSettings
from oldphoto_core.models.face_generator import FaceGenerator
from oldphoto_core.photo import Face, Pixels
from oldphoto_core.pixels import check_pixels, to_bytes
from oldphoto_core.tensors import to_array, to_tensor

BOX_IN_CROP = (0.095, 0.105, 0.81, 0.81)
"""About where a face's box lies in the aligned crop, in fractions of its side (mean over 58 portraits of boxes that
are a little wider than our network's, as those of `boxes.csv` are)."""


class Generator(Protocol):
    """A face generator with trained weights: ``1×3×crop×crop`` in [-1, 1] to the same."""

    crop: int

    def __call__(self, degraded: Tensor) -> Tensor:
        """Return the refined face."""


class FaceEnhancer:
    """Finds and, given a trained generator, refines faces. One a worker: not for two threads at once.

    Args:
        detector: finds the faces.
        generator: with *trained* weights, in evaluation mode and on ``device``; None finds and records only.
        settings: see :class:`FaceSettings`.
        device: where the generator is.
    """

    def __init__(
        self,
        detector: FaceDetector,
        generator: Generator | None,
        settings: FaceSettings | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.detector = detector
        self.generator = generator
        self.settings = settings or FaceSettings()
        self.device = torch.device(device)

    @classmethod
    def on_device(
        cls,
        detector: FaceDetector,
        generator: FaceGenerator | None,
        settings: FaceSettings | None = None,
        *,
        device: torch.device,
    ) -> FaceEnhancer:
        """Return an enhancer whose trained ``generator``, if there is one, is moved to ``device``."""
        moved = generator and generator.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(detector, moved, settings, device=device)

    def enhance(
        self, original: Pixels, restored: Pixels
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        """Refine the faces of ``restored``, checked against ``original``, the scan that it was made from.

        Both are ``H×W`` or ``H×W×3``, uint8 or uint16, of one shape and dtype; neither is modified.

        Returns:
            The picture (``restored`` itself where no face was refined; otherwise a copy, bit-identical
            outside the blend regions); every face found, the surest first; and the measurements
            ``faces_found``, ``faces_enhanced``, ``faces_too_large``, ``faces_too_small``, ``faces_turned``,
            ``faces_sound``, ``faces_without_landmarks``, ``faces_refused``, ``faces_refused_<reason>`` for each
            reason met, ``face_drift_max`` (of the refined ones, in eye distances), and those of
            :func:`compare_faces`, taken before anything was refined.

        Raises:
            UsageError: pixels of another type, or two pictures that do not match.
        """
        faces, found = self.find(original, restored)
        picture, recorded, measured = self.refine(original, restored, faces)
        return picture, recorded, {**found, **measured}

    def find(self, original: Pixels, restored: Pixels) -> tuple[tuple[Face, ...], dict[str, float]]:
        """Return the faces and measurements of :meth:`enhance`, none of them refined; and it raises the same."""
        check_pixels(restored)
        if original.shape != restored.shape or original.dtype != restored.dtype:
            raise UsageError(
                f"The restored photo is {restored.shape} {restored.dtype}, the original {original.shape} "
                f"{original.dtype}. Give the two as they belong together."
            )
        faces = self.detector.detect(restored)
        compared = compare_faces(self.detector, original, restored, faces)
        return faces, {**face_measurements(faces, Counter()), **compared}

    def refine(
        self,
        original: Pixels,
        restored: Pixels,
        faces: tuple[Face, ...],
        *,
        luminance_only: bool | None = None,
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        """Do what :meth:`enhance` does with faces that were found already, in these pixels' coordinates.

        ``luminance_only`` says whether the photo has one tone only, where these pixels are a part of it.
        """
        if self.generator is None or not faces:
            return restored, faces, face_measurements(faces, Counter())
        if luminance_only is None:
            luminance_only = is_monochrome(restored)
        return self._refine_all(self.generator, original, restored, faces, luminance_only)

    def _refine_all(
        self,
        generator: Generator,
        original: Pixels,
        restored: Pixels,
        faces: tuple[Face, ...],
        luminance_only: bool,
    ) -> tuple[Pixels, tuple[Face, ...], dict[str, float]]:
        canvas = restored.copy()
        recorded: list[Face] = []
        counts: Counter[str] = Counter()
        for face in faces:
            alignment, obstacle = self._placed(face, original, restored)
            if alignment is None:
                counts[obstacle] += 1
                recorded.append(face)
                continue
            verdict = self._refine(generator, original, canvas, alignment, luminance_only)
            if verdict.refusal is not None:
                counts[f"faces_refused_{verdict.refusal.value.replace('-', '_')}"] += 1
            recorded.append(replace(face, drift=verdict.drift, applied=verdict.passed))
        picture = canvas if any(face.applied for face in recorded) else restored
        return picture, tuple(recorded), face_measurements(tuple(recorded), counts)

    def obstacle(self, face: Face) -> str:
        """Return the measurement that counts why a face is not to be refined, as far as no pixels say; "" if none."""
        if face.score < self.settings.minimum_score:
            return "faces_unsure"
        if len(face.landmarks) != 5:
            return "faces_without_landmarks"
        if turn_of(np.array(face.landmarks, dtype=np.float64)) > self.settings.largest_turn:
            return "faces_turned"
        magnification = self._alignment(face).magnification
        if magnification < self.settings.smallest_magnification:
            return "faces_too_large"
        return "faces_too_small" if magnification > self.settings.largest_magnification else ""

    def _placed(self, face: Face, original: Pixels, restored: Pixels) -> tuple[Alignment | None, str]:
        """Return the alignment of a face to be refined, or None and the measurement that counts why it is not."""
        if obstacle := self.obstacle(face):
            return None, obstacle
        alignment = self._alignment(face)
        if _restored(original, restored, alignment) < self.settings.least_restored:
            return None, "faces_sound"
        return alignment, ""

    def _alignment(self, face: Face) -> Alignment:
        assert self.generator is not None
        return Alignment.from_landmarks(np.array(face.landmarks, dtype=np.float64), self.generator.crop)

    def _refine(
        self,
        generator: Generator,
        original: Pixels,
        canvas: Pixels,
        alignment: Alignment,
        luminance_only: bool,
    ) -> Verdict:
        """Refine one face on ``canvas`` in place, or leave it as it is when the verdict is against it."""
        crop = alignment.to_crop(canvas)
        generated = self._generate(generator, crop)
        if not np.isfinite(generated).all():
            return Verdict(drift=0.0, refusal=Refusal.INVALID)
        matched = match_statistics(generated, crop, self.settings.blend)
        change = change_of(matched, crop, luminance_only=luminance_only)
        # Judged is what the photo would get: the crop with this change, not the generator's raw output.
        spread = change[..., None] if change.ndim < crop.ndim else change
        result: FloatImage = np.clip(crop + spread, 0.0, 1.0)
        verdict = self._judged(crop, result, alignment.to_crop(original))
        if verdict.passed:
            add_change(canvas, change, alignment, self.settings.blend)
        return verdict

    def _generate(self, generator: Generator, crop: FloatImage) -> FloatImage:
        """Return the generator's face for ``crop``, with the crop's channels, in [0, 1]."""
        colour = crop if crop.ndim == 3 else np.repeat(crop[..., None], 3, axis=2)
        with torch.inference_mode():
            refined = to_array(generator(to_tensor(colour).to(self.device)))
        clipped: FloatImage = np.clip(refined, 0.0, 1.0)
        return clipped if crop.ndim == 3 else clipped.mean(axis=2, dtype=np.float32)

    def _judged(self, crop: FloatImage, result: FloatImage, original: FloatImage) -> Verdict:
        verdict = examine(crop, result, original, self.settings.checks)
        if not verdict.passed:
            return verdict
        before, after = (self._seen(image) for image in (crop, result))
        moved = seen_drift(before, after)
        if not np.isfinite(moved):
            return replace(verdict, refusal=Refusal.LOST)
        if moved > self.settings.checks.seen_drift:
            return replace(verdict, drift=moved, refusal=Refusal.DRIFT)
        return verdict

    def _seen(self, crop: FloatImage) -> tuple[tuple[float, float], ...]:
        side = crop.shape[0]
        x, y, width, height = (share * side for share in BOX_IN_CROP)
        return self.detector.landmarks_within(to_bytes(crop), (x, y, width, height))


def _restored(original: Pixels, restored: Pixels, alignment: Alignment) -> float:
    """Return the root mean square of what the restoration changed in the middle of a face."""
    change = alignment.to_crop(restored) - alignment.to_crop(original)
    margin = len(change) // 5
    return float(np.sqrt(np.square(change[margin:-margin, margin:-margin]).mean()))


def face_measurements(faces: tuple[Face, ...], counts: Counter[str]) -> dict[str, float]:
    """Return the measurements of faces as they were recorded; ``counts`` says how many were left out for what."""
    refused = sum(number for name, number in counts.items() if name.startswith("faces_refused_"))
    return {
        "faces_found": float(len(faces)),
        "faces_enhanced": float(sum(face.applied for face in faces)),
        "faces_too_large": 0.0,
        "faces_too_small": 0.0,
        "faces_turned": 0.0,
        "faces_sound": 0.0,
        "faces_without_landmarks": float(sum(not face.landmarks for face in faces)),
        "faces_refused": float(refused),
        # Of what is in the picture: a face that was refused for its drift is there as it was.
        "face_drift_max": max((face.drift or 0.0 for face in faces if face.applied), default=0.0),
        **{name: float(number) for name, number in counts.items()},
    }
