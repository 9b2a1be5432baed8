"""Laws of the face stage: off means untouched, identity means identity, harm falls back."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from oldphoto_core.errors import UsageError
from oldphoto_core.faces.align import Alignment
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.enhance import FaceEnhancer
from oldphoto_core.faces.settings import FaceSettings
from oldphoto_core.flags import assess
from oldphoto_core.models.face_generator import FaceGenerator
from oldphoto_core.photo import Pixels


class _Sharpen(nn.Module):
    """A harmless refinement: unsharp masking."""

    crop = 256

    def forward(self, face: Tensor) -> Tensor:
        soft = functional.avg_pool2d(face, 5, stride=1, padding=2, count_include_pad=False)
        return face + 1.5 * (face - soft)


class _Shift(nn.Module):
    """A harmful one: the face moves by so many rows and columns."""

    crop = 256

    def __init__(self, *pixels: int) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, face: Tensor) -> Tensor:
        return torch.roll(face, self.pixels, dims=(2, 3))


class _Broken(nn.Module):
    crop = 256

    def forward(self, face: Tensor) -> Tensor:
        return face * float("nan")


def _enhancer(detector: FaceDetector, generator: nn.Module | None) -> FaceEnhancer:
    """Return one that refines every face: most tests give the same photo as scan and as restored one."""
    return FaceEnhancer(detector, generator, FaceSettings(least_restored=0.0))  # type: ignore[arg-type]


def _outside(photo: Pixels, detector: FaceDetector) -> NDArray[np.bool_]:
    outside = np.ones(photo.shape[:2], bool)
    for face in detector.detect(photo):
        alignment = Alignment.from_landmarks(np.array(face.landmarks), 256)
        alignment.region(*photo.shape[:2]).of(outside)[...] = False
    return outside


def test_without_a_generator_faces_are_recorded_and_nothing_changes(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    picture, faces, measured = _enhancer(detector, None).enhance(portrait, portrait)
    assert picture is portrait
    assert len(faces) == 1
    assert not faces[0].applied
    assert faces[0].drift is None
    assert measured["faces_found"] == 1.0
    assert measured["faces_enhanced"] == 0.0
    assert measured["face_drift_max"] == 0.0


def test_no_face_leaves_the_photo_alone(detector: FaceDetector) -> None:
    photo = np.full((200, 300, 3), 90, np.uint8)
    picture, faces, measured = _enhancer(detector, _Sharpen()).enhance(photo, photo)
    assert picture is photo
    assert faces == ()
    assert measured["faces_found"] == 0.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_identity_generator_leaves_the_photo_within_one_level(
    portrait: NDArray[np.uint8], detector: FaceDetector, dtype: type[np.uint8] | type[np.uint16]
) -> None:
    photo = portrait if dtype is np.uint8 else portrait.astype(np.uint16) * 257
    untrained = FaceGenerator(256, (8, 8, 8, 8, 8, 8), condition_width=4).eval()
    picture, faces, _ = _enhancer(detector, untrained).enhance(photo, photo)
    assert faces[0].applied
    assert faces[0].drift == 0.0
    assert np.abs(picture.astype(np.int32) - photo.astype(np.int32)).max() <= 1


@pytest.mark.parametrize("kind", ["rgb8", "rgb16", "grey8", "grey-in-rgb"])
def test_a_refined_face_changes_the_face_only(
    portrait: NDArray[np.uint8], detector: FaceDetector, kind: str
) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    variants: dict[str, Pixels] = {
        "rgb8": portrait,
        "rgb16": portrait.astype(np.uint16) * 257,
        "grey8": grey,
        "grey-in-rgb": np.repeat(grey[..., None], 3, axis=2),
    }
    photo = variants[kind]
    before = photo.copy()
    picture, faces, measured = _enhancer(detector, _Sharpen()).enhance(photo, photo)
    outside = _outside(photo, detector)
    assert np.array_equal(photo, before), "the input was modified"
    assert (picture.dtype, picture.shape) == (photo.dtype, photo.shape)
    assert measured["faces_enhanced"] == 1.0
    assert faces[0].applied
    assert np.array_equal(picture[outside], photo[outside])
    assert not np.array_equal(picture, photo)
    if kind == "grey-in-rgb":
        assert np.array_equal(picture[..., 0], picture[..., 2])


def test_a_tinted_photo_keeps_its_tint(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sepia = np.stack([grey * 0.9 + 20, grey * 0.8 + 10, grey * 0.6], axis=2).astype(np.uint8)

    class Colourful(_Sharpen):
        def forward(self, face: Tensor) -> Tensor:
            return super().forward(face) + face * torch.tensor([0.1, -0.1, 0.05]).reshape(1, 3, 1, 1)

    picture, faces, _ = _enhancer(detector, Colourful()).enhance(sepia, sepia)
    assert faces[0].applied
    change = picture.astype(np.int32) - sepia.astype(np.int32)
    unclipped = ((picture > 0) & (picture < 255)).all(axis=2)
    assert (change[unclipped] == change[unclipped][:, :1]).all()


def test_a_drifting_face_falls_back_and_says_so(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    picture, faces, measured = _enhancer(detector, _Shift(10, 14)).enhance(portrait, portrait)
    assert picture is portrait
    assert not faces[0].applied
    assert faces[0].drift is not None
    assert faces[0].drift > 0.1
    assert measured["faces_enhanced"] == 0.0
    assert measured["faces_refused"] == 1.0
    assert measured["faces_refused_drift"] == 1.0
    assert measured["face_drift_max"] == 0.0


def test_a_refined_face_that_moved_a_little_is_flagged(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    """What is refused for its drift is not in the picture: the rule has to ask for less."""
    _, faces, measured = _enhancer(detector, _Shift(0, 5)).enhance(portrait, portrait)
    assert faces[0].applied
    assert measured["face_drift_max"] == faces[0].drift
    assert {"identity-drift"} == {flag.code for flag in assess(measured)}


def test_numbers_that_are_not_finite_never_reach_the_photo(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    picture, faces, measured = _enhancer(detector, _Broken()).enhance(portrait, portrait)
    assert picture is portrait
    assert not faces[0].applied
    assert measured["faces_refused_invalid"] == 1.0


def test_a_face_larger_than_the_crop_is_left_alone(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    large = cv2.resize(portrait, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    picture, faces, measured = _enhancer(detector, _Sharpen()).enhance(large, large)
    assert picture is large
    assert len(faces) == 1
    assert faces[0].drift is None
    assert measured["faces_too_large"] == 1.0


@pytest.mark.parametrize(("eyes", "refined"), [(15.0, False), (17.0, True)])
def test_a_face_of_too_few_pixels_is_left_alone(
    portrait: NDArray[np.uint8], detector: FaceDetector, eyes: float, refined: bool
) -> None:
    """What is made of eyes that are nearer than 16 pixels gains nothing: 78 in the crop, five times as many."""
    (face,) = detector.detect(portrait)
    scale = eyes / math.dist(*face.landmarks[:2])
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    placed = tuple((scale * (x + 0.5) - 0.5, scale * (y + 0.5) - 0.5) for x, y in face.landmarks)
    seen = replace(face, box=tuple(scale * side for side in face.box), landmarks=placed)
    _, (recorded,), measured = _enhancer(detector, _Sharpen()).refine(small, small, (seen,))
    assert recorded.applied == refined
    assert measured["faces_too_small"] == float(not refined)


def test_a_face_that_is_turned_away_is_left_alone(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    (face,) = detector.detect(portrait)
    middle = np.mean(face.landmarks, axis=0)[0]
    from_aside = tuple((middle + 0.3 * (x - middle), y) for x, y in face.landmarks)
    seen = replace(face, landmarks=from_aside)
    picture, (recorded,), measured = _enhancer(detector, _Sharpen()).refine(portrait, portrait, (seen,))
    assert picture is portrait
    assert not recorded.applied
    assert measured["faces_turned"] == 1.0


def test_a_face_that_the_restoration_left_alone_is_left_alone(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    """Noise of 6 levels taken off is a face restored; a level more or less is not."""
    noise = np.random.default_rng(0).normal(0, 6, portrait.shape)
    noisy = np.clip(portrait + noise, 0, 255).astype(np.uint8)
    enhancer = FaceEnhancer(detector, _Sharpen())
    picture, faces, measured = enhancer.enhance(portrait ^ 1, portrait)
    assert picture is portrait
    assert (measured["faces_found"], measured["faces_sound"], faces[0].applied) == (1.0, 1.0, False)
    _, faces, measured = enhancer.enhance(noisy, portrait)
    assert (measured["faces_sound"], faces[0].applied) == (0.0, True)


def test_two_faces_are_both_refined(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    pair = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    picture, faces, measured = _enhancer(detector, _Sharpen()).enhance(pair, pair)
    assert measured["faces_found"] == measured["faces_enhanced"] == 2.0
    assert all(face.applied for face in faces)
    outside = _outside(pair, detector)
    assert np.array_equal(picture[outside], pair[outside])


def test_pictures_that_do_not_belong_together_are_refused(
    portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    with pytest.raises(UsageError, match="belong together"):
        _enhancer(detector, None).enhance(portrait[:-1], portrait)


def test_settings_and_measurements_are_json(portrait: NDArray[np.uint8], detector: FaceDetector) -> None:
    json.dumps(FaceSettings().parameters(), allow_nan=False)
    for generator in (None, _Sharpen(), _Shift(10, 14), _Broken()):
        json.dumps(_enhancer(detector, generator).enhance(portrait, portrait)[2], allow_nan=False)
