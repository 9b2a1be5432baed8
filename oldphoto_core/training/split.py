"""Which photographs training never sees: decided once, by a hash of the name.

The split needs no list and does not change when photographs are added. Photographs that show the same
scene (the colour-separation plates of one exposure, say) share a group and fall on the same side.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

VALIDATION_SHARE = 0.12
ANNOTATED_VALIDATION_SHARE = 0.5
"""Hand-annotated photographs are few: half of them measure, half of them teach."""

_FOLDERS_AND_ENDING = re.compile(r"^.*/|\.(jpe?g|png|tiff?|bmp|webp)$", re.IGNORECASE)
_SISTER_PLATE = re.compile(r"^(prokudingorskiiplates-\d+)[bgr]$")


def split_group(name: str) -> str:
    """Return the group of a photograph: its name without a picture's ending, or the exposure of sister plates.

    It is the same with that ending and without: "scan.001" is no "scan" with an ending.
    """
    stem = _FOLDERS_AND_ENDING.sub("", name)
    plate = _SISTER_PLATE.match(stem)
    return plate.group(1) if plate else stem


def position(name: str) -> float:
    """Return the group's fixed pseudo-random place in [0, 1)."""
    digest = hashlib.sha256(split_group(name).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def in_validation(name: str) -> bool:
    """Say whether a photograph is kept for validation."""
    return position(name) < VALIDATION_SHARE


def in_annotated_validation(name: str) -> bool:
    """Say whether a hand-annotated photograph is in the validation half."""
    return position(name) < ANNOTATED_VALIDATION_SHARE


def held_out_of_wear(annotated: Path) -> Callable[[str], bool]:
    """Return what says whether an old photograph may not even be shown unmarked to the detector.

    Those are the validation photographs, and those (or their sister plates) that have a NAME_mask.png in
    ``annotated`` and are of its validation half.
    """
    marked = {split_group(path.name.removesuffix("_mask.png")) for path in annotated.glob("*_mask.png")}

    def held_out(name: str) -> bool:
        return in_validation(name) or (in_annotated_validation(name) and split_group(name) in marked)

    return held_out
