"""What the networks cost: seconds and operations a megapixel, compact against paper, against the machine's limit.

    python -m benchmarks.network_cost                               # about 2 minutes on two cores
    python -m benchmarks.network_cost --megapixels 0.07 --repeats 1 # a quick look

The limit is the highest rate of 3×3 convolutions measured in the same run, over widths and both number formats; the
networks compute in the format that a restoration chooses on this machine.
The weights are untrained: they cost what trained ones cost. The damage is scratches, lines, specks and creases over
4 % of the picture, drawn by the project's own synthesis; attention counts among the operations.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import plot, report
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import WEAR_PROFILE, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.device import computes_in_bfloat16
from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.defect_unet import folded, with_relu_fused
from oldphoto_core.models.fused import fuses
from oldphoto_core.models.latent_mapping import latent_mask
from oldphoto_core.models.layers import fold_batch_norm, fuse_relu, round_residuals
from oldphoto_core.settings import CONFIGS, Config, RestoreSettings

WIDTHS = (48, 64, 96, 128, 256, 512)
DAMAGE_SEED = 2
"""Of the recipe that draws the damage."""


def main() -> None:
    """Measure the limit and both configurations, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megapixels", type=float, default=0.25, help="size of the tile")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    side = round((given.megapixels * 1e6) ** 0.5 / 64) * 64
    limits = {kind: convolution_limit(kind, given.repeats) for kind in ("float32", "bfloat16")}
    found = {config: cost(config, side, given.repeats) for config in CONFIGS}
    for one in found.values():
        one["share_of_limit"] = (
            one["gflop_per_megapixel"] / one["seconds_per_megapixel"] / max(limits.values())
        )
    figures = {
        "threads": given.threads,
        "bfloat16": computes_in_bfloat16(torch.device("cpu")),
        "tile": side,
        "conv_gflops": limits,
        "networks": found,
        "paper_to_compact": found["paper"]["seconds_per_megapixel"]
        / found["compact"]["seconds_per_megapixel"],
    }
    report("network_cost", figures)
    parts = list(found["compact"]["seconds"])
    plot(
        "network_cost",
        {
            config: (range(len(parts)), [one["seconds"][part] for part in parts])
            for config, one in found.items()
        },
        x=", ".join(f"{number} {part}" for number, part in enumerate(parts)),
        y="seconds a megapixel",
    )


def convolution_limit(kind: str, repeats: int) -> float:
    """Return the highest rate in GFLOP/s of 3×3 convolutions, channels last, over the widths that occur."""
    dtype = getattr(torch, kind)
    rates = []
    for width in WIDTHS:
        side = 128 if width < 256 else 64
        layer = nn.Conv2d(width, width, 3, padding=1).to(dtype=dtype, memory_format=torch.channels_last)
        picture = torch.randn(1, width, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
        seconds = fastest(lambda layer=layer, picture=picture: layer(picture), repeats + 2)
        rates.append(2 * 9 * width * width * side * side / seconds / 1e9)
    return max(rates)


def cost(config: Config, side: int, repeats: int) -> dict[str, Any]:
    """Return seconds and operations a megapixel of each network, and together."""
    torch.manual_seed(0)
    picture = torch.rand(1, 3, side, side).contiguous(memory_format=torch.channels_last) * 2 - 1
    plain = np.full((side, side, 3), 128, np.uint8)
    worn = age(plain, sample_recipe(DAMAGE_SEED, WEAR_PROFILE), DefectLibrary.procedural())
    mask = torch.from_numpy(worn.mask)[None, None]
    megapixels = side * side / 1e6
    timed = _steps(config, picture, mask, fused=fuses(picture.device))
    seconds = {name: fastest(step, repeats) / megapixels for name, step in timed.items()}
    # The counter does not know fused convolutions.
    counted = _steps(config, picture, mask, fused=False)
    operations = {name: _operations(step) / 1e9 / megapixels for name, step in counted.items()}
    return {
        "seconds": seconds,
        "gflop": operations,
        "seconds_per_megapixel": sum(seconds.values()),
        "gflop_per_megapixel": sum(operations.values()),
    }


def _steps(config: Config, picture: Tensor, mask: Tensor, *, fused: bool) -> dict[str, Callable[[], Tensor]]:
    """Return the networks' calls as the restorer makes them: folded, channels last, bfloat16 where it does."""
    rounded = computes_in_bfloat16(picture.device)
    number = torch.bfloat16 if rounded else torch.float32
    detector, autoencoder, mapping = (
        network.to(memory_format=torch.channels_last)
        for network in (
            folded(build_detector(config)),
            fold_batch_norm(build_autoencoder(config)),
            fold_batch_norm(build_mapping(config)),
        )
    )
    detector.to(number)
    if rounded:
        round_residuals(autoencoder)
    if fused:
        with_relu_fused(detector)
        fuse_relu(mapping, number)
        fuse_relu(autoencoder, torch.float32)
        autoencoder.generator.enlarge_by_phases()
    grey = picture[:, :1].to(number)
    mapping.nonlocal_block.max_keys = RestoreSettings().max_keys
    with torch.inference_mode():
        latents = autoencoder.encoder(picture)

    def rounding(call: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=rounded):
                return call()

        return run

    return {
        "detector": lambda: detector(grey),
        "encoder": lambda: autoencoder.encoder(picture),
        "mapping": rounding(lambda: mapping(latents, latent_mask(mask.float()))),
        "generator": lambda: autoencoder.generator(latents),
    }


@torch.inference_mode()
def fastest(call: Callable[[], Tensor], repeats: int) -> float:
    """Return the seconds of the fastest of some calls, after one to warm up."""
    call()
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best


@torch.inference_mode()
def _operations(call: Callable[[], Tensor]) -> float:
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with FlopCounterMode(display=False, custom_mapping={attention: _attention_operations}) as counter:
        call()
    return float(counter.get_total_flops())


def _attention_operations(
    query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], *_: object, **__: object
) -> int:
    """Return the operations of attention on shapes ``B×heads×N×A``: queries on keys, weights on values."""
    pairs = query[0] * query[1] * query[2] * key[2]
    return 2 * pairs * (query[3] + value[3])


if __name__ == "__main__":
    main()
