"""Laws: marks stay on their faces however a scene is cut, and a target says where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.errors import UsageError
from oldphoto_core.models.face_finder import CHANNELS, STRIDE, UNIT
from oldphoto_core.training.face_marks import MARKS, FaceMark, read_face_marks
from oldphoto_core.training.face_scenes import FaceScenes, _some_wiped
from oldphoto_core.training.face_target import target
from tests.oldphoto_core.training.marked_photos import write_marked_photos, write_marks

FACE = "40\t30\t40\t50\t52\t48\t68\t48\t60\t58\t54\t68\t66\t68"


def _mark(x: float = 60.0, y: float = 50.0, side: float = 24.0, *, sure: bool = True) -> FaceMark:
    around = np.array([(0, 0), (-5, -4), (5, -4), (0, 1), (-4, 7), (4, 7)]) * side / 24
    return FaceMark(around + np.array([x, y]), side, sure)


def test_the_table_gives_points_in_pixel_edges(tmp_path: Path) -> None:
    marks = read_face_marks(write_marks(tmp_path, f"old/a.jpg\t{FACE}\tface", f"old/a.jpg\t{FACE}\tunsure"))
    first, second = marks["old/a.jpg"]
    assert np.allclose(first.points[0], (60, 55))
    assert np.allclose(first.points[1], (52.5, 48.5))
    assert first.side == pytest.approx((40 * 50) ** 0.5)
    assert (first.sure, second.sure) == (True, False)


@pytest.mark.parametrize(
    "row", [f"a.jpg\t{FACE}\tmaybe", "a.jpg\t1\t2", f"a.jpg\t{FACE}\tface".replace("40\t50", "0\t50")]
)
def test_a_row_that_is_none_is_named(tmp_path: Path, row: str) -> None:
    with pytest.raises(UsageError, match="line 2"):
        read_face_marks(write_marks(tmp_path, row))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.tsv is missing"):
        read_face_marks(tmp_path / "nothing.tsv")


def test_the_marks_of_the_package_can_be_read() -> None:
    marks = [mark for photo in read_face_marks(MARKS).values() for mark in photo]
    assert sum(mark.sure for mark in marks) > 2000
    inside = [np.abs(mark.points[1:] - mark.points[0]).max() < 1.2 * mark.side for mark in marks if mark.sure]
    assert np.mean(inside) > 0.99


def test_a_target_says_where_the_face_is() -> None:
    mark = _mark()
    answer = target([mark], 128)
    assert answer.shape == (16, 16, CHANNELS + 1)
    rows, columns = np.nonzero(answer[..., 1])
    assert len(rows) >= 1
    for row, column in zip(rows, columns, strict=True):
        middle = (np.array([column, row]) + 0.5) * STRIDE
        cell = answer[row, column]
        assert cell[0] == 1
        assert np.allclose(middle + cell[2:4] * UNIT, mark.points[0], atol=1e-4)
        assert UNIT * np.exp(cell[4]) == pytest.approx(mark.side)
        assert np.allclose(middle + cell[5:].reshape(5, 2) * UNIT, mark.points[1:], atol=1e-4)
    assert answer[0, 0, 0] == 1, "far from it there surely is none"
    assert (answer[..., 0] == 0).any(), "near it nobody is asked"


@pytest.mark.parametrize("mark", [_mark(side=12), _mark(side=45), _mark(sure=False)])
def test_what_is_unsure_or_of_another_size_is_left_out(mark: FaceMark) -> None:
    answer = target([mark], 128)
    assert not answer[..., 1].any()
    assert answer[int(mark.points[0, 1]) // 8, int(mark.points[0, 0]) // 8, 0] == 0


def test_far_too_large_is_no_face_here() -> None:
    answer = target([_mark(side=90)], 128)
    assert not answer[..., 1].any()
    assert answer[..., 0].all()


def test_of_two_faces_each_cell_is_the_nearers() -> None:
    answer = target([_mark(40, 64), _mark(64, 64)], 128)
    middles = [(column + 0.5) * STRIDE + answer[8, column, 2] * UNIT for column in (4, 8)]
    assert middles == pytest.approx([40, 64])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_marked_photos(tmp_path)


def test_marks_stay_on_their_faces(data: Path) -> None:
    scenes, rng = FaceScenes(data, 128), np.random.default_rng(0)
    seen = 0
    for _ in range(60):
        pixels, marks = scenes._around_a_face(rng)
        seen += sum(_bright(pixels, mark) for mark in marks if _inside(mark, 128))
        assert all(_bright(pixels, mark) for mark in marks if _inside(mark, 128))
    assert seen > 30


def test_portraits_are_set_in_with_their_marks(data: Path) -> None:
    scenes, rng = FaceScenes(data, 128), np.random.default_rng(1)
    sure = 0
    for _ in range(40):
        pixels, marks = scenes._with_portraits(np.full((128, 128, 3), 60, np.uint8), [], rng)
        for mark in marks:
            if mark.sure and _inside(mark, 128):
                sure += 1
                assert _bright(pixels, mark)
    assert sure > 20


def test_a_wiped_face_is_none(data: Path) -> None:
    scenes, rng = FaceScenes(data, 128), np.random.default_rng(3)
    wiped = 0
    for _ in range(60):
        pixels, marks = scenes._around_a_face(rng)
        after, left = _some_wiped(pixels, marks, rng)
        for mark in marks:
            if not any(mark is one for one in left) and _inside(mark, 128):
                wiped += 1
                assert not np.array_equal(after, pixels)
        assert all(_bright(after, mark) for mark in left if _inside(mark, 128))
    assert 3 <= wiped <= 30


def test_a_sample_is_luminance_and_its_target(data: Path) -> None:
    scenes, rng = FaceScenes(data, 128), np.random.default_rng(2)
    samples = [scenes.draw(rng) for _ in range(30)]
    for sample in samples:
        assert (sample["luminance"].shape, sample["luminance"].dtype) == ((128, 128), np.uint8)
        assert sample["target"].shape == (16, 16, CHANNELS + 1)
    assert sum(sample["target"][..., 1].any() for sample in samples) > 10
    again = FaceScenes(data, 128).draw(np.random.default_rng(2))
    assert all(np.array_equal(again[name], samples[0][name]) for name in again)


def test_photographs_without_any_mark_are_refused(data: Path) -> None:
    write_marks(data, f"elsewhere/a.jpg\t{FACE}\tface")
    with pytest.raises(UsageError, match="Add their faces"):
        FaceScenes(data, 128)


def _inside(mark: FaceMark, size: int) -> bool:
    return bool((mark.points > 3).all() and (mark.points < size - 3).all())


def _bright(pixels: NDArray[np.uint8], mark: FaceMark) -> bool:
    """Whether the middle and all landmarks lie on the white disc."""
    column, row = mark.points.astype(int).T
    return bool((pixels[row, column].min(axis=1) > 180).all())
