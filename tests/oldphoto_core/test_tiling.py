"""Law: tiled = whole, and every pixel is kept once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.raster import MemoryRaster, bands
from oldphoto_core.tiling import Grid, run_tiled, windows


@pytest.mark.parametrize(("height", "width"), [(1, 1), (64, 200), (257, 130)])
def test_windows_cover_every_pixel_once(height: int, width: int) -> None:
    seen = np.zeros((height, width), int)
    for window in windows(height, width, 64, 16):
        seen[window.inner_top : window.inner_bottom, window.inner_left : window.inner_right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 40), (33, 47)])
def test_size_is_kept_whatever_it_is(height: int, width: int) -> None:
    picture = torch.rand(1, 3, height, width)
    same = run_tiled(lambda tile: tile, picture, tile=64, halo=16, multiple=16)
    assert torch.equal(same, picture)


@pytest.mark.parametrize(("tile", "halo"), [(64, 16), (32, 16), (32, 0)])
@pytest.mark.parametrize("border", [0, 16])
@pytest.mark.parametrize(("height", "width"), [(21, 45), (1, 300), (130, 257), (49, 81), (300, 20)])
def test_tiles_are_read_as_from_a_mirrored_picture(
    height: int, width: int, border: int, tile: int, halo: int
) -> None:
    """What NumPy's own padding makes of the whole picture, each tile finds in its part of it."""
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    grid = Grid(height, width, tile=tile, halo=halo, multiple=16, border=border)
    rows, columns = ((border, border + (-side) % 16) for side in (height, width))
    padded = np.pad(pixels, (rows, (0, 0), (0, 0)), mode="reflect" if rows[1] < height else "edge")
    padded = np.pad(padded, ((0, 0), columns, (0, 0)), mode="reflect" if columns[1] < width else "edge")
    for window in grid.windows():
        expected = padded[window.top : window.bottom, window.left : window.right]
        assert np.array_equal(grid.read(MemoryRaster(pixels), window), expected)
        for other in (pixels[..., 0] > 99, pixels[..., :1].astype(np.float32), pixels.astype(np.uint16)):
            seen = grid.read(MemoryRaster(other), window)
            assert np.array_equal(
                seen, (expected[..., 0] > 99) if other.dtype == bool else expected[..., : other.shape[-1]]
            )
        assert all(side % 16 == 0 for side in expected.shape[:2])


@pytest.mark.parametrize("border", [0, 16])
@pytest.mark.parametrize(("height", "width"), [(21, 45), (1, 300), (130, 257)])
def test_what_tiles_keep_is_the_picture_once(height: int, width: int, border: int) -> None:
    pixels = np.random.default_rng(0).random((height, width, 1), np.float32)
    grid = Grid(height, width, tile=64, halo=16, multiple=16, border=border)
    kept = np.zeros_like(pixels)
    for window in grid.windows():
        top, left, bottom, right = grid.kept(window)
        tile = torch.from_numpy(grid.read(MemoryRaster(pixels), window).copy()).permute(2, 0, 1)
        kept[top:bottom, left:right, 0] += grid.crop(window, tile)[0].numpy()
    assert np.array_equal(kept, pixels)


@pytest.mark.parametrize(("width", "rows"), [(10, 3), (30, 1), (31, 1), (1, 30)])
def test_bands_are_whole_rows_that_hold_no_more_than_asked_for(width: int, rows: int) -> None:
    spans = list(bands(50, width, 30))
    assert [top for top, _ in spans] == list(range(0, 50, rows))
    assert [bottom for _, bottom in spans] == [*range(rows, 50, rows), 50]


@torch.no_grad()
def test_tiled_equals_whole_for_the_convolutional_networks() -> None:
    """Within 1/255 of the networks' range of 2, at the halo that the restorer uses."""
    torch.manual_seed(0)
    vae, mapping, detector = (
        build_autoencoder("compact").eval(),
        build_mapping("compact").eval(),
        build_detector("compact").eval(),
    )
    for parameter in mapping.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    picture = torch.rand(1, 3, 208, 336) * 2 - 1

    def restore(tile: torch.Tensor) -> torch.Tensor:
        return vae.generator(mapping(vae.encoder(tile), None))

    for function, inputs in ((restore, picture), (detector, picture[:, :1])):
        whole = run_tiled(function, inputs, tile=4096, halo=0, multiple=16)
        tiled = run_tiled(function, inputs, tile=128, halo=96, multiple=16)
        assert (whole - tiled).abs().max().item() <= 2 / 255
