"""Laws of the settings: what means nothing is refused by name, what means something is taken."""

from __future__ import annotations

from dataclasses import fields
from math import nan
from typing import Any

import pytest

from oldphoto_core.errors import UsageError
from oldphoto_core.latent.translator import MULTIPLE
from oldphoto_core.models.build import build_detector
from oldphoto_core.settings import CONFIGS, TILE_MULTIPLE, RestoreSettings

_FREE = {"tile", "halo", "broad_radius", "least_defect", "dilation", "max_keys", "autocast"}
SHARES = [field.name for field in fields(RestoreSettings) if field.name not in _FREE]


@pytest.mark.parametrize("name", SHARES)
def test_a_share_lies_between_none_and_all(name: str) -> None:
    for wrong in (-0.01, 1.01, nan):
        with pytest.raises(UsageError, match=f"The setting {name} is "):
            RestoreSettings(**{name: wrong})  # type: ignore[arg-type]
    RestoreSettings(**{name: 1.0})  # type: ignore[arg-type]
    if name != "sparse_share":
        RestoreSettings(**{name: 0.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tile": 0},
        {"tile": 100},
        {"halo": -16},
        {"halo": 10},
        {"max_keys": 0},
        {"broad_radius": 0},
        {"dilation": -1},
        {"least_defect": -1},
    ],
)
def test_a_number_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"The setting {next(iter(wrong))} is .*Choose"):
        RestoreSettings(**wrong)


def test_the_least_of_each_length_is_taken() -> None:
    RestoreSettings(tile=16, halo=0, dilation=0, broad_radius=1, least_defect=0, max_keys=1)


def test_tiles_begin_where_every_network_has_whole_pixels() -> None:
    assert TILE_MULTIPLE % MULTIPLE == 0
    assert all(TILE_MULTIPLE % build_detector(config).stride == 0 for config in CONFIGS)
