"""Laws of ageing: deterministic, in range, exact masks, and grey stays grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from oldphoto_core.degradation import (
    ARCHIVE_PROFILE,
    PROFILES,
    SEED_PROFILE,
    AgedPhoto,
    DefectLibrary,
    DegradationProfile,
    DegradationRecipe,
    Operation,
    age,
    sample_recipe,
)
from oldphoto_core.degradation.defects import SHAPES
from oldphoto_core.errors import UsageError

Photo = NDArray[np.uint8]
_DEFECTS = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "defects"
_MARK = {"share": 0.02, "r": 1.0, "g": 1.0, "b": 1.0, "mode": 5, "opacity": 0.9, "elastic": 0.03, "wear": 0.3}


def _only_damage(name: str, seed: int = 5) -> DegradationRecipe:
    params: dict[str, float] = dict(_MARK)
    if name == "hole":
        params |= {"feather": 1.5, "lip": 0.5, "mono": 0}
    if name == "stain":
        params = {"share": 0.05, "strength": 0.9, "ring": 1, "mono": 0}
    return DegradationRecipe(0, "test", (Operation(f"damage-{name}", params, seed),))


def _damaged_recipes(count: int) -> list[DegradationRecipe]:
    recipes = (sample_recipe(seed, ARCHIVE_PROFILE) for seed in range(500))
    return [r for r in recipes if any(s.name.startswith("damage-") for s in r.operations)][:count]


def _assert_sound(pair: AgedPhoto, photo: Photo) -> None:
    for pixels in (pair.aged, pair.clean):
        assert pixels.shape == photo.shape
        assert pixels.dtype == np.float32
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0.0
        assert pixels.max() <= 1.0
    assert pair.mask.shape == photo.shape[:2]
    assert pair.mask.dtype == np.bool_


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
def test_same_recipe_same_pixels_also_after_json(photo: Photo, profile: DegradationProfile) -> None:
    for seed in range(12):
        recipe = sample_recipe(seed, profile)
        first, second = age(photo, recipe), age(photo, DegradationRecipe.from_json(recipe.to_json()))
        assert np.array_equal(first.aged, second.aged)
        assert np.array_equal(first.mask, second.mask)
        assert np.array_equal(first.clean, second.clean)


def test_other_seed_other_pixels(photo: Photo) -> None:
    assert not np.array_equal(
        age(photo, sample_recipe(1, SEED_PROFILE)).aged, age(photo, sample_recipe(2, SEED_PROFILE)).aged
    )


@pytest.mark.parametrize("name", [*SHAPES, "stain"])
def test_structured_damage_leaves_pixels_outside_the_mask_untouched(photo: Photo, name: str) -> None:
    for seed in range(4):
        pair = age(photo, _only_damage(name, seed))
        changed = (pair.aged != pair.clean).any(axis=2)
        assert not (changed & ~pair.mask).any()


@pytest.mark.parametrize("name", [*SHAPES, "stain"])
def test_every_kind_damages_something_visibly(photo: Photo, name: str) -> None:
    pairs = [age(photo, _only_damage(name, seed)) for seed in range(8)]
    assert any(pair.mask.any() for pair in pairs)
    strongest = max(float(np.abs(pair.aged - pair.clean).max()) for pair in pairs)
    assert strongest > 0.1


def test_the_mask_knows_nothing_of_global_ageing(photo: Photo) -> None:
    for seed in range(20):
        assert not age(photo, sample_recipe(seed, ARCHIVE_PROFILE, structured=False)).mask.any()


def test_a_blur_after_the_damage_widens_the_mask(photo: Photo) -> None:
    flat = np.full_like(photo, 90)
    damage = _only_damage("scratches")
    blur = Operation("gaussian-blur", {"kernel": 3, "sigma": 0.8}, 1)
    sharp = age(flat, damage)
    soft = age(flat, DegradationRecipe(0, "test", (*damage.operations, blur)))
    visibly = np.abs(soft.aged - soft.clean).max(axis=2) > 0.041
    assert soft.mask.sum() > sharp.mask.sum()
    assert not (visibly & ~soft.mask).any()


def test_identity_samples_are_untouched(photo: Photo) -> None:
    pair = age(photo, DegradationRecipe(0, "test"))
    assert np.array_equal(np.rint(pair.aged * 255).astype(np.uint8), photo)
    assert not pair.mask.any()
    assert pair.aged is not pair.clean


def test_grey_samples_stay_grey_unless_toned(photo: Photo) -> None:
    seen = 0
    for seed in range(160):
        recipe = sample_recipe(seed, ARCHIVE_PROFILE)
        names = {step.name for step in recipe.operations}
        if "grey" not in names:
            continue
        pair = age(photo, recipe)
        assert np.array_equal(pair.clean[..., 0], pair.clean[..., 2])
        if "tone" not in names:
            seen += 1
            assert float(np.ptp(pair.aged, axis=2).max()) < 1e-5, recipe
    assert seen > 20


@pytest.mark.parametrize("shape", [(64, 64), (65, 201), (300, 71), (1, 1), (3, 40)])
def test_any_size_is_aged_in_range(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for recipe in [*_damaged_recipes(12), *(sample_recipe(seed, SEED_PROFILE) for seed in range(12))]:
        _assert_sound(age(photo, recipe), photo)


def test_damage_grows_with_the_picture() -> None:
    recipe = _only_damage("scratches")
    small, large = (age(np.full((n, n, 3), 60, dtype=np.uint8), recipe).mask.mean() for n in (256, 1024))
    assert small / 4 < large < small * 4


def test_the_files_of_the_library_are_used_deterministically(photo: Photo) -> None:
    if not _DEFECTS.is_dir():
        pytest.skip("the defect pictures of the data pack are not beside the repository")
    first, second = DefectLibrary.from_directory(_DEFECTS), DefectLibrary.from_directory(_DEFECTS)
    for recipe in _damaged_recipes(30):
        pair = age(photo, recipe, first)
        _assert_sound(pair, photo)
        assert np.array_equal(pair.aged, age(photo, recipe, second).aged)


def test_wrong_input_is_refused_with_a_remedy(photo: Photo) -> None:
    with pytest.raises(UsageError, match="uint8"):
        age(photo.astype(np.float32), DegradationRecipe(0, "test"))
    with pytest.raises(UsageError, match="no-such"):
        age(photo, DegradationRecipe(0, "test", (Operation("no-such"),)))
    with pytest.raises(UsageError, match="no-such"):
        age(photo, DegradationRecipe(0, "test", (Operation("damage-no-such", {"share": 0.1}),)))


def test_a_folder_without_defects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="procedural"):
        DefectLibrary.from_directory(tmp_path)
