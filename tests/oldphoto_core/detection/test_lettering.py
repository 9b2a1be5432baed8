"""Writing in the mask is counted; scratches, dust, holes and specks are not, however many."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import WEAR_PROFILE, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.detection import lettering
from oldphoto_core.detection.lettering import measure_lettering
from oldphoto_core.flags import RULES
from oldphoto_core.raster import FileRaster, MemoryRaster

Picture = NDArray[np.uint8]
THRESHOLD = next(rule.threshold for rule in RULES if rule.code == "lettering")


def photo(seed: int = 0, width: int = 420, height: int = 300) -> Picture:
    """A smooth scene with grain: nothing in it looks like a letter."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(50, 200, (5, 7, 3)).astype(np.float32)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(scene + rng.normal(0, 3, scene.shape), 0, 255), np.uint8)


def letters(pixels: Picture, mask: NDArray[np.bool_]) -> float:
    return measure_lettering(MemoryRaster(pixels), MemoryRaster(mask))["lettering"]


def written(text: str, scale: float, font: int, *, tone: int = 245, at: tuple[int, int] = (20, 150)) -> float:
    """Measure a photo with ``text`` on it whose strokes, and one pixel around them, are masked."""
    pixels = photo(width=900 if scale > 1 else 420)
    ink = np.zeros(pixels.shape[:2], np.uint8)
    thickness = max(1, round(1.4 * scale))
    cv2.putText(pixels, text, at, font, scale, (tone, tone, tone), thickness, cv2.LINE_AA)
    cv2.putText(ink, text, at, font, scale, 255, thickness, cv2.LINE_AA)
    return letters(pixels, cv2.dilate(ink, np.ones((3, 3))) > 60)


@pytest.mark.parametrize("font", [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX])
@pytest.mark.parametrize("scale", [0.5, 0.9, 2.0])
@pytest.mark.parametrize("tone", [245, 15])
def test_a_masked_caption_is_counted(font: int, scale: float, tone: int) -> None:
    assert written("Harbour, No. 1234", scale, font, tone=tone) >= THRESHOLD


def test_handwriting_is_counted() -> None:
    assert written("Unter den Linden", 1.2, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX) >= THRESHOLD


def test_writing_that_runs_upwards_is_counted() -> None:
    pixels, ink = photo(), np.zeros((300, 420), np.uint8)
    cv2.putText(pixels, "Harbour, No. 1234", (20, 150), cv2.FONT_HERSHEY_COMPLEX, 0.8, (245, 245, 245), 1)
    cv2.putText(ink, "Harbour, No. 1234", (20, 150), cv2.FONT_HERSHEY_COMPLEX, 0.8, 255, 1)
    mask = cv2.dilate(ink, np.ones((3, 3))) > 0
    assert letters(np.ascontiguousarray(np.rot90(pixels)), np.rot90(mask).copy()) >= THRESHOLD


def test_a_whole_label_in_the_mask_is_counted() -> None:
    """Somebody drew one rectangle over the caption: the strokes are found inside."""
    pixels = photo()
    cv2.putText(pixels, "Plate 17 harbour", (30, 150), cv2.FONT_HERSHEY_COMPLEX, 0.8, (20, 20, 20), 1)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[120:165, 20:300] = True
    assert letters(pixels, mask) >= THRESHOLD


def test_writing_outside_the_mask_is_none_of_its_business() -> None:
    pixels = photo()
    cv2.putText(pixels, "Plate 17 harbour", (30, 150), cv2.FONT_HERSHEY_COMPLEX, 0.8, (20, 20, 20), 1)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[200:260, 20:300] = True
    assert letters(pixels, mask) == 0
    assert letters(pixels, np.zeros_like(mask)) == 0


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 5, 6, 7, 8, 9, 10])
def test_synthetic_damage_is_no_writing(seed: int) -> None:
    """Scratches, dust, hairs, creases, holes: the project's own damage, as it is taught to the detector."""
    pixels = photo(seed, width=640, height=480)
    worn = age(pixels, sample_recipe(seed, WEAR_PROFILE), DefectLibrary.procedural())
    aged = np.asarray(np.rint(np.clip(worn.aged, 0, 1) * 255), np.uint8)
    assert worn.mask.any()
    assert letters(aged, worn.mask) < THRESHOLD


def test_scratches_side_by_side_are_no_writing() -> None:
    """A film's scratches, broken into pieces of one length: a row of straight strokes."""
    pixels, mask = photo(), np.zeros((300, 420), np.uint8)
    for x in range(40, 380, 12):
        for y in (60, 100, 140):
            cv2.line(pixels, (x, y), (x + 2, y + 22), (245, 245, 245), 2)
            cv2.line(mask, (x, y), (x + 2, y + 22), 255, 3)
    assert letters(pixels, mask > 0) < THRESHOLD


def test_dense_dust_is_no_writing() -> None:
    rng = np.random.default_rng(1)
    pixels, mask = photo(2, 800, 600), np.zeros((600, 800), np.uint8)
    for _ in range(1500):
        centre = (int(rng.integers(800)), int(rng.integers(600)))
        axes = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
        for target, colour in ((pixels, (240, 240, 240)), (mask, 255)):
            cv2.ellipse(target, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    assert letters(pixels, mask > 0) < THRESHOLD


def hooks(places: list[tuple[int, int]]) -> float:
    """Measure a photo with a bent mark, as large as a letter, at each (x, y); all of them are masked."""
    pixels, mask = photo(), np.zeros((300, 420), np.uint8)
    for x, y in places:
        hook = np.array([(x, y), (x, y + 13), (x + 9, y + 13), (x + 9, y + 5)], np.int32)
        cv2.polylines(pixels, [hook], False, (245, 245, 245), 2)
        cv2.polylines(mask, [hook], False, 255, 3)
    return letters(pixels, mask > 0)


def test_a_row_among_marks_that_stand_in_none_is_chance() -> None:
    row = [(120 + 16 * number, 150) for number in range(6)]
    strewn = [(100 + 45 * number, 150 + down) for number in range(4) for down in (-20, 20)]
    assert hooks(row) == 6
    assert hooks(row + strewn) == 0


def test_marks_that_line_up_across_and_down_alike_have_no_direction_of_reading() -> None:
    grid = [(100 + 17 * column, 60 + 21 * row) for row in range(6) for column in range(6)]
    assert hooks(grid[:-3]) == 0


def test_squares_and_rasters_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan on disk gives the answer of one in memory; a line that crosses squares is not counted twice."""
    monkeypatch.setattr(lettering, "WINDOW", 150)
    pixels, ink = photo(), np.zeros((300, 420), np.uint8)
    for target, colour in ((pixels, (245, 245, 245)), (ink, 255)):
        cv2.putText(target, "Main street, harbour", (10, 152), cv2.FONT_HERSHEY_COMPLEX, 0.8, colour, 1)
    mask = cv2.dilate(ink, np.ones((3, 3))) > 0
    many = letters(pixels, mask)
    on_disk = [FileRaster(array.shape, array.dtype) for array in (pixels, mask)]
    for raster, array in zip(on_disk, (pixels, mask), strict=True):
        raster.write(0, 0, array)
    assert measure_lettering(*on_disk)["lettering"] == many
    monkeypatch.setattr(lettering, "WINDOW", 1000)
    assert many == pytest.approx(letters(pixels, mask), abs=2)
    assert many >= THRESHOLD
