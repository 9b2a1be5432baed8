"""Laws of the recipes: the seed decides everything, and JSON keeps everything."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from oldphoto_core.degradation import (
    ARCHIVE_PROFILE,
    PROFILES,
    SEED_PROFILE,
    DegradationProfile,
    DegradationRecipe,
    sample_recipe,
)
from oldphoto_core.degradation.profiles import LOSSES_PROFILE

_SEEDS = range(200)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_same_seed_gives_the_same_recipe(profile: DegradationProfile) -> None:
    assert sample_recipe(11, profile) == sample_recipe(11, profile)
    assert sample_recipe(11, profile) != sample_recipe(12, profile)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_json_round_trip_is_lossless_and_canonical(profile: DegradationProfile) -> None:
    for seed in _SEEDS:
        recipe = sample_recipe(seed, profile)
        text = recipe.to_json()
        assert DegradationRecipe.from_json(text) == recipe
        assert DegradationRecipe.from_json(text).to_json() == text
        assert json.loads(text)["profile"] == profile.name


def test_unstructured_recipes_hold_no_damage() -> None:
    for seed in _SEEDS:
        recipe = sample_recipe(seed, SEED_PROFILE, structured=False)
        assert not any(step.name.startswith("damage-") for step in recipe.operations)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_the_photos_own_ageing_is_the_same_without_damage(profile: DegradationProfile) -> None:
    """Seen where nothing passes over the photo in the end."""
    bare = replace(profile, final_blur=0, final_grain=0, undamaged_grain=0, final_impulses=0, final_jpeg=0)
    for seed in _SEEDS:
        with_damage, without = (
            [(step.name, step.params) for step in sample_recipe(seed, bare, structured=structured).operations]
            for structured in (True, False)
        )
        assert [step for step in with_damage if not step[0].startswith("damage-")] == without


def test_the_seed_profile_is_the_text() -> None:
    """Five operations, each dropped with 30 %, in their stated ranges, in varying order."""
    ranges = {
        "gaussian-noise": ("sigma", 5, 50),
        "gaussian-blur": ("sigma", 1, 5),
        "jpeg": ("quality", 40, 100),
    }
    orders, counts, total = set(), dict.fromkeys([*ranges, "rgb-shift", "box-blur"], 0), 600
    for seed in range(total):
        steps = sample_recipe(seed, SEED_PROFILE, structured=False).operations
        names = [step.name for step in steps]
        assert len(set(names)) == len(names)
        orders.add(tuple(names))
        for step in steps:
            counts[step.name] += 1
            if step.name in ranges:
                name, low, high = ranges[step.name]
                assert low <= step.params[name] <= high
            if step.name == "rgb-shift":
                assert all(-20 <= step.params[c] <= 20 for c in "rgb")
    assert all(0.62 < count / total < 0.78 for count in counts.values())
    assert len(orders) > 60


def test_shares_of_the_archive_profile() -> None:
    recipes = [sample_recipe(seed, ARCHIVE_PROFILE) for seed in range(1500)]
    names = [[step.name for step in recipe.operations] for recipe in recipes]
    untouched = sum(all(n == "grey" for n in row) for row in names) / len(names)
    undamaged = sum(not any(n.startswith("damage-") for n in row) for row in names) / len(names)
    grey = sum("grey" in row for row in names) / len(names)
    assert 0.11 < untouched < 0.20
    assert 0.30 < undamaged < 0.40
    assert 0.45 < grey < 0.55


def test_losses_are_pale_grey_and_dark() -> None:
    recipes = [sample_recipe(seed, LOSSES_PROFILE) for seed in range(600)]
    holes = [step.params["r"] for one in recipes for step in one.operations if step.name == "damage-hole"]
    assert len(holes) > 300
    pale, dark = np.mean(np.array(holes) >= 0.7), np.mean(np.array(holes) <= 0.3)
    assert 0.42 < pale < 0.58
    assert 0.22 < dark < 0.38


def test_what_shows_through_an_archives_holes_is_pale_or_dark() -> None:
    recipes = [sample_recipe(seed, ARCHIVE_PROFILE) for seed in range(1500)]
    holes = [step.params["r"] for one in recipes for step in one.operations if step.name == "damage-hole"]
    assert 0.78 < np.mean(np.array(holes) >= 0.7) < 0.92
    assert not any(0.3 < level < 0.7 for level in holes)
