"""On a GPU: megapixels a second of each network and end to end, and their share of the matrix peak.

    python -m benchmarks.gpu         # needs CUDA, torch, numpy, OpenCV, Pillow, safetensors; nothing else
    python -m benchmarks.gpu --device cpu --tile 256 --batch 1 --megapixels 1      # to see that all of it runs

The peak is measured in the same run with bf16 matrix products. Networks have random weights, batches of one shape,
and cuDNN may choose its algorithms by trying; `mapping` is as a restoration runs it, `mapping_bf16` has its weights
converted once. End to end is from main memory to main memory, through the functions of a restoration
(`steps.detect_into`, `masks.dilated`, `steps.translate_into`, everything measured for the flags included) and with
cuDNN's defaults; the weights are the shipped ones where there are any. The detector's answer is written and thrown
away: what is translated is damaged where lines were drawn, so that the share of damaged tiles is what is said here.

A section that fails leaves its message in the JSON, and the others go on.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.common import RESULTS, plot, report
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.detection.masks import dilated
from oldphoto_core.detection.threaded import hysteresis_by
from oldphoto_core.device import DeviceLink
from oldphoto_core.errors import OldPhotoError
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.build import CONFIGS, Config, build_autoencoder, build_detector, build_mapping
from oldphoto_core.models.layers import fold_batch_norm, round_residuals
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.steps import detect_into, translate_into
from oldphoto_core.weights.load import Networks, load_networks

_REPEATS = 2


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


def section(name: str, measure: Callable[[], Any]) -> Any:
    """Return what ``measure`` returns; if the device or its memory fails it, the message."""
    began = time.perf_counter()
    try:
        result = measure()
    except (
        RuntimeError,
        MemoryError,
        AttributeError,
        TypeError,
        ValueError,
        cv2.error,
        OldPhotoError,
    ) as error:
        result = {"failed": f"{type(error).__name__}: {error}"[:600]}
    # After some errors the device refuses this as well.
    with contextlib.suppress(RuntimeError):
        torch.cuda.empty_cache()
    shown = "read" if isinstance(result, Networks) else result
    print(f"{name} ({time.perf_counter() - began:.1f} s): {shown}", file=sys.stderr, flush=True)
    return result


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
    made = (build_detector(config), autoencoder, mapping, build_mapping(config))
    detector, autoencoder, mapping, converted = (
        fold_batch_norm(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for network in made
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


def end_to_end(device: torch.device, megapixels: float) -> dict[str, Any]:
    """Return megapixels a second of a large picture through `compact`: from main memory to main memory."""
    side = int((megapixels * 1e6) ** 0.5)
    settings = RestoreSettings()
    shipped = section("weights", lambda: load_networks("compact"))
    trained = shipped if isinstance(shipped, Networks) else Networks()
    detector = DefectDetector(trained.detector or build_detector("compact"), settings, device)
    translator = LatentTranslator(
        trained.vae_old or build_autoencoder("compact"),
        trained.mapping or build_mapping("compact"),
        trained.vae_clean or build_autoencoder("compact"),
        settings,
        device,
        trained.latent_domain,
    )
    # On a CPU as well: there it only has to be seen that it runs.
    detector.link = DeviceLink(device, streamed=True)
    translator.link = DeviceLink(device, streamed=True)
    found: dict[str, Any] = {
        "megapixels": side * side / 1e6,
        "weights": sorted(trained.identities) or "random",
        "on_the_device": section("on the device", lambda: on_the_device(translator, side)),
    }
    for name, every in (("few_scratches", 12), ("half_damaged", 2)):
        pixels, mask, share = scratched(side, settings.tile, every)
        found[name] = {
            "share_of_tiles_damaged": share,
            "translation": section(
                f"{name}: translation",
                lambda: translation(translator, pixels, mask),  # noqa: B023
            ),
            "detection_and_translation": section(
                f"{name}: both",
                lambda: restoration(detector, translator, pixels, mask),  # noqa: B023
            ),
        }
    return found


def on_the_device(translator: LatentTranslator, side: int) -> dict[str, float]:
    """Return megapixels a second of the translation of pixels that lie on the device already, and are left there."""
    link = translator.link
    side = min(3264, side - side % 64)
    stacked = torch.rand(1, 4, side, side, device=link.device) * 2 - 1
    stacked[:, 3] = 0
    stacked = stacked.contiguous(memory_format=torch.channels_last)
    intact = seconds_of(lambda: translator.on_device(stacked, damaged_here=False), link.device)
    stacked[:, 3, side // 2, :] = 1
    damaged = seconds_of(lambda: translator.on_device(stacked, damaged_here=True), link.device)
    return {"intact_mp_per_s": side * side / 1e6 / intact, "damaged_mp_per_s": side * side / 1e6 / damaged}


def scratched(side: int, tile: int, every: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], float]:
    """Return a picture of that side, the mask of its scratches, and which share of the tiles has one.

    One tile in ``every`` has a scratch, chosen at random, in its middle.
    """
    random = np.random.default_rng(0)
    coarse = random.integers(40, 200, (side // 64 + 2, side // 64 + 2, 3), dtype=np.uint8)
    pixels = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR))
    grain = random.integers(0, 12, (side, side), dtype=np.uint8)
    pixels += grain[..., None]
    drawn = np.zeros((side, side), np.uint8)
    tiles = [(top, left) for top in range(0, side, tile) for left in range(0, side, tile)]
    chosen = random.permutation(len(tiles))[: max(1, len(tiles) // every)]
    for top, left in (tiles[number] for number in chosen):
        low, high = int(0.3 * min(tile, side)), int(0.6 * min(tile, side))
        cv2.line(
            drawn, (left + low, top + low), (left + high, top + high - int(random.integers(0, low))), 1, 3
        )
    mask = drawn.astype(bool)
    pixels[mask] = 250
    return pixels, mask, len(chosen) / len(tiles)


def translation(
    translator: LatentTranslator, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return what :func:`timed` says of the translation alone."""
    return timed(pixels, translator.link.device, {"translate": lambda: translate(translator, pixels, mask)})


