"""Laws of the restorer: what goes in comes out in the same size and kind, nothing touched needlessly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.models.build import build
from oldphoto_core.photo import Pixels, Tier
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.weights.store import save_weights
from tests.flows.material import write_weights

CARD = {"name": "test", "version": "0", "licence": "none"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose translation is known: the codecs start lossless and the mapping adds a constant."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name in ("detector", "vae-old", "vae-clean", "mapping"):
        network = build(name, "compact")
        if name == "mapping":
            with torch.no_grad():
                network.fall[-1].bias[0] = 0.25  # type: ignore[index, union-attr]
        save_weights(network, folder / f"{name}.safetensors", CARD)
    return folder


def _restorer(weights: Path, **settings: object) -> Restorer:
    return load_restorer(device="cpu", weights=weights, settings=RestoreSettings(**settings))  # type: ignore[arg-type]


def _photo(shape: tuple[int, ...] = (53, 77, 3), dtype: type = np.uint8) -> Pixels:
    noise = np.random.default_rng(0).integers(60, 190, (6, 8, *shape[2:]), dtype=np.uint8)
    small = cv2.resize(noise, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return small if dtype == np.uint8 else small.astype(np.uint16) * 257


def _mask(pixels: Pixels) -> np.ndarray:
    mask = np.zeros(pixels.shape[:2], bool)
    mask[20:24, 10:60] = True
    return mask


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(53, 77, 3), (53, 77), (1, 1), (5, 300, 3)])
def test_output_has_the_inputs_size_channels_and_depth(
    weights: Path, shape: tuple[int, ...], dtype: type
) -> None:
    pixels = _photo(shape, dtype)
    result = _restorer(weights).restore(pixels)
    assert result.image.shape == pixels.shape
    assert result.image.dtype == pixels.dtype
    assert result.defect_mask.shape == result.defect_probability.shape == pixels.shape[:2]


def test_conserved_leaves_everything_outside_the_dilated_mask_bit_identical(weights: Path) -> None:
    pixels = _photo()
    restorer = _restorer(weights, dilation=2)
    result = restorer.restore(pixels, mask=_mask(pixels), tier=Tier.CONSERVED)
    grown = cv2.dilate(_mask(pixels).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    assert np.array_equal(result.image[~grown], pixels[~grown])
    assert set(result.tiers) == {Tier.CONSERVED}


def test_conserved_fill_takes_the_tone_of_its_surroundings(weights: Path) -> None:
    """The mapping brightens everything; the conserved fill must not stand out by it."""
    pixels = np.full((64, 64), 100, np.uint8)
    restorer = _restorer(weights, tone_change=1.0)
    result = restorer.restore(pixels, mask=_mask(np.zeros((64, 64), np.uint8)))
    assert result.tiers[Tier.RESTORED].mean() > 101
    assert np.abs(result.tiers[Tier.CONSERVED].astype(int) - 100).max() <= 1


def test_grey_photo_stays_grey(weights: Path) -> None:
    pixels = np.repeat(_photo((40, 40))[..., None], 3, axis=2)
    image = _restorer(weights).restore(pixels, mask=_mask(pixels[:, :, 0])).image
    assert np.array_equal(image[..., 0], image[..., 1])
    assert np.array_equal(image[..., 1], image[..., 2])


def test_deep_photo_keeps_more_than_eight_bits(weights: Path) -> None:
    ramp = np.linspace(20_000, 21_000, 128 * 128).reshape(128, 128).astype(np.uint16)
    image = _restorer(weights).restore(ramp, mask=_mask(ramp)).image
    assert len(np.unique(image)) > 500


def test_a_photo_that_needs_nothing_comes_back_as_it_was(weights: Path) -> None:
    pixels = _photo()
    empty = np.zeros(pixels.shape[:2], bool)
    result = _restorer(weights, needed_change=0.5).restore(pixels, mask=empty)
    assert not result.needed
    assert result.tier is None
    assert np.array_equal(result.image, pixels)
    assert result.flags == ()


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Restorer:
    """A restorer whose two upper tiers are visibly brighter than any photo."""
    folder = write_weights(tmp_path_factory.mktemp("bright"), brighter=0.3)
    return _restorer(folder, tone_change=1.0)


def test_a_photo_without_damage_needs_nothing_in_the_conserved_tier(bright: Restorer) -> None:
    pixels = _photo()
    empty = np.zeros(pixels.shape[:2], bool)
    assert bright.restore(pixels, mask=empty, tier=Tier.RESTORED).needed
    result = bright.restore(pixels, mask=empty, tier=Tier.CONSERVED)
    assert not result.needed
    assert (result.tier, result.tiers, result.faces, result.flags) == (None, {}, (), ())
    assert np.array_equal(result.image, pixels)
    assert (result.measurements["mean_change"], result.measurements["colour_drift"]) == (0, 0)


def test_what_only_a_higher_tier_changes_is_no_change_of_the_conserved_one(bright: Restorer) -> None:
    """Neither measured nor flagged; what is said of the damage and its fill stays, and so do the pixels."""
    pixels = _photo()
    full, fill = (
        bright.restore(pixels, mask=_mask(pixels), tier=tier) for tier in (Tier.RESTORED, Tier.CONSERVED)
    )
    changed = {"colour-drift", "strong-change"}
    assert changed <= {flag.code for flag in full.flags}
    assert not changed & {flag.code for flag in fill.flags}
    assert (fill.measurements["mean_change"], fill.measurements["colour_drift"]) == (0, 0)
    assert full.measurements.keys() - fill.measurements.keys() == {"sample_deviation"}
    for name in ("mask_share", "mask_components", "uncertain_share", "fill_depth", "lettering"):
        assert fill.measurements[name] == full.measurements[name]
    assert not np.array_equal(fill.image, pixels)
    assert np.array_equal(fill.image, full.tiers[Tier.CONSERVED])


def test_a_mark_is_no_reason_to_change_a_sound_photo(bright: Restorer, weights: Path) -> None:
    """Law: where nothing but the damage is wrong, every tier is the conserved one; measured is what was done."""
    pixels = _photo()
    filled = bright.restore(pixels, mask=_mask(pixels), tier=Tier.CONSERVED)
    sound = Restorer(
        detector=bright.detector,
        translator=bright.translator,
        enhancer=bright.enhancer,
        provision=replace(bright.provision, settings=replace(bright.settings, needed_change=0.5)),
    )
    result = sound.restore(pixels, mask=_mask(pixels))
    assert result.needed
    assert len(result.tiers) > 1
    for image in result.tiers.values():
        assert np.array_equal(image, filled.image)
    assert not np.array_equal(filled.image, pixels)
    for name in filled.measurements.keys() & result.measurements.keys():
        assert result.measurements[name] == filled.measurements[name], name
    restored = bright.restore(pixels, mask=_mask(pixels), tier=Tier.RESTORED)
    assert not np.array_equal(restored.image, filled.image)


def test_only_what_a_fill_needs_is_translated(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the tiles left out change no pixel; the middle of a wide hole takes its tone from furthest away."""
    restorer = _restorer(weights, tile=64, halo=0, tone_change=1.0)
    assert restorer.translator is not None
    # Takes longest, and is about other pixels.
    monkeypatch.setattr("oldphoto_core.steps.doubts", lambda *_, **__: {})
    translate, tiles = restorer.translator._tiles, []
    monkeypatch.setattr(
        restorer.translator, "_tiles", lambda batch: (tiles.extend(batch), translate(batch))[1]
    )
    grain = np.random.default_rng(1).normal(0, 8, (250, 460))
    pixels = np.clip(_photo((250, 460)) + grain, 0, 255).astype(np.uint8)
    mask = np.zeros(pixels.shape, bool)
    mask[:120, 340:] = True
    full = restorer.restore(pixels, mask=mask, tier=Tier.RESTORED)
    every = len(tiles)
    tiles.clear()
    fill = restorer.restore(pixels, mask=mask, tier=Tier.CONSERVED)
    assert 0 < len(tiles) < every
    assert np.array_equal(fill.image, full.tiers[Tier.CONSERVED])


