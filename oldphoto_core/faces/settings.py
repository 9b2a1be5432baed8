"""The settings of everything about faces. Every one of them is part of the recipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from oldphoto_core.faces.blend import BlendSettings
from oldphoto_core.faces.checks import CheckSettings

OURS = "network"
YUNET = "yunet"
"""Who finds the faces."""


@dataclass(frozen=True)
class DetectorSettings:
    """What counts as a face.

    ``minimum_score`` in [0, 1]; ``working_side`` bounds the longer side that is searched (the photo is
    reduced to it, never enlarged); a face narrower than ``smallest_share`` of the working
    picture's shorter side, or than ``smallest_side`` working pixels, is not looked for.
    """

    minimum_score: float = 0.6
    working_side: int = 1024
    smallest_share: float = 0.019
    smallest_side: int = 18


YUNET_SETTINGS = DetectorSettings(minimum_score=0.7)


@dataclass(frozen=True)
class FaceSettings:
    """Everything about faces that changes pixels; part of the recipe.

    ``minimum_score``: a face less sure than this is recorded, never refined. ``smallest_magnification``: crop
    pixels per photo pixel; a face that the crop would have to reduce (below 1) is left alone, and so is one that it
    would have to enlarge more than ``largest_magnification`` times (eyes nearer than 16 pixels): what is made of so
    few pixels gains nothing, and half of it would be refused (decision 0033). ``largest_turn``: a face that is turned
    further away (`align.turn_of`) is left alone: the generator knows faces that look at it. ``least_restored``:
    root mean square, of the full range, of what the restoration before changed in the middle of a face; one that it
    left alone is left alone here too: the generator knows aged faces, and makes of a sound one what it knows.
    """

    minimum_score: float = 0.7
    smallest_magnification: float = 1.0
    largest_magnification: float = 5.0
    largest_turn: float = 0.12
    least_restored: float = 0.01
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    blend: BlendSettings = field(default_factory=BlendSettings)
    checks: CheckSettings = field(default_factory=CheckSettings)

    def parameters(self) -> dict[str, Any]:
        """Return every setting, JSON-safe."""
        return asdict(self)


def settings_for(found_by: str) -> FaceSettings:
    """Return the settings for faces found by ``OURS`` or by ``YUNET``: they score differently."""
    return FaceSettings(detector=YUNET_SETTINGS) if found_by == YUNET else FaceSettings()
