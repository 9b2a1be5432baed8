"""What can be made here, and with what: known from the weights' cards, before any network is loaded.

The recipe of a run is decided with this. Torch is not imported: deciding takes no more than reading the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oldphoto_core.faces.settings import OURS, YUNET, FaceSettings, settings_for
from oldphoto_core.photo import Tier
from oldphoto_core.settings import Config, RestoreSettings
from oldphoto_core.weights.cards import FACE_DETECTOR, YUNET_NAME, WeightsIdentity
from oldphoto_core.weights.installed import find_weights, tiers_with


@dataclass(frozen=True)
class Provision:
    """What a restorer is made of, apart from the networks themselves.

    Attributes:
        config: the networks' configuration.
        settings, faces: every setting that changes pixels.
        weights: network → whose trained weights it has; without any, its stage is off.
        face_detector: the way in which faces are found.
    """

    config: Config = "compact"
    settings: RestoreSettings = field(default_factory=RestoreSettings)
    weights: Mapping[str, WeightsIdentity] = field(default_factory=dict)
    faces: FaceSettings = field(default_factory=FaceSettings)
    face_detector: str = OURS

    @property
    def available_tiers(self) -> tuple[Tier, ...]:
        """The tiers that the trained weights allow, lowest first."""
        return tiers_with(self.weights)

    def parameters(self) -> dict[str, Any]:
        """Return every setting that changes pixels, JSON-safe: part of the recipe."""
        return {
            "config": self.config,
            **self.settings.parameters(),
            "faces": {"found_by": self.face_detector, **self.faces.parameters()},
        }


def find_provision(
    config: Config = "compact", weights: Path | None = None, settings: RestoreSettings | None = None
) -> Provision:
    """Return what `oldphoto_core.restore.load_restorer` makes a restorer of, given the same.

    Raises:
        WeightsError: weights that are there but are not what their card says, or not of ``config``.
        UsageError: an unknown configuration.
    """
    found = find_weights(config, weights)
    return provision_of(config, settings or RestoreSettings(), found.identities)


def provision_of(
    config: Config, settings: RestoreSettings, weights: Mapping[str, WeightsIdentity]
) -> Provision:
    """Return what is made with these settings and weights: which of them are there decides how faces are found."""
    finder = weights.get(FACE_DETECTOR)
    found_by = YUNET if finder and finder.name == YUNET_NAME else OURS
    return Provision(config, settings, weights, settings_for(found_by), found_by)
