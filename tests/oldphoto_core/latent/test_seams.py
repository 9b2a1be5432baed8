"""Where a wide hole lies across the border of tiles no step is left; everything else stays as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.latent.seams import FADE, WIDE, fade_seams
from oldphoto_core.photo import Mask, Tier
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tiling import Grid, Window
from tests.flows.material import aged_photo, write_weights

GRID = Grid(500, 620, tile=192, halo=32, multiple=16, border=16)
BORDERS = (192 - 16, 384 - 16, 576 - 16)


def _level(window: Window) -> float:
    """What the window is filled with: another level for each."""
    seed = [window.inner_top, window.inner_left, window.inner_bottom, window.inner_right]
    return float(np.random.default_rng(seed).uniform(0.2, 0.8))


def _made(window: Window) -> NDArray[np.float32]:
    top, left, bottom, right = GRID.kept(window)
    return np.full((bottom - top, right - left, 3), _level(window), np.float32)


def _faded(mask: Mask) -> tuple[NDArray[np.uint16], NDArray[np.uint16], list[Window]]:
    """Return a grey picture of tiles before and after, and which windows were filled for it."""
    before = np.zeros(mask.shape, np.uint16)
    for window in GRID.windows():
        top, left, bottom, right = GRID.kept(window)
        before[top:bottom, left:right] = round(65535 * _level(window))
    asked: list[Window] = []

    def fill(windows: Iterable[Window]) -> Iterator[NDArray[np.float32]]:
        for window in windows:
            asked.append(window)
            yield _made(window)

    after = before.copy()
    fade_seams(GRID, MemoryRaster(before), MemoryRaster(mask), MemoryRaster(after), fill)
    return before, after, asked


def _steepest(picture: NDArray[np.uint16]) -> int:
    whole = picture.astype(int)
    return int(max(np.abs(np.diff(whole, axis=axis)).max() for axis in (0, 1)))


def test_a_hole_over_all_tiles_has_no_step_anywhere() -> None:
    before, after, _ = _faded(np.ones((500, 620), bool))
    assert _steepest(before) > 0.2 * 65535
    # Two weights change along a row, each by 1/FADE a pixel, and levels differ by 0.6 at most.
    assert _steepest(after) < 2 * 0.6 / FADE * 65535


def test_what_lies_away_from_the_borders_stays() -> None:
    before, after, _ = _faded(np.ones((500, 620), bool))
    inside = np.ix_(*([at for at in range(side) if _far(at)] for side in before.shape))
    np.testing.assert_array_equal(after[inside], before[inside])


def _far(at: int) -> bool:
    return all(abs(at + 0.5 - border) > FADE for border in BORDERS)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(20, 160), slice(190, 350)),
        (slice(0, 500), slice(300, 300 + WIDE - 1)),
        (slice(100, 100 + WIDE - 1), slice(0, 620)),
        (slice(BORDERS[0] - WIDE, BORDERS[0]), slice(BORDERS[1], BORDERS[1] + WIDE)),
    ],
    ids=["within a tile", "a crack across", "a crack along", "up to the borders"],
)
def test_other_damage_is_left_alone(rows: slice, columns: slice) -> None:
    mask = np.zeros((500, 620), bool)
    mask[rows, columns] = True
    before, after, asked = _faded(mask)
    assert asked == []
    np.testing.assert_array_equal(after, before)


def test_only_borders_in_the_hole_are_faded() -> None:
    mask = np.zeros((500, 620), bool)
    mask[200:300, BORDERS[0] - WIDE // 2 : BORDERS[0] + WIDE // 2] = True
    before, after, (window,) = _faded(mask)
    assert GRID.kept(window) == (BORDERS[0], BORDERS[0] - FADE, BORDERS[1], BORDERS[0] + FADE)
    assert window.right - window.left == GRID.tile + 2 * GRID.halo
    changed = before != after
    assert changed[BORDERS[0] : BORDERS[1], BORDERS[0] - 1].all()
    changed[BORDERS[0] : BORDERS[1], BORDERS[0] - FADE : BORDERS[0] + FADE] = False
    assert not changed.any()


def test_a_restored_photo_has_no_step_in_a_wide_hole(tmp_path: Path) -> None:
    pixels = aged_photo(5, width=420, height=150)
    mask = np.zeros((150, 420), bool)
    mask[:, 120:340] = True
    restorer = load_restorer(
        device="cpu",
        weights=write_weights(tmp_path),
        settings=RestoreSettings(tile=192, halo=32),
    )
    assert restorer.translator is not None
    tiles = restorer.translator.translate(pixels.astype(np.float32) / 255, mask)
    restored = restorer.restore(pixels, mask=mask).image
    assert restored is not None
    border = 192 - 16
    step = np.abs(tiles[:, border] - tiles[:, border - 1]).mean()
    left = np.abs(restored[:, border].astype(float) - restored[:, border - 1]).mean() / 255
    assert left < step / 2


@pytest.mark.parametrize("coloured", [False, True], ids=["grey", "colour far away"])
def test_a_fill_alone_is_faded_as_the_whole_is(tmp_path: Path, coloured: bool) -> None:
    """Law: tiles are faded into each other alike where only those near the damage are written."""
    pixels = np.repeat(aged_photo(5, width=900, height=150)[..., :1], 3, axis=2)
    if coloured:
        pixels[:, 880:, 0] = 250
    mask = np.zeros((150, 900), bool)
    mask[:, 120:240] = True
    restorer = load_restorer(
        device="cpu",
        weights=write_weights(tmp_path),
        settings=RestoreSettings(tile=192, halo=32, tone_change=1.0),
    )
    whole = restorer.restore(pixels, mask=mask, tier=Tier.RESTORED).tiers[Tier.CONSERVED]
    alone = restorer.restore(pixels, mask=mask, tier=Tier.CONSERVED).image
    np.testing.assert_array_equal(alone, whole)
    assert coloured or np.ptp(whole, axis=2).max() == 0