def test_tiled_equals_whole(weights: Path) -> None:
    pixels = _photo((300, 420, 3))
    mask = np.zeros(pixels.shape[:2], bool)
    whole = _restorer(weights, tile=2048, autocast=False).restore(pixels, mask=mask).image
    tiled = _restorer(weights, tile=128, halo=96, autocast=False).restore(pixels, mask=mask).image
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_same_photo_same_pixels(weights: Path) -> None:
    pixels = _photo()
    first, second = (_restorer(weights).restore(pixels, mask=_mask(pixels)).image for _ in range(2))
    assert np.array_equal(first, second)


def test_the_photo_given_is_not_written_to(weights: Path) -> None:
    pixels = _photo()
    before = pixels.copy()
    _restorer(weights).restore(pixels, mask=_mask(pixels))
    assert np.array_equal(pixels, before)


def test_a_large_mask_is_flagged(weights: Path) -> None:
    pixels = _photo()
    mask = np.zeros(pixels.shape[:2], bool)
    mask[:40] = True
    assert "mask-share" in {flag.code for flag in _restorer(weights).restore(pixels, mask=mask).flags}


def test_everything_masked_is_finite_and_flagged(weights: Path) -> None:
    pixels = _photo()
    result = _restorer(weights).restore(pixels, mask=np.ones(pixels.shape[:2], bool))
    assert "everything-masked" in {flag.code for flag in result.flags}


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8)]
)
def test_wrong_pixels_say_what_is_wanted(weights: Path, pixels: np.ndarray) -> None:
    with pytest.raises(UsageError, match="H×W"):
        _restorer(weights).restore(pixels)


