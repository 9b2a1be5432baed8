"""Laws of ageing on the device: the same statistics as photo by photo, exact masks, each photo its own order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from oldphoto_core.degradation import ARCHIVE_PROFILE, SEED_PROFILE, DefectLibrary, age, sample_recipe
from oldphoto_core.degradation.batched import BatchAger, DamageBank
from oldphoto_core.degradation.batched import operators as batched
from oldphoto_core.degradation.batched.damage import draw_layer
from oldphoto_core.degradation.operators import OPERATORS
from oldphoto_core.degradation.recipe import DegradationRecipe, Operation
from oldphoto_core.errors import UsageError

SIDE = 96
PARAMS: dict[str, dict[str, float]] = {
    "grey": {"r": 0.25, "g": 0.5},
    "gaussian-noise": {"sigma": 20, "mono": 0},
    "film-grain": {"sigma": 18, "size": 0.9, "mono": 1},
    "speckle": {"sigma": 25, "mono": 0},
    "salt-and-pepper": {"share": 0.02},
    "gaussian-blur": {"kernel": 5, "sigma": 1.7},
    "box-blur": {"kernel": 3},
    "jpeg": {"quality": 45},
    "rgb-shift": {"r": 12, "g": -7, "b": 3},
    "resample": {"factor": 0.6, "down": 0, "up": 1},
    "fade": {"black": 0.2, "white": 0.85, "gamma": 1.2},
    "harden": {"gain": 1.3, "pivot": 0.5},
    "tone": {
        "sr": 0.1, "sg": 0.05, "sb": 0.0, "lr": 1.0, "lg": 0.9, "lb": 0.75, "strength": 0.8, "keep": 0.3
    },
    "uneven-fade": {"cells": 3, "strength": 0.4, "level": 0.9},
    "vignette": {"x": 0.4, "y": 0.55, "power": 1.5, "strength": 0.6, "level": 0.05},
    "halftone": {"period": 3.0, "angle": 0.26, "phase": 1.0, "hardness": 8, "strength": 0.4},
    "silver-mirror": {"power": 3, "strength": 0.7, "mono": 0},
}  # fmt: skip
EXACT = {
    "grey", "gaussian-blur", "box-blur", "rgb-shift", "resample", "fade", "harden", "tone", "vignette", "halftone"
}  # fmt: skip


def _photo(seed: int = 0, side: int = SIDE) -> NDArray[np.float32]:
    coarse = np.random.default_rng(seed).random((9, 9, 3), dtype=np.float32)
    smooth = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0.1, 0.9).astype(np.float32)


def _tensor(photo: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1)))[None]


def _params(name: str, count: int) -> dict[str, Tensor]:
    return {key: torch.full((count, 1, 1, 1), float(v)) for key, v in {"mono": 0, **PARAMS[name]}.items()}


def _batched(name: str, pixels: Tensor, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return batched.OPERATORS[name](pixels, _params(name, len(pixels)), generator)


def test_there_is_an_operator_for_every_name() -> None:
    assert set(batched.OPERATORS) == set(OPERATORS) == set(PARAMS)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_an_operator_without_chance_gives_the_same_pixels(name: str) -> None:
    photo = _photo()
    expected = OPERATORS[name](photo, PARAMS[name], np.random.default_rng(0))
    assert torch.allclose(_batched(name, _tensor(photo))[0], _tensor(expected)[0], atol=2e-3)


@pytest.mark.parametrize("name", sorted(set(PARAMS) - EXACT - {"jpeg"}))
def test_a_random_operator_has_the_same_statistics(name: str) -> None:
    """Mean and deviation of the change, over several draws, agree within a tenth of the deviation."""
    photo = _photo()
    drawn = [OPERATORS[name](photo, PARAMS[name], np.random.default_rng(n)) - photo for n in range(12)]
    expected = np.stack(drawn)
    found = (_batched(name, _tensor(photo).repeat(12, 1, 1, 1)) - _tensor(photo)).numpy()
    deviation = float(expected.std())
    assert float(found.std()) == pytest.approx(deviation, rel=0.12)
    assert abs(float(found.mean()) - float(expected.mean())) < 0.12 * deviation


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_jpeg_is_close_to_the_codecs(quality: int) -> None:
    """What it does to a photo lies within a quarter of what the real codec does to it."""
    photo = np.clip(_photo() + np.random.default_rng(1).normal(0, 0.03, (SIDE, SIDE, 3)), 0, 1)
    photo = photo.astype(np.float32)
    codec = OPERATORS["jpeg"](photo, {"quality": quality}, np.random.default_rng(0))
    ours = batched.jpeg(
        _tensor(photo), {"quality": torch.full((1, 1, 1, 1), float(quality))}, torch.Generator()
    )
    loss = float(np.sqrt(((codec - photo) ** 2).mean()))
    apart = float((ours - _tensor(codec)).square().mean().sqrt())
    assert apart < 0.25 * loss + 1 / 255


def test_each_photo_has_its_own_parameters_and_order() -> None:
    """Two photos take the same two steps in opposite orders; each equals what it gives alone."""
    fade = Operation("fade", PARAMS["fade"])
    shift = Operation("rgb-shift", {"r": 120, "g": 0, "b": -60})
    recipes = [DegradationRecipe(0, "x", steps) for steps in ((fade, shift), (shift, fade), (fade,))]
    photo = _tensor(_photo())
    together = BatchAger(_bank()).age(photo.repeat(3, 1, 1, 1), recipes, seed=0)
    for number, recipe in enumerate(recipes):
        alone = OPERATORS[recipe.operations[0].name](
            _photo(), recipe.operations[0].params, np.random.default_rng(0)
        )
        for step in recipe.operations[1:]:
            alone = OPERATORS[step.name](alone, step.params, np.random.default_rng(0))
        assert torch.allclose(together.aged[number], _tensor(alone)[0], atol=2e-3)
    assert not torch.allclose(together.aged[0], together.aged[1], atol=0.02)
    assert not together.mask.any()


_BANKS: dict[str, DamageBank] = {}


def _bank() -> DamageBank:
    if "bank" not in _BANKS:
        library = DefectLibrary.procedural()
        _BANKS["bank"] = DamageBank(library, ARCHIVE_PROFILE, per_kind=2, side=128, seed=3)
    return _BANKS["bank"]


def test_damage_changes_the_mask_and_nothing_else() -> None:
    scratch = Operation("damage-scratches", {"share": 0.02})
    recipe = DegradationRecipe(0, "x", (scratch, Operation("damage-hole", {"share": 0.02})))
    photos = torch.cat([_tensor(_photo(n)) for n in range(6)])
    aged = BatchAger(_bank()).age(photos, [recipe] * 6, seed=1)
    changed = (aged.aged != aged.clean).any(dim=1, keepdim=True)
    assert aged.mask.any()
    assert not (changed & ~aged.mask).any()
    assert torch.equal(aged.clean, photos)


def test_damage_of_a_grey_photo_is_grey() -> None:
    """The layers of the bank come from photos of any kind; the recipe says whether there may be colour."""
    look = {"r": 0.8, "g": 0.8, "b": 0.8}
    grey = (Operation("damage-hole", {"mono": 1}), Operation("damage-scratches", look))
    tinted = (Operation("damage-hole", {"mono": 0}), Operation("damage-scratches", look | {"b": 0.5}))
    photos = torch.cat([_tensor(_photo(n)).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1) for n in range(8)])
    found = {}
    for name, steps in (("grey", grey), ("tinted", tinted)):
        aged = BatchAger(_bank()).age(photos, [DegradationRecipe(0, "x", steps)] * 8, seed=1)
        assert aged.mask.any()
        found[name] = (aged.aged - aged.aged[:, :1]).abs().max()
    assert found["grey"] < 1e-3 < found["tinted"]


@pytest.mark.parametrize("mode", range(6))
def test_a_layer_blends_as_on_the_cpu(mode: int) -> None:
    """Gain, bias and bound reproduce what the CPU's operator makes of a photo."""
    from oldphoto_core.degradation.damage import mark

    params = {"share": 0.05, "r": 0.8, "g": 0.7, "b": 0.3, "mode": mode, "opacity": 0.7}
    step = Operation("damage-scratches", params, seed=5)
    library, photo = DefectLibrary.procedural(), _photo(2, 64)
    expected = mark(photo, "scratches", params, np.random.default_rng(5), library).pixels
    layer = draw_layer(step, 64, library)
    pixels = _tensor(photo)[0]
    laid = layer.gain * pixels + layer.bias
    laid = {1: torch.maximum(laid, pixels), 2: torch.minimum(laid, pixels)}.get(layer.bound, laid).clamp(0, 1)
    assert torch.allclose(laid, _tensor(expected)[0], atol=2e-3)


