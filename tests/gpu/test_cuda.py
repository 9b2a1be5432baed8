"""On a GPU a photo comes out as on the CPU, within what bfloat16 and another order of sums make of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from oldphoto_core.device import DeviceLink, Replayed, recorded_graph
from oldphoto_core.photo import Tier
from oldphoto_core.pixels import PixelKind, to_unit
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.tensors import sendable, to_be_fetched, unit_of_sent
from tests.flows.material import aged_photo, write_weights

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def test_a_photo_of_many_tiles_comes_out_as_on_the_cpu(weights: Path) -> None:
    pixels = aged_photo(1, width=900, height=700)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[300:304, 100:600] = True
    settings = RestoreSettings(tile=128, halo=96)
    made = [
        load_restorer(device=device, weights=weights, settings=settings).restore(pixels, mask=mask).image
        for device in ("cpu", "cuda")
    ]
    difference = np.abs(made[0].astype(int) - made[1])
    assert difference.mean() <= 1
    assert difference.max() <= 6


def test_a_recorded_graph_gives_what_the_function_gives() -> None:
    layer = torch.nn.Conv2d(3, 8, 3, padding=1).cuda().requires_grad_(False)
    function = Replayed(layer, recorded_graph, after=2)
    with torch.inference_mode():
        for _ in range(5):
            tensor = torch.rand(2, 3, 32, 32, device="cuda")
            assert torch.allclose(function(tensor), layer(tensor), atol=1e-4)


def test_tiles_travel_through_page_locked_memory_unchanged() -> None:
    link = DeviceLink(torch.device("cuda"))
    tensor = torch.rand(4, 3, 64, 64)
    assert torch.equal(link.to_host(link.to_device(tensor)), tensor)
    assert link.batch(768) > 1


def test_stored_pixels_travel_to_the_device_and_back_unchanged() -> None:
    link = DeviceLink(torch.device("cuda"))
    assert link.streamed
    for dtype in (np.uint8, np.uint16):
        pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (1, 90, 70, 3), dtype=dtype)
        buffer = link.buffer(pixels.shape, torch.uint8 if dtype == np.uint8 else torch.int16)
        buffer.numpy()[...] = sendable(pixels)
        unit = unit_of_sent(link.sent(buffer))
        # A GPU divides by multiplying: the last bit of a quotient may differ.
        assert np.allclose(link.fetch(unit).array()[0].transpose(1, 2, 0), to_unit(pixels[0]), rtol=1e-6)
        levels = link.fetch(to_be_fetched(unit, PixelKind(np.dtype(dtype), 3, grey=False)))
        assert np.array_equal(levels.array().view(dtype), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_shipped_networks_restore_as_on_the_cpu(dtype: type, channels: int) -> None:
    """Joined tiles, damaged ones, detection in blocks with a coarse look, and everything measured."""
    pixels = aged_photo(2, width=1500, height=1300)
    pixels = pixels if channels == 3 else np.ascontiguousarray(pixels[..., 0])
    pixels = pixels if dtype == np.uint8 else pixels.astype(np.uint16) * 257
    mask = np.zeros(pixels.shape[:2], bool)
    mask[300:304, 100:300] = True
    settings = RestoreSettings(tile=256, halo=96)
    restorers = [load_restorer(device=device, settings=settings) for device in ("cpu", "cuda")]
    if not restorers[0].available_tiers:
        pytest.skip("no weights are shipped")
    expected, found = (one.restore(pixels, mask=mask, tier=Tier.RESTORED) for one in restorers)
    difference = np.abs(expected.image.astype(float) - found.image) * 255 / np.iinfo(dtype).max
    assert found.image.dtype == dtype
    assert found.image.shape == pixels.shape
    assert difference.mean() <= 0.5
    assert np.quantile(difference, 0.999) <= 4
    for name in ("mean_change", "colour_drift"):
        assert found.measurements[name] == pytest.approx(expected.measurements[name], rel=0.05, abs=1e-3)
    on_cpu, on_gpu = (one.detect(pixels) for one in restorers)
    assert np.abs(on_cpu.probability - on_gpu.probability).mean() <= 5e-3
    assert (on_cpu.mask != on_gpu.mask).mean() <= 1e-3
