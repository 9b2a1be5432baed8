"""Acceptance sampling by attributes: single sampling plans for normal inspection, general levels I to III.

The tables are those of ISO 2859-1:1999 (tables 1 and 2-A; the same as ANSI/ASQ Z1.4 and MIL-STD-105E). Table
2-A has a regular build, which is used here: for every AQL there is one code letter whose plan accepts with 0
(its sample size times the AQL is nearly constant); the next letter points back to it, the one after points
forward, and from then on acceptance numbers go 1, 2, 3, 5, 7, 10, 14, 21, beyond which the last one stays.

Pure functions; no database here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from schemas.errors import CatalogUseError

LETTERS = "ABCDEFGHJKLMNPQR"
SAMPLE_SIZES = dict(
    zip(LETTERS, (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000), strict=True)
)

_LOT_BOUNDS = (8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10_000, 35_000, 150_000, 500_000)
"""Largest lot of each row of table 1 but the last."""

LEVELS = {"I": "AABCCDEFGHJKLMN", "II": "ABCDEFGHJKLMNPQ", "III": "BCDEFGHJKLMNPQR"}
"""Code letters of table 1, by row, for the general inspection levels."""

ZERO_LETTERS = {
    0.010: "Q",
    0.015: "P",
    0.025: "N",
    0.040: "M",
    0.065: "L",
    0.10: "K",
    0.15: "J",
    0.25: "H",
    0.40: "G",
    0.65: "F",
    1.0: "E",
    1.5: "D",
    2.5: "C",
    4.0: "B",
    6.5: "A",
}
"""For each AQL (per cent nonconforming) the letter whose plan accepts with 0 and rejects with 1."""

_ACCEPT = (1, 2, 3, 5, 7, 10, 14, 21)
"""Acceptance numbers from the third letter after the one that accepts with 0."""


@dataclass(frozen=True)
class SamplingPlan:
    """Inspect ``sample_size``; accept with ``accept`` nonconforming or fewer, reject with ``reject`` or more.

    ``letter`` is the plan's own code letter, where an arrow of the table led to.
    """

    letter: str
    sample_size: int
    accept: int
    reject: int


def sampling_plan(lot_size: int, aql: float, level: str = "II") -> SamplingPlan:
    """Return the plan for a lot; a lot no larger than its sample is inspected whole.

    Raises CatalogUseError for an empty lot and for an AQL or level that the tables do not have.
    """
    letter = code_letter(lot_size, level)
    if aql not in ZERO_LETTERS:
        known = ", ".join(f"{one:g}" for one in ZERO_LETTERS)
        raise CatalogUseError(f"there is no AQL {aql:g} in the tables (one of {known})")
    zero = LETTERS.index(ZERO_LETTERS[aql])
    place = LETTERS.index(letter)
    found, accept = _follow(place, zero)
    size = SAMPLE_SIZES[LETTERS[found]]
    return SamplingPlan(LETTERS[found], min(size, lot_size), accept, accept + 1)


def code_letter(lot_size: int, level: str = "II") -> str:
    """Return the code letter of table 1. Raises CatalogUseError."""
    if level not in LEVELS:
        raise CatalogUseError(f"there is no inspection level {level!r} here (one of {', '.join(LEVELS)})")
    if lot_size < 1:
        raise CatalogUseError("an empty lot cannot be sampled; choose a wider filter")
    row = sum(lot_size > bound for bound in _LOT_BOUNDS)
    return LEVELS[level][row]


def draw(population: int, size: int, seed: int) -> list[int]:
    """Return ``size`` positions of ``population``, each once, in ascending order; the seed decides which."""
    return sorted(random.Random(seed).sample(range(population), size))


def _follow(place: int, zero: int) -> tuple[int, int]:
    """Return where the table's arrows lead from a letter, and the acceptance number there."""
    if place <= zero + 1:
        return zero, 0  # above: an arrow down to it; one below: an arrow up
    third = max(place, zero + 3)  # two below: an arrow down
    if third >= len(LETTERS):
        return zero, 0  # where the table has no letter below, its arrow points up
    last = zero + 2 + len(_ACCEPT)
    found = min(third, last)  # past the last number: arrows up
    return found, _ACCEPT[found - zero - 3]
