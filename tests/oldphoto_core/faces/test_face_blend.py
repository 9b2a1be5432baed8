"""Laws of blending: nothing outside the region changes, grey stays grey, no change changes nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.faces.align import FACE_TEMPLATE, Alignment, FloatImage, apply_similarity
from oldphoto_core.faces.blend import (
    BlendSettings,
    add_change,
    blend_weights,
    change_of,
    crop_weights,
    is_monochrome,
    match_statistics,
)
from oldphoto_core.photo import Pixels


def _alignment(scale: float = 0.6, crop: int = 256) -> Alignment:
    angle = np.radians(14.0)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Alignment.from_landmarks(FACE_TEMPLATE @ (scale * rotation).T + [90.0, 40.0], crop)


def _photo(dtype: type[np.uint8] | type[np.uint16], *channels: int) -> Pixels:
    top = np.iinfo(dtype).max
    values = np.random.default_rng(1).integers(0, top + 1, (260, 300, *channels))
    return values.astype(np.uint8) if dtype is np.uint8 else values.astype(np.uint16)


def _blended(photo: Pixels, change: FloatImage, alignment: Alignment) -> Pixels:
    blended = photo.copy()
    add_change(blended, change, alignment, BlendSettings())
    return blended


def _outside(alignment: Alignment, height: int, width: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:height, :width]
    place = apply_similarity(alignment.matrix, np.stack([columns.ravel(), rows.ravel()], 1).astype(float))
    beyond = (place < -0.5) | (place > alignment.crop - 0.5)
    return beyond.any(axis=1).reshape(height, width)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_pixels_outside_the_face_are_bit_identical(
    dtype: type[np.uint8] | type[np.uint16], channels: tuple[int, ...]
) -> None:
    photo, alignment = _photo(dtype, *channels), _alignment()
    change = np.full((256, 256, *channels), 0.3, np.float32)
    blended = _blended(photo, change, alignment)
    outside = _outside(alignment, 260, 300)
    assert blended.dtype == photo.dtype
    assert blended.shape == photo.shape
    assert np.array_equal(blended[outside], photo[outside])
    assert (blended[~outside] != photo[~outside]).mean() > 0.3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_change_changes_nothing(dtype: type[np.uint8] | type[np.uint16]) -> None:
    photo = _photo(dtype, 3)
    assert np.array_equal(_blended(photo, np.zeros((256, 256, 3), np.float32), _alignment()), photo)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_photo_in_three_channels_stays_grey(dtype: type[np.uint8] | type[np.uint16]) -> None:
    one = _photo(dtype)
    photo = np.empty((*one.shape, 3), dtype)
    photo[...] = one[..., None]
    colourful = np.random.default_rng(2).uniform(-0.4, 0.4, (256, 256, 3)).astype(np.float32)
    change = change_of(colourful, np.zeros_like(colourful), luminance_only=True)
    blended = _blended(photo, change, _alignment())
    assert change.shape == (256, 256)
    assert np.array_equal(blended[..., 0], blended[..., 1])
    assert np.array_equal(blended[..., 1], blended[..., 2])
    assert not np.array_equal(blended, photo)


def test_the_middle_takes_the_whole_change() -> None:
    photo = np.full((260, 300), 20_000, np.uint16)
    blended = _blended(photo, np.full((256, 256), 0.25, np.float32), _alignment())
    assert int(blended.max()) == 20_000 + round(0.25 * 65535)


def test_feather_and_erosion_scale_with_the_face() -> None:
    small, large = crop_weights(128, BlendSettings()), crop_weights(512, BlendSettings())
    assert np.allclose(small, large.reshape(128, 4, 128, 4).mean(axis=(1, 3)), atol=2e-3)
    for weights in (small, large):
        assert weights[0].max() == 0.0
        assert weights[:, -1].max() == 0.0
        assert weights.max() == 1.0


def test_weights_in_the_photo_are_those_of_the_crop() -> None:
    alignment = Alignment(np.array([[2.0, 0, 0], [0, 2.0, 0]]), 128)
    region = alignment.region(64, 64)
    weights = blend_weights(alignment, region, BlendSettings())
    crop = crop_weights(128, BlendSettings())
    assert np.abs(weights - crop[::2, ::2]).max() < 1e-6


def test_statistics_follow_the_surrounding_picture() -> None:
    rng = np.random.default_rng(3)
    crop = rng.uniform(0.2, 0.5, (64, 64, 3)).astype(np.float32)
    matched = match_statistics(crop * np.float32(1.1) + np.float32(0.2), crop, BlendSettings())
    assert np.abs(matched - crop).max() < 1e-3
    assert np.abs(match_statistics(crop, crop, BlendSettings()) - crop).max() < 1e-5


def test_a_flat_face_is_not_blown_up_by_the_match() -> None:
    rng = np.random.default_rng(3)
    crop = rng.uniform(0.0, 1.0, (64, 64)).astype(np.float32)
    flat = np.float32(0.5) + 0.01 * (crop - np.float32(0.5))
    matched = match_statistics(flat, crop, BlendSettings(largest_gain=1.25))
    assert matched.std() < 0.02 * crop.std()


def test_grain_that_was_taken_off_does_not_change_the_contrast() -> None:
    rng = np.random.default_rng(5)
    coarse = rng.uniform(0.3, 0.7, (6, 6)).astype(np.float32)
    face = np.asarray(cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_CUBIC), np.float32)
    grainy = (face + rng.normal(0, 0.1, face.shape)).astype(np.float32)
    matched = match_statistics(face, grainy, BlendSettings())
    assert matched.std() == pytest.approx(face.std(), rel=0.03)
    assert grainy.std() > 1.15 * face.std()


def test_one_tone_is_told_from_colour() -> None:
    grey = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (150, 1))
    sepia = np.stack([grey**0.8, grey * 0.85, grey**1.2 * 0.7], axis=2)
    noisy = np.clip(sepia + np.random.default_rng(0).normal(0, 0.03, (150, 200, 1)), 0, 1)
    colour = sepia.copy()
    colour[40:90, 40:120] = colour[40:90, 40:120, ::-1]
    assert is_monochrome((grey * 255).astype(np.uint8))
    assert is_monochrome((noisy * 255).astype(np.uint8))
    assert is_monochrome((sepia * 65535).astype(np.uint16))
    assert not is_monochrome((colour * 255).astype(np.uint8))
