"""Places on real old photographs that somebody looked at, because the detector suspected them.

Old photographs that nobody marked have damage of their own, so that what a network suspects on them is not counted
against it (:data:`UNCERTAIN`): a pole that it takes for a scratch is never unlearnt. A verdict settles such a place.
They are kept in ``verdicts.tsv`` (``photo``, ``x``, ``y``, ``width``, ``height`` in pixels of the photograph,
``verdict``: *sound* or *damage*); photographs that measure have none.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import UsageError

VERDICTS = Path(__file__).with_name("verdicts.tsv")

CERTAIN = 1
"""Weight of a pixel whose mask is to be believed."""
UNCERTAIN = 2
"""Weight of a pixel that nobody has looked at: most likely sound. The loss decides whether it counts."""
CONFIRMED = 3
"""Weight of a pixel near which somebody saw damage: what the network suspects there is damage."""
_WEIGHTS = {"sound": CERTAIN, "damage": CONFIRMED}


class Place(NamedTuple):
    """A rectangle in pixels (left, top, width, height) and the weight that its verdict gives it."""

    x: int
    y: int
    width: int
    height: int
    weight: int


def read_verdicts(table: Path = VERDICTS) -> dict[str, list[Place]]:
    """Return the places by the photograph's name without its ending.

    Raises:
        UsageError: a row that is not a name, four whole numbers and a verdict.
    """
    places: dict[str, list[Place]] = defaultdict(list)
    with table.open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.DictReader(stream, delimiter="\t"), start=2):
            try:
                x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
                places[row["photo"]].append(Place(x, y, width, height, _WEIGHTS[row["verdict"]]))
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(
                    f"{table}, line {number}: want photo, x, y, width, height and sound or damage."
                ) from error
    return dict(places)


def weights(places: list[Place], height: int, width: int, margin: int = 2) -> NDArray[np.uint8]:
    """Return ``height×width``: the weight in the places and ``margin`` pixels around them, elsewhere uncertain.

    Where places overlap, confirmed damage goes before sound.
    """
    result = np.full((height, width), UNCERTAIN, np.uint8)
    for place in sorted(places, key=lambda place: place.weight):
        top, left = max(0, place.y - margin), max(0, place.x - margin)
        result[top : place.y + place.height + margin, left : place.x + place.width + margin] = place.weight
    return result
