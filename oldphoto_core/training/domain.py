"""Measure what the old photos' autoencoder was trained on: the statistics behind ``latent_distance``.

No gradient is taken: the trained encoder looks once at every training photograph, at the real old ones as they are
and at the clean ones aged by the synthesis, and the mean and covariance of what it says are kept. The same data and
encoder give the same statistics.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from oldphoto_core import __version__
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import PROFILES, sample_recipe
from oldphoto_core.degradation.synthesize import age
from oldphoto_core.errors import UsageError
from oldphoto_core.latent.overview import overview
from oldphoto_core.models.autoencoder import Encoder
from oldphoto_core.models.build import build_autoencoder
from oldphoto_core.models.latent_domain import LatentDomain, latent_features
from oldphoto_core.pixels import to_bytes
from oldphoto_core.raster import MemoryRaster
from oldphoto_core.settings import Config, check_config
from oldphoto_core.tensors import to_tensor
from oldphoto_core.training.card import collections, training_photographs
from oldphoto_core.training.samples import PhotoFolder, read_photo
from oldphoto_core.weights.cards import LICENCE, beside_or_shipped, check_out
from oldphoto_core.weights.store import load_weights, save_weights

LEAST_PHOTOGRAPHS = 8
"""Fewer say nothing about a covariance; a few hundred say it well."""
_AGED_BY = ("seed", "archive")

Report = Callable[[int, int], None]
"""Called after each photograph with how many are done and how many there are."""


def measure_domain(
    data: Path,
    out: Path,
    *,
    config: Config = "compact",
    vae_old: Path | None = None,
    seed: int = 0,
    report: Report = lambda done, total: None,
) -> Path:
    """Write the latent domain of the training photographs of ``data``, with its card; return its path.

    Args:
        data: folder with ``old/`` and ``clean/`` (``defects/`` for the ageing, where there is one).
        out: the file to write, ``latent-domain.safetensors`` beside the autoencoder's weights.
        config: the networks' configuration.
        vae_old: the trained VAE₁; when not given, the one beside ``out``, else the shipped one.
        seed: of the ageing.
        report: see :data:`Report`.

    Raises:
        UsageError: too few training photographs, an unknown configuration, or ``out`` is no name for weights.
        WeightsError: the autoencoder's weights are missing or are not those of their card.
    """
    check_config(config)
    check_out(out)
    started = time.monotonic()
    network = build_autoencoder(config)
    identity = load_weights(network, vae_old or beside_or_shipped(config, "vae-old", out))
    encoder = network.eval().requires_grad_(False).encoder
    old, clean = PhotoFolder(data / "old").paths, PhotoFolder(data / "clean").paths
    total = len(old) + len(clean)
    rows = []
    for done, photo in enumerate(_photographs(data, old, clean, seed), start=1):
        if (features := _features(encoder, photo)) is not None:
            rows.append(features)
        report(done, total)
    if len(rows) < LEAST_PHOTOGRAPHS:
        raise UsageError(
            f"{data} gives {len(rows)} photographs; {LEAST_PHOTOGRAPHS} are the least, hundreds are meant."
        )
    card: dict[str, Any] = {
        "name": f"latent-domain-{config}",
        "version": __version__,
        "licence": LICENCE,
        "vae_old_sha256": identity.sha256,
        "photographs": len(rows),
        "data": training_photographs(data, ("old", "aged")),
        "collections": collections(data, ("old", "aged")),
        "settings": {"config": config, "seed": seed, "aged_by": list(_AGED_BY)},
        "hours": round((time.monotonic() - started) / 3600, 3),
        "date": datetime.now(UTC).date().isoformat(),
    }
    save_weights(LatentDomain.of(torch.stack(rows)), out, card)
    return out


def _photographs(data: Path, old: list[Path], clean: list[Path], seed: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the old photographs, then the clean ones, each aged by its own recipe."""
    yield from (read_photo(path) for path in old)
    library = DefectLibrary.of_data(data)
    for number, path in enumerate(clean):
        profile = PROFILES[_AGED_BY[number % len(_AGED_BY)]]
        yield to_bytes(
            age(read_photo(path), sample_recipe(seed * len(clean) + number, profile), library).aged
        )


@torch.inference_mode()
def _features(encoder: Encoder, photo: NDArray[np.uint8]) -> torch.Tensor | None:
    unit = overview(MemoryRaster(photo))
    return None if unit is None else latent_features(encoder(to_tensor(unit)))[0]