def restoration(
    detector: DefectDetector,
    translator: LatentTranslator,
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return what :func:`timed` says of detection, dilation and translation; and how long the hysteresis takes."""
    settings = translator.settings
    probability = np.empty(mask.shape, np.float32)
    found = np.empty(mask.shape, bool)
    workers = detector.link.workers

    def detect() -> None:
        detect_into(detector, settings, MemoryRaster(pixels), MemoryRaster(probability), MemoryRaster(found))

    measured = timed(
        pixels,
        translator.link.device,
        {
            "detect": detect,
            "dilate": lambda: dilated(mask, settings.dilation),
            "translate": lambda: translate(translator, pixels, mask),
        },
    )
    began = time.perf_counter()
    hysteresis_by(workers, MemoryRaster(probability), MemoryRaster(found), settings)
    measured["seconds_of_detect_in_hysteresis"] = time.perf_counter() - began
    measured["threads"] = workers
    measured["found_share"] = float(found.mean())
    return measured


def translate(translator: LatentTranslator, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    """Translate from memory to memory."""
    restored = MemoryRaster(np.empty_like(pixels))
    translate_into(
        translator, translator.settings, MemoryRaster(pixels), MemoryRaster(mask), restored, coverage=1e-3
    )


def timed(
    pixels: NDArray[np.uint8], device: torch.device, parts: dict[str, Callable[[], Any]]
) -> dict[str, Any]:
    """Return megapixels a second of all parts together, and the mean seconds of each, after one run to warm up."""
    cuda = device.type == "cuda"
    seconds = dict.fromkeys(parts, 0.0)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    for turn in range(1 + _REPEATS if cuda else 1):
        for name, part in parts.items():
            began = time.perf_counter()
            part()
            if turn or not cuda:
                seconds[name] += time.perf_counter() - began
    seconds = {name: value / (_REPEATS if cuda else 1) for name, value in seconds.items()}
    whole = pixels.shape[0] * pixels.shape[1] / 1e6
    found: dict[str, Any] = {"mp_per_s": whole / sum(seconds.values()), "seconds": seconds}
    if cuda:
        found["gpu_gib"] = torch.cuda.max_memory_allocated() / (1 << 30)
    return found


def draw(configurations: dict[str, Any], out: Path) -> None:
    """Plot the networks' rates that were measured."""
    series = {}
    for config, parts in configurations.items():
        measured = {name: part["mp_per_s"] for name, part in parts.items() if "mp_per_s" in part}
        series[config] = (list(range(len(measured))), list(measured.values()))
    names = ", ".join(f"{number} {name}" for number, name in enumerate(next(iter(configurations.values()))))
    plot("gpu", series, x=names, y="megapixels a second", out=out)


def seconds_of(call: Callable[[], Any], device: torch.device, repeats: int = 10) -> float:
    """Return the mean seconds of a call, after two to warm up."""
    cuda = device.type == "cuda"
    for _ in range(2 if cuda else 1):
        call()
    if cuda:
        torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats if cuda else 1):
        call()
    if cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / (repeats if cuda else 1)


if __name__ == "__main__":
    main()
