"""On a GPU a photo comes out as on the CPU, within what bfloat16 and another order of sums make of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from oldphoto_core.device import DeviceLink, Replayed, recorded_graph
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings
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
