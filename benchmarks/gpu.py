"""On a GPU: megapixels a second of each network and end to end, and their share of the matrix peak.

    python -m benchmarks.gpu         # needs CUDA, torch, numpy, OpenCV, Pillow, safetensors
    python -m benchmarks.gpu --device cpu --tile 256 --batch 1 --megapixels 1      # to see that all of it runs

The peak is measured in the same run with bf16 matrix products. Networks have random weights, batches of one shape,
and cuDNN may choose its algorithms by trying; `mapping` is as a restoration runs it, `mapping_bf16` has its weights
converted once. What is measured end to end, `benchmarks/gpu_end_to_end.py` says.

A section that fails leaves its message in the JSON, and the others go on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import RESULTS, plot, report
from benchmarks.gpu_end_to_end import end_to_end
from benchmarks.sections import seconds_of, section
from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.defect_unet import folded
from oldphoto_core.models.layers import fold_batch_norm, round_residuals
from oldphoto_core.settings import CONFIGS, Config


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--tile", type=int, default=1024, help="side of the networks' tiles, for their own rates"
    )
    parser.add_argument("--batch", type=int, default=8, help="how many of them at once")
    parser.add_argument("--megapixels", type=float, default=100.0, help="size of the picture, end to end")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON and the plot")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no CUDA device; --device cpu only shows that the benchmark runs.")
    device = torch.device(given.device)
    found: dict[str, Any] = {"device": given.device}
    found["bf16_peak_tflops"] = section("peak", lambda: matrix_peak(device))
    found["end_to_end"] = section("end to end", lambda: end_to_end(device, given.megapixels))
    peak = found["bf16_peak_tflops"]
    known = peak if isinstance(peak, float) else None
    found["configurations"] = {
        config: section(
            config,
            lambda config=config: networks(config, device, given.tile, given.batch, known),  # type: ignore[misc]
        )
        for config in CONFIGS
    }
    report("gpu", found, given.out)
    draw(found["configurations"], given.out)


def matrix_peak(device: torch.device) -> float:
    """Return the measured rate of bf16 matrix products in TFLOP/s."""
    side = 8192 if device.type == "cuda" else 1024
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: left @ right, device) / 1e12


def networks(
    config: Config, device: torch.device, tile: int, batch: int, peak: float | None
) -> dict[str, Any]:
    """Return megapixels a second and the share of the peak of each network, undamaged and in batches."""
    autoencoder, mapping = build_autoencoder(config), build_mapping(config)
    made = (autoencoder, mapping, build_mapping(config))
    detector, autoencoder, mapping, converted = (
        network.to(device, memory_format=torch.channels_last)
        for network in (folded(build_detector(config)), *map(fold_batch_norm, made))
    )
    for network in (detector, converted):
        network.to(torch.bfloat16)
    round_residuals(autoencoder)
    channels = autoencoder.encoder.to_latent.out_channels

    def shaped(channels: int, side: int, dtype: torch.dtype = torch.float32) -> Tensor:
        made = torch.rand(batch, channels, side, side, device=device, dtype=dtype)
        return made.contiguous(memory_format=torch.channels_last)

    def mapped(latents: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False):
            result: Tensor = mapping(latents, None)
        return result

    steps: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[], Tensor]]] = {
        "detector": (detector, lambda: shaped(1, tile, torch.bfloat16)),
        "encoder": (autoencoder.encoder, lambda: shaped(3, tile)),
        "mapping": (mapped, lambda: shaped(channels, tile // 4)),
        "mapping_bf16": (
            lambda latents: converted(latents, None),
            lambda: shaped(channels, tile // 4, torch.bfloat16),
        ),
        "generator": (autoencoder.generator, lambda: shaped(channels, tile // 4)),
    }
    torch.backends.cudnn.benchmark = True
    try:
        return {
            name: section(
                f"{config} {name}",
                lambda step=step, example=example: rate(  # type: ignore[misc]
                    step, example(), batch * tile * tile / 1e6, device, peak
                ),
            )
            for name, (step, example) in steps.items()
        }
    finally:
        torch.backends.cudnn.benchmark = False


@torch.inference_mode()
def rate(
    step: Callable[[Tensor], Tensor],
    example: Tensor,
    megapixels: float,
    device: torch.device,
    peak: float | None,
) -> dict[str, float]:
    """Return megapixels a second, TFLOP/s, and the share of the peak where that is known."""
    with FlopCounterMode(display=False) as counter:
        step(example)
    seconds = seconds_of(lambda: step(example), device)
    tflops = counter.get_total_flops() / seconds / 1e12
    found = {"mp_per_s": megapixels / seconds, "tflops": tflops}
    return found if peak is None else {**found, "share_of_peak": tflops / peak}


def draw(configurations: dict[str, Any], out: Path) -> None:
    """Plot the networks' rates that were measured."""
    series = {}
    for config, parts in configurations.items():
        measured = {name: part["mp_per_s"] for name, part in parts.items() if "mp_per_s" in part}
        series[config] = (list(range(len(measured))), list(measured.values()))
    names = ", ".join(f"{number} {name}" for number, name in enumerate(next(iter(configurations.values()))))
    plot("gpu", series, x=names, y="megapixels a second", out=out)


if __name__ == "__main__":
    main()
