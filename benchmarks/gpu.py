"""On a GPU: megapixels a second of each network and end to end, and their share of the matrix peak.

    python -m benchmarks.gpu                                        # needs CUDA, torch, numpy; nothing else
    python -m benchmarks.gpu --device cpu --tile 128 --batch 1      # the same code on a CPU, to see that it runs

Weights and pixels are random: they cost what trained ones cost. The peak is measured in the same run with bf16
matrix products. End to end is the translation of a large picture from main memory to main memory, with its
tiles cut, moved, translated and put together as in a restoration.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import plot, report
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.build import CONFIGS, Config, build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.layers import fold_batch_norm
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--megapixels", type=float, default=100.0, help="size of the picture, end to end")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no CUDA device; --device cpu only shows that the benchmark runs.")
    device = torch.device(given.device)
    peak = matrix_peak(device, 8192 if device.type == "cuda" else 1024)
    found: dict[str, Any] = {}
    for config in CONFIGS:
        found[config] = networks(config, device, given.tile, given.batch, peak)
        found[config]["end_to_end_mp_per_s"] = end_to_end(config, device, given.tile, given.megapixels)
    report("gpu", {"device": given.device, "bf16_peak_tflops": peak, "configurations": found})
    parts = list(found["compact"]["mp_per_s"])
    plot(
        "gpu",
        {
            config: (range(len(parts)), [one["mp_per_s"][part] for part in parts])
            for config, one in found.items()
        },
        x=", ".join(f"{number} {part}" for number, part in enumerate(parts)),
        y="megapixels a second",
    )


def matrix_peak(device: torch.device, side: int) -> float:
    """Return the measured rate of bf16 matrix products in TFLOP/s."""
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: left @ right, device) / 1e12


@torch.inference_mode()
def networks(config: Config, device: torch.device, tile: int, batch: int, peak: float) -> dict[str, Any]:
    """Return megapixels a second and the share of the peak of each network, undamaged and in batches."""
    folded = (
        fold_batch_norm(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for network in (build_detector(config), build_autoencoder(config), build_mapping(config))
    )
    detector, autoencoder, mapping = folded
    picture = torch.rand(batch, 3, tile, tile, device=device).contiguous(memory_format=torch.channels_last)
    latents = autoencoder.encoder(picture)
    steps: dict[str, Callable[[], Tensor]] = {
        "detector": lambda: detector(picture[:, :1]),
        "encoder": lambda: autoencoder.encoder(picture),
        "mapping": lambda: mapping(latents, None),
        "generator": lambda: autoencoder.generator(latents),
    }
    megapixels = batch * tile * tile / 1e6
    rates: dict[str, float] = {}
    shares: dict[str, float] = {}
    for name, step in steps.items():
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=name in ("detector", "mapping")):
            with FlopCounterMode(display=False) as counter:
                step()
            seconds = seconds_of(step, device)
        rates[name] = megapixels / seconds
        shares[name] = counter.get_total_flops() / seconds / 1e12 / peak
    return {"mp_per_s": rates, "share_of_peak": shares}


def end_to_end(config: Config, device: torch.device, tile: int, megapixels: float) -> float:
    """Return megapixels a second of the translation of a large picture with a few scratches."""
    side = int((megapixels * 1e6) ** 0.5)
    settings = RestoreSettings(tile=tile, halo=96)
    translator = LatentTranslator(
        build_autoencoder(config), build_mapping(config), build_autoencoder(config), settings, device
    )
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    mask = np.zeros((side, side), bool)
    mask[:, side // 3 : side // 3 + 4] = True
    result = np.empty_like(pixels)
    grid = translator.grid(side, side)

    def translate() -> None:
        for top, left, unit in translator.patches(
            MemoryRaster(pixels), MemoryRaster(mask), grid, grid.windows()
        ):
            place = result[top : top + unit.shape[0], left : left + unit.shape[1]]
            place[...] = np.clip(unit * 255 + 0.5, 0, 255)

    translate()
    began = time.perf_counter()
    translate()
    return side * side / 1e6 / (time.perf_counter() - began)


def seconds_of(call: Callable[[], Any], device: torch.device, repeats: int = 10) -> float:
    """Return the mean seconds of a call, after two to warm up."""
    repeats = repeats if device.type == "cuda" else 1
    for _ in range(2 if device.type == "cuda" else 1):
        call()
    _wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    _wait(device)
    return (time.perf_counter() - began) / repeats


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
