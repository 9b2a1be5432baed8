"""What a run asks of every stage: one frozen, picklable description that travels to each worker.

The flow decides it once; stages only read it. What may differ from photo to photo is in `actors.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from oldphoto_core.image_io import DecodeLimits
from oldphoto_core.memory import WORKING_SET
from oldphoto_core.photo import Tier

if TYPE_CHECKING:
    from oldphoto_core.settings import Config, RestoreSettings


DEFAULT_MEMORY = 3 * 1024**3
"""Bytes for a worker where nobody says otherwise."""


@dataclass(frozen=True)
class RestoreJob:
    """One run's instructions, the same for all of its photos.

    Args:
        source: folder path or ``s3://bucket/prefix`` with the masters; only ever read.
        destination: folder path or ``s3://bucket/prefix`` for derivatives; only ever added to.
        recipe_id: SHA-256 (hex) of the canonical recipe; it is written into every derivative and sidecar.
        tier: highest tier to make; stages cap it by what the restorer's weights allow.
        keep_tiers: also write the lower tiers, under ``tiers/<tier>/``.
        device: ``auto``, ``cpu`` or ``cuda``.
        config: network configuration, ``compact`` or ``paper``.
        weights: folder of weights; None for the shipped ones.
        settings: restoration settings of the profile; None for the defaults.
        limits: size limits.
        memory: bytes that a worker may take; a photo that needs more is restored by parts, from and to disk,
            with the same result.
        at_once: how many photos a worker has in hand, one of them in the networks.
        collection: the collection's name, for the record only.
        profile: the profile's name, for the record only.
        code_version: this software's version, for the record, and for workers to have the same.
        models: network → SHA-256 of the weights that the recipe names, None for a network that takes part without;
            workers have to have the same. Empty where nothing was planned.
    """

    source: str
    destination: str
    recipe_id: str
    tier: Tier = Tier.ENHANCED
    keep_tiers: bool = False
    device: str = "auto"
    config: Config = "compact"
    weights: Path | None = None
    settings: RestoreSettings | None = None
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    memory: int = DEFAULT_MEMORY
    at_once: int = 1
    collection: str = ""
    profile: str = "archive"
    code_version: str = "0"
    models: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def photo_memory(self) -> int:
        """Bytes that one photo's own pixels may take in a worker, beside what every photo needs."""
        return max(0, self.memory - WORKING_SET) // self.at_once

    @property
    def software(self) -> str:
        """Name and version, as written into files and events."""
        return f"oldphoto {self.code_version}"
