"""End to end on a GPU: a large picture from main memory to main memory, as a restoration does it.

`python -m benchmarks.gpu` runs this. What is timed are the functions of a restoration (`steps.detect_into`,
`masks.dilated`, `steps.translate_into`, with everything that they measure for the flags), with cuDNN's defaults. The
weights are the shipped ones where there are any. The detector's answer is written and thrown away: what is translated
is damaged where lines were drawn, so that the share of damaged tiles is what is said here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.sections import seconds_of, section
from oldphoto_core.detection.banded import hysteresis_into
from oldphoto_core.detection.detector import DefectDetector
from oldphoto_core.detection.looks import Looks
from oldphoto_core.detection.masks import dilated
from oldphoto_core.device import DeviceLink
from oldphoto_core.errors import WeightsError
from oldphoto_core.latent.batches import batches
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.build import build_autoencoder, build_detector, build_mapping
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.steps import detect_into, translate_into
from oldphoto_core.weights.load import Networks, load_networks

_REPEATS = 2


def end_to_end(device: torch.device, megapixels: float) -> dict[str, Any]:
    """Return megapixels a second of a large picture through `compact`: from main memory to main memory."""
    side = int((megapixels * 1e6) ** 0.5)
    settings = RestoreSettings()
    trained = shipped()
    detector = DefectDetector(trained.detector or build_detector("compact"), settings, device)
    translator = LatentTranslator(
        trained.vae_old or build_autoencoder("compact"),
        trained.mapping or build_mapping("compact"),
        trained.vae_clean or build_autoencoder("compact"),
        settings,
        device,
        trained.latent_domain,
        trained.tone,
        trained.fading,
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
        pixels, mask = scratched(side, settings.tile, every)
        found[name] = {
            "share_in_damaged_tiles": share_in_damaged_tiles(translator, mask),
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


def shipped() -> Networks:
    """Return the shipped networks, or none where they do not fit this code."""
    try:
        return load_networks("compact")
    except (WeightsError, RuntimeError):
        return Networks()


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


def share_in_damaged_tiles(translator: LatentTranslator, mask: NDArray[np.bool_]) -> float:
    """Return which share of the picture goes through the network for damage."""
    grid = translator.grid(*mask.shape)
    found = 0
    for batch in batches(grid, MemoryRaster(mask), list(grid.windows()), 1):
        top, left, bottom, right = grid.kept(batch.windows[0])
        found += batch.damaged * (bottom - top) * (right - left)
    return found / mask.size


def scratched(side: int, tile: int, every: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a picture of that side, and the mask of its scratches.

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
    return pixels, mask


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
    workers = detector.link.workers
    probability, found = np.empty(0, np.float32), np.empty(0, bool)

    def detect() -> None:
        # New arrays each time, as for each photo: touching fresh memory takes its time too.
        nonlocal probability, found
        probability, found = np.empty(mask.shape, np.float32), np.empty(mask.shape, bool)
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
    reduction = Looks.of(*mask.shape).reduction
    hysteresis_into(
        MemoryRaster(probability), MemoryRaster(found), settings, reduction=reduction, workers=workers
    )
    measured["seconds_of_detect_in_hysteresis"] = time.perf_counter() - began
    measured["threads"] = workers
    measured["found_share"] = float(found.mean())
    return measured


def translate(translator: LatentTranslator, pixels: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
    """Translate from memory to memory."""
    restored = MemoryRaster(np.empty_like(pixels))
    translate_into(
        translator, translator.settings, MemoryRaster(pixels), MemoryRaster(mask), restored, damaged=True
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
