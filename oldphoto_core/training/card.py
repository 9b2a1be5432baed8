"""The model card that the trainer writes beside the weights."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from oldphoto_core import __version__
from oldphoto_core.training.settings import TrainingSettings
from oldphoto_core.training.split import held_out_of_wear, in_annotated_validation, in_validation
from oldphoto_core.weights.cards import LICENCE

_FOLDERS = {
    "aged": ("clean",),
    "old": ("old",),
    "worn": ("old",),
    "annotated": ("annotated",),
    "faces": ("faces",),
    "scenes": ("clean", "faces", "old"),
}
"""Source of samples → the folders of its photographs."""


def model_card(
    settings: TrainingSettings,
    sources: Iterable[str],
    *,
    steps: int,
    seconds: float,
    features: str,
    ablations: list[str],
    curve: dict[str, list[float]],
    started_from: str | None,
    belongs_to: dict[str, str],
) -> dict[str, Any]:
    """Return the card: who, from what, how, how long, on what. The store adds the SHA-256.

    Args:
        settings: of the run.
        sources: names of the sources that samples came from.
        steps, seconds: what the training took, earlier runs included.
        features: the network that feature matching used, or "none".
        ablations: parts of the method that this network was trained without.
        curve: the loss over the steps, thinned.
        started_from: SHA-256 of the weights that the network started from, if not from new ones.
        belongs_to: SHA-256 of the weights that these go with, by entry of the card (see `weights.installed`).
    """
    return {
        "name": f"{settings.network}-{settings.config}",
        "version": __version__,
        "licence": LICENCE,
        "settings": settings.summary(),
        "started_from": started_from,
        **belongs_to,
        "data": training_photographs(settings.data, sources),
        "collections": collections(settings.data, sources),
        "rights": "as each collection states them; see MODEL_CARD.md",
        "steps": steps,
        "crops": steps * settings.batch,
        "hours": round(seconds / 3600, 3),
        "hardware": _hardware(torch.device(settings.device)),
        "date": datetime.now(UTC).date().isoformat(),
        "feature_network": features,
        "without": ablations,
        "curve": curve,
    }


def ablations(settings: TrainingSettings) -> list[str]:
    """Return the parts of the method that the settings leave out of this network, for the card."""
    left_out = {
        "mapping": [] if settings.nonlocal_branch else ["partial nonlocal block"],
        "vae-old": [] if settings.alignment and settings.adversarial_from < 1 else ["latent alignment"],
    }.get(settings.network, [])
    if settings.network.startswith("vae-") and not settings.variational:
        left_out = [*left_out, "variational latents"]
    return left_out


def training_photographs(data: Path, sources: Iterable[str]) -> dict[str, int]:
    """Return how many photographs each folder gave to training; those held out are not counted."""
    counts = {}
    for source in sources:
        held_out = _held_out(data, source)
        for name in _FOLDERS[source]:
            folder = data / ("old" if name == "annotated" else name)
            taken = [path for path in folder.glob("*.jpg") if not held_out(path.name)]
            if name == "annotated":
                taken = [path for path in taken if (data / name / f"{path.stem}_mask.png").is_file()]
            counts[name] = len(taken)
    return counts


def collections(data: Path, sources: Iterable[str]) -> dict[str, int]:
    """Return how many training photographs came from which collection, as ``data/SOURCES.tsv`` says.

    The file has the columns ``file`` (folder/name), ``source`` and ``repository``; without it the answer is empty.
    """
    table = data / "SOURCES.tsv"
    if not table.is_file():
        return {}
    held_out = {name: _held_out(data, source) for source in sources for name in _FOLDERS[source]}
    counts: Counter[str] = Counter()
    with table.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            folder, _, name = row["file"].partition("/")
            if folder in held_out and not held_out[folder](name):
                counts[f"{row['source']} ({row['repository']})"] += 1
    return dict(sorted(counts.items()))


def _held_out(data: Path, source: str) -> Callable[[str], bool]:
    """Return what says of a name whether this source leaves it out."""
    if source == "worn":
        return held_out_of_wear(data / "annotated")
    return in_annotated_validation if source == "annotated" else in_validation


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