@pytest.mark.parametrize("profile", [SEED_PROFILE, ARCHIVE_PROFILE])
def test_batches_look_like_photos_aged_one_by_one(profile) -> None:  # type: ignore[no-untyped-def]
    """Over the same recipes: error, brightness and masked share agree."""
    recipes = [sample_recipe(n, profile) for n in range(32)]
    photo, library = _photo(), DefectLibrary.procedural()
    stored = np.rint(photo * 255).astype(np.uint8)
    one_by_one = [age(stored, recipe, library) for recipe in recipes]
    aged = BatchAger(_bank()).age(
        _tensor(stored.astype(np.float32) / 255).repeat(32, 1, 1, 1), recipes, seed=4
    )
    expected = np.mean([np.abs(pair.aged - pair.clean).mean() for pair in one_by_one])
    assert float((aged.aged - aged.clean).abs().mean()) == pytest.approx(expected, rel=0.15)
    greys = np.stack([pair.clean for pair in one_by_one]).mean()
    assert float(aged.clean.mean()) == pytest.approx(greys, abs=1e-3)
    share = np.mean([pair.mask.mean() for pair in one_by_one])
    assert float(aged.mask.float().mean()) == pytest.approx(share, rel=0.7)


def test_seed_decides_everything() -> None:
    recipes = [sample_recipe(n, SEED_PROFILE) for n in range(4)]
    photos = torch.cat([_tensor(_photo(n)) for n in range(4)])
    ager = BatchAger(_bank())
    one, same, other = (ager.age(photos, recipes, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.aged, same.aged)
    assert torch.equal(one.mask, same.mask)
    assert not torch.equal(one.aged, other.aged)


def test_wrong_recipes_are_refused() -> None:
    photos = _tensor(_photo())
    with pytest.raises(UsageError, match="as many recipes"):
        BatchAger(_bank()).age(photos, [], seed=0)
    unknown = DegradationRecipe(0, "x", (Operation("rust"),))
    with pytest.raises(UsageError, match="rust"):
        BatchAger(_bank()).age(photos, [unknown], seed=0)
