"""Laws of alignment: Umeyama is exact, crop and way back undo each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oldphoto_core.faces.align import (
    FACE_TEMPLATE,
    Alignment,
    Region,
    apply_similarity,
    face_template,
    invert_similarity,
    similarity_scale,
    turn_of,
    umeyama,
)


def _similarity(scale: float, degrees: float, x: float, y: float) -> NDArray[np.float64]:
    angle = np.radians(degrees)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, x], [sine, cosine, y]])


def _smooth(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    noise = np.random.default_rng(4).normal(0.5, 1.6, (height, width, channels)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4.0).reshape(height, width, channels)
    picture = np.clip(128 + 200 * (smooth - 0.5), 0, 255).astype(np.uint8)
    return picture if channels == 3 else picture[..., 0]


@given(
    st.floats(0.05, 20.0), st.floats(-180.0, 180.0), st.floats(-5000.0, 5000.0), st.floats(-5000.0, 5000.0)
)
@settings(max_examples=50, deadline=None)
def test_umeyama_recovers_a_similarity_exactly(scale: float, degrees: float, x: float, y: float) -> None:
    true = _similarity(scale, degrees, x, y)
    found = umeyama(FACE_TEMPLATE, apply_similarity(true, FACE_TEMPLATE))
    assert np.allclose(found, true, rtol=1e-8, atol=1e-7 * (1 + abs(x) + abs(y)))


def test_umeyama_from_two_points_is_exact() -> None:
    true = _similarity(0.7, 12.0, 30.0, -8.0)
    found = umeyama(FACE_TEMPLATE[:2], apply_similarity(true, FACE_TEMPLATE[:2]))
    assert np.allclose(found, true)


def test_umeyama_never_mirrors() -> None:
    mirrored = FACE_TEMPLATE * [-1.0, 1.0]
    assert np.linalg.det(umeyama(FACE_TEMPLATE, mirrored)[:, :2]) > 0


def test_umeyama_is_the_least_squares_answer() -> None:
    rng = np.random.default_rng(0)
    target = apply_similarity(_similarity(1.3, 20, 5, 6), FACE_TEMPLATE) + rng.normal(0, 3, (5, 2))
    best = umeyama(FACE_TEMPLATE, target)

    def error(matrix: NDArray[np.float64]) -> float:
        return float(((apply_similarity(matrix, FACE_TEMPLATE) - target) ** 2).sum())

    nudges = [
        _similarity(s, d, x, y) for s in (0.99, 1.01) for d in (-1, 1) for x in (-1, 1) for y in (-1, 1)
    ]
    for nudge in nudges:
        moved = np.vstack([nudge, [0, 0, 1]]) @ np.vstack([best, [0, 0, 1]])
        assert error(best) <= error(moved[:2])


@pytest.mark.parametrize(
    ("source", "target"),
    [(np.zeros((1, 2)), np.zeros((1, 2))), (np.zeros((3, 2)), np.ones((3, 2))), (np.eye(2), np.eye(3))],
)
def test_umeyama_refuses_what_has_no_answer(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"point|arrays"):
        umeyama(source, target)


def test_inverse_undoes() -> None:
    matrix = _similarity(0.3, 77.0, -40.0, 12.0)
    points = np.array([[0.0, 0.0], [10.0, 3.0]])
    back = apply_similarity(invert_similarity(matrix), apply_similarity(matrix, points))
    assert np.allclose(back, points)
    assert similarity_scale(matrix) == pytest.approx(0.3)


def test_template_scales_with_the_crop() -> None:
    assert np.array_equal(face_template(256), FACE_TEMPLATE)
    # Edge coordinates double; centres therefore shift by half a pixel.
    assert np.allclose(face_template(512) + 0.5, 2 * (FACE_TEMPLATE + 0.5))


def test_a_face_from_the_front_is_not_turned_however_it_lies() -> None:
    assert turn_of(apply_similarity(_similarity(0.4, 30.0, 12.0, -7.0), FACE_TEMPLATE)) == pytest.approx(0.0)


def test_the_further_a_face_turns_the_more_is_said() -> None:
    """Seen from aside, the eyes come nearer to each other, and the nose to one of them."""
    turns = []
    for aside in (0.0, 0.2, 0.4, 0.6):
        seen = FACE_TEMPLATE.copy()
        seen[:, 0] = 128 + (seen[:, 0] - 128) * (1 - aside)
        seen[2, 0] += 20 * aside
        turns.append(turn_of(seen))
    assert turns == sorted(turns)
    assert turns[0] < 0.01 < 0.12 < turns[-1]


def test_landmarks_on_the_template_are_not_resampled() -> None:
    picture = _smooth(256, 256)
    crop = Alignment.from_landmarks(FACE_TEMPLATE, 256).to_crop(picture)
    assert np.abs(crop * 255 - picture).max() < 1e-3


@pytest.mark.parametrize("magnification", [1.0, 1.7, 3.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_to_the_crop_and_back_returns_the_interior(magnification: float, channels: int) -> None:
    picture = _smooth(300, 320, channels)
    alignment = Alignment(_similarity(magnification, 9.0, -60.0 * magnification, -70.0 * magnification), 256)
    crop = alignment.to_crop(picture)
    region = alignment.region(300, 320)
    back = alignment.from_crop(crop, region)
    inside = alignment.from_crop(np.pad(np.ones((200, 200), np.float32), 28), region) > 0.999
    assert inside.sum() > 1000
    difference = np.abs(back * 255 - region.of(picture))[inside]
    assert difference.max() <= 2.0


def test_reducing_averages_instead_of_skipping() -> None:
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    crop = Alignment(_similarity(0.25, 0.0, 0.0, 0.0), 64).to_crop(stripes)
    interior = crop[8:-8, 8:-8]
    assert abs(float(interior.mean()) - 0.5) < 0.02
    assert float(interior.std()) < 0.05


def test_the_region_of_a_face_at_the_border_stays_inside_the_photo() -> None:
    region = Alignment(_similarity(1.0, 0.0, 40.0, 40.0), 256).region(100, 120)
    assert region == Region(0, 0, 120, 100)


def test_sixteen_bits_reach_the_crop() -> None:
    picture = _smooth(256, 256).astype(np.uint16) * 257 + 3
    crop = Alignment.from_landmarks(FACE_TEMPLATE, 256).to_crop(picture)
    assert np.abs(crop * 65535 - picture).max() < 0.5


def test_a_face_outside_the_photo_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside"):
        Alignment(_similarity(1.0, 0.0, 5000.0, 0.0), 64).to_crop(_smooth(50, 50))
