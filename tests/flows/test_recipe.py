from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import pytest

from actors.identity import installed_code_version
from flows.recipe import Recipe, build_recipe
from oldphoto_core.photo import Tier


@dataclass(frozen=True)
class Weights:
    name: str = "detector"
    version: str = "1"
    sha256: str = "a" * 64
    licence: str = "Apache-2.0"


def recipe(**changes: Any) -> Recipe:
    given: dict[str, Any] = {
        "parameters": {"tile": 768, "strength": 1.0},
        "weights": {"detector": Weights()},
        "profile": "archive",
        "tier": Tier.RESTORED,
        "keep_tiers": False,
        "code_version": "1.2.3",
    }
    return build_recipe(**{**given, **changes})


def test_the_hash_is_that_of_the_text() -> None:
    made = recipe()
    assert hashlib.sha256(made.canonical_json.encode()).hexdigest() == made.sha256
    assert made.sha256.startswith(made.short)


def test_the_order_of_parameters_does_not_matter() -> None:
    assert recipe(parameters={"strength": 1.0, "tile": 768}).sha256 == recipe().sha256


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"tile": 512, "strength": 1.0}},
        {"weights": {"detector": Weights(sha256="b" * 64)}},
        {"weights": {"detector": Weights(), "faces": Weights("faces")}},
        {"profile": "conservation"},
        {"tier": Tier.CONSERVED},
        {"keep_tiers": True},
        {"code_version": "1.2.4"},
    ],
)
def test_whatever_changes_pixels_changes_the_recipe(change: dict[str, Any]) -> None:
    assert recipe(**change).sha256 != recipe().sha256


def test_a_licence_is_no_part_of_the_recipe() -> None:
    assert recipe(weights={"detector": Weights(licence="MIT")}).sha256 == recipe().sha256


@pytest.mark.parametrize("parameters", [{"strength": float("nan")}, {"strength": object()}])
def test_what_is_no_json_has_no_recipe(parameters: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        recipe(parameters=parameters)


def test_the_pretty_text_says_the_same() -> None:
    assert json.loads(recipe().pretty()) == json.loads(recipe().canonical_json)


def test_the_code_has_a_version() -> None:
    assert installed_code_version()[0].isdigit()
