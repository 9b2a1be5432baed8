"""Law: what is streamed to a device in large batches comes out as what is done tile by tile on the processor.

Everything but the device itself is the same on a CPU, so the law is tested there.
"""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from oldphoto_core import steps
from oldphoto_core.detection.banded import hysteresis_into
from oldphoto_core.device import DeviceLink
from oldphoto_core.latent.batches import batches
from oldphoto_core.photo import Pixels, Tier
from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tensors import sendable, to_be_fetched, unit_of_sent
from oldphoto_core.tiling import Grid
from tests.flows.material import aged_photo, write_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def _restorers(weights: Path, **settings: object) -> tuple[Restorer, Restorer]:
    """Return a restorer that works tile by tile, and one that streams."""
    chosen = RestoreSettings(**{"tile": 64, "halo": 96, **settings})  # type: ignore[arg-type]
    plain, streamed = (load_restorer(device="cpu", weights=weights, settings=chosen) for _ in range(2))
    for part in (streamed.detector, streamed.translator):
        assert part is not None
        part.link = DeviceLink(torch.device("cpu"), streamed=True)
    return plain, streamed


def _kinds() -> list[Pixels]:
    colour = aged_photo(3, width=180, height=140)
    grey = np.ascontiguousarray(colour[..., 0])
    return [colour, grey, np.repeat(grey[..., None], 3, axis=2), colour.astype(np.uint16) * 257]


@pytest.mark.parametrize("pixels", _kinds(), ids=["colour", "one channel", "grey", "16 bits"])
def test_a_streamed_photo_comes_out_as_tile_by_tile(weights: Path, pixels: Pixels) -> None:
    plain, streamed = _restorers(weights, strength=0.8)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[40:43, 30:120] = mask[130, 150] = True
    expected, found = (one.restore(pixels, mask=mask) for one in (plain, streamed))
    assert found.image.dtype == pixels.dtype
    assert found.image.shape == pixels.shape
    levels = np.iinfo(pixels.dtype).max / 255
    assert np.abs(expected.image.astype(int) - found.image).max() <= levels
    assert found.measurements == pytest.approx(expected.measurements, abs=2e-3, rel=1e-2)
    assert found.flags == expected.flags


def test_a_wide_hole_over_many_tiles_is_streamed_alike(weights: Path) -> None:
    pixels, mask = aged_photo(3, width=180, height=140), np.zeros((140, 180), bool)
    mask[10:130, 40:160] = True
    expected, found = (one.restore(pixels, mask=mask) for one in _restorers(weights))
    assert np.abs(expected.image.astype(int) - found.image).max() <= 1


@pytest.mark.parametrize("damaged", [True, False])
def test_a_streamed_photo_of_which_only_damage_is_filled_comes_out_as_tile_by_tile(
    weights: Path, damaged: bool
) -> None:
    pixels = aged_photo(3, width=180, height=140)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[40:43, 30:120] = damaged
    expected, found = (
        one.restore(pixels, mask=mask, tier=Tier.CONSERVED) for one in _restorers(weights, strength=0.8)
    )
    assert found.needed == expected.needed == damaged
    assert np.abs(expected.image.astype(int) - found.image).max() <= 1
    assert found.measurements == pytest.approx(expected.measurements)
    assert found.measurements["mean_change"] == 0
    assert found.flags == expected.flags


@pytest.mark.parametrize("pixels", _kinds(), ids=["colour", "one channel", "grey", "16 bits"])
def test_streamed_detection_gives_the_probability_of_tiles(
    weights: Path, monkeypatch: pytest.MonkeyPatch, pixels: Pixels
) -> None:
    monkeypatch.setattr(steps, "DETECTION_BLOCK", 144)
    monkeypatch.setattr("oldphoto_core.detection.looks.COARSE_SIDE", 120)
    monkeypatch.setattr("oldphoto_core.detection.looks.ENLARGED_BELOW", 0)
    plain, streamed = _restorers(weights, autocast=False)
    expected, found = (one.detect(pixels) for one in (plain, streamed))
    assert np.abs(expected.probability - found.probability).max() <= 2e-3
    assert np.array_equal(expected.mask, found.mask)