@pytest.mark.parametrize(
    "given",
    ["scan.tif", Path("scan.tif"), [[0, 0], [0, 0]], Image.new("L", (4, 4))],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_array_is_refused_and_told_what_makes_one(weights: Path, given: object) -> None:
    with pytest.raises(UsageError, match=r"this is .*decode"):
        _restorer(weights).restore(given)  # type: ignore[arg-type]


def test_looking_for_damage_takes_what_restoring_takes(weights: Path) -> None:
    with pytest.raises(UsageError, match="float32"):
        _restorer(weights).detect(np.zeros((4, 4), np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [np.full((53, 77), 0.2, np.float32), Image.new("L", (77, 53)), [[True]]])
def test_what_is_no_mask_is_refused(weights: Path, given: object) -> None:
    """A probability, say: each of its pixels above 0 would count as damage."""
    with pytest.raises(UsageError, match="True = repair"):
        _restorer(weights).restore(_photo(), mask=given)  # type: ignore[arg-type]


def test_a_tier_that_is_none_is_refused_before_anything_is_computed(weights: Path) -> None:
    with pytest.raises(UsageError, match="conserved, restored, enhanced"):
        _restorer(weights).restore(_photo(), tier="best")  # type: ignore[arg-type]


def test_a_folder_of_weights_may_be_named_by_a_string_and_must_be_one(weights: Path) -> None:
    assert load_restorer(device="cpu", weights=str(weights)).available_tiers
    with pytest.raises(UsageError, match="not a folder of weights"):
        load_restorer(device="cpu", weights=weights / "none")


def test_mask_of_another_size_is_refused(weights: Path) -> None:
    with pytest.raises(UsageError, match="size"):
        _restorer(weights).restore(_photo(), mask=np.zeros((3, 3), bool))


def test_without_weights_no_stage_runs(tmp_path: Path) -> None:
    restorer = load_restorer(device="cpu", weights=tmp_path)
    assert restorer.available_tiers == ()
    assert set(restorer.weights) == {"face-detector"}, "which is our own wherever there is none"
    with pytest.raises(WeightsError, match="Train"):
        restorer.restore(_photo())


def test_available_tiers_follow_the_weights(weights: Path) -> None:
    assert _restorer(weights).available_tiers == (Tier.CONSERVED, Tier.RESTORED)


@pytest.mark.parametrize("able", [True, False])
def test_what_the_networks_compute_in_is_known(
    weights: Path, monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    for part in ("detection.detector", "latent.translator"):
        monkeypatch.setattr(f"oldphoto_core.{part}.computes_in_bfloat16", lambda device: able)
    assert _restorer(weights).computes_in == ("bfloat16" if able else "float32")
    assert _restorer(weights, autocast=False).computes_in == "float32"


def test_without_networks_nothing_is_computed(tmp_path: Path) -> None:
    assert _restorer(tmp_path).computes_in is None