@pytest.mark.parametrize("size", [(190, 160), (640, 420)])
def test_one_thread_launches_all_that_the_networks_do(weights: Path, size: tuple[int, int]) -> None:
    """Small photos, which are looked at enlarged, and the draws beside the translation are no exceptions."""
    _, streamed = _restorers(weights, tile=128)
    detector, translator = streamed.detector, streamed.translator
    assert detector is not None
    assert translator is not None
    seen: set[str] = set()
    for network in (detector.network, translator.old.encoder, translator.mapping, translator.clean.generator):
        network.register_forward_hook(lambda *_: seen.add(threading.current_thread().name))
    pixels = aged_photo(3, width=size[0], height=size[1])
    mask = np.zeros(pixels.shape[:2], bool)
    mask[40:43, 30:120] = True
    streamed.detect(pixels)
    assert streamed.restore(pixels, mask=mask).needed
    assert seen == {"launcher_0"}


def test_intact_neighbours_are_joined_and_damaged_tiles_keep_their_outline() -> None:
    grid = Grid(700, 530, tile=64, halo=32, multiple=16, border=16)
    mask = np.zeros((700, 530), bool)
    mask[300:310, 200] = True
    chosen = list(grid.windows())
    made = batches(grid, MemoryRaster(mask), chosen, pixels=200_000)
    seen = np.zeros(mask.shape, int)
    for batch in made:
        ((height, width),) = {(one.bottom - one.top, one.right - one.left) for one in batch.windows}
        assert len(batch.windows) == 1 or len(batch.windows) * height * width <= 200_000
        for window in batch.windows:
            top, left, bottom, right = grid.kept(window)
            seen[top:bottom, left:right] += 1
            assert bool(grid.read(MemoryRaster(mask), window).any()) == batch.damaged
            assert not batch.damaged or window in chosen
    assert (seen == 1).all()
    assert sum(len(batch.windows) for batch in made) < len(chosen) / 3


def test_scans_of_many_sizes_have_few_shapes() -> None:
    """For each new shape a GPU plans every convolution again."""
    sizes = [(600 + 37 * number, 1100 - 23 * number) for number in range(15)]
    shapes = set()
    for height, width in sizes:
        grid = Grid(height, width, tile=64, halo=32, multiple=16, border=16)
        windows = list(grid.windows())
        for batch in batches(grid, MemoryRaster(np.zeros((height, width), bool)), windows, pixels=400_000):
            one = batch.windows[0]
            assert 0 <= one.top < one.bottom <= grid.padded[0]
            shapes.add((len(batch.windows), one.bottom - one.top, one.right - one.left))
            # What is kept still has its halo on every side that is not the picture's own.
            for window in batch.windows:
                assert window.top <= max(0, window.inner_top - 32)
                assert window.bottom >= min(grid.padded[0], window.inner_bottom + 32)
    sides = {64 * count + 64 for count in (1, 2, 3, 4)}
    assert {side for _, *both in shapes for side in both} <= sides
    assert {count for count, *_ in shapes} <= {1, 2, 4, 8}
    assert len(shapes) < 2 * len(sizes)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3)])
def test_levels_survive_the_way_to_the_device_and_back(shape: tuple[int, ...], dtype: type) -> None:
    full = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, full, shape, dtype=dtype, endpoint=True)
    pixels[0, 0], pixels[0, 1] = 0, full
    unit = unit_of_sent(torch.from_numpy(sendable(pixels))[None])
    assert np.array_equal(unit[0].permute(1, 2, 0).numpy(), to_unit(pixels))
    beyond = 1.5 * unit - 0.2
    kind = PixelKind.of(MemoryRaster(pixels))
    made = to_be_fetched(beyond, kind)[0].numpy().view(pixels.dtype)
    expected = kind.stored(beyond[0].permute(1, 2, 0).numpy())
    assert made.shape == pixels.shape
    assert np.abs(made.astype(int) - expected).max() <= (1 if kind.grey else 0)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_hysteresis_in_threads_is_hysteresis(workers: int) -> None:
    noise = np.random.default_rng(1).random((301, 200), dtype=np.float32)
    probability = np.clip(2 * cv2.GaussianBlur(noise, (0, 0), 2) - 0.3, 0, 1)
    probability[:, 50] = 0.99
    settings = RestoreSettings(seed_probability=0.75, line_probability=0.9)
    expected, found = np.zeros(noise.shape, bool), np.zeros(noise.shape, bool)
    raster = MemoryRaster(probability)
    facts = hysteresis_into(raster, MemoryRaster(expected), settings)
    assert expected.any()
    assert hysteresis_into(raster, MemoryRaster(found), settings, workers=workers, band_pixels=3000) == facts
    assert np.array_equal(found, expected)
