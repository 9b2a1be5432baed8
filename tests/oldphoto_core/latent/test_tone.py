"""The lost tone: none for photos without colour or without doubt, and the same wherever the pixels lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from oldphoto_core.device import DeviceLink
from oldphoto_core.latent.overview import overview
from oldphoto_core.latent.tone import decided, lost_tone, tone_features
from oldphoto_core.models.build import build_tone_estimator
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.photo import Tier
from oldphoto_core.raster import FileRaster, MemoryRaster, OnDisk, whole
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.scan import restore_scan
from oldphoto_core.settings import RestoreSettings
from tests.flows.material import aged_photo, write_weights

SHIFT = (12 / 255, -6 / 255, 3 / 255)
FEATURES = build_tone_estimator("compact").centre.numel()
"""What the estimator takes of a channel."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def estimator(shift: tuple[float, float, float] = SHIFT) -> ToneEstimator:
    """Return one that says the same of every photo: the channel's place among its inputs decides."""
    network = build_tone_estimator("compact").eval().requires_grad_(False)
    network.answers = lambda features: [torch.tensor([shift] * len(features))]  # type: ignore[method-assign]
    return network


def coloured(seed: int = 3, width: int = 300, height: int = 210) -> np.ndarray:
    photo = aged_photo(seed, width=width, height=height).astype(np.int16)
    return np.clip(photo + np.array([25, 0, -20]), 0, 255).astype(np.uint8)


def restorer(weights: Path, tone: ToneEstimator | None, strength: float = 1.0) -> Restorer:
    settings = RestoreSettings(tile=128, halo=32, tone_strength=strength)
    made = load_restorer(device="cpu", weights=weights, settings=settings)
    made.translator.tone = tone  # type: ignore[union-attr]
    return made


def some_mask(pixels: np.ndarray) -> np.ndarray:
    mask = np.zeros(pixels.shape[:2], bool)
    mask[40:60, 30:50] = True
    return mask


def test_an_untrained_estimator_shifts_nothing() -> None:
    network = build_tone_estimator("compact").eval()
    assert not network(torch.randn(2, 3, FEATURES)).any()


def test_channels_are_treated_alike() -> None:
    unit = coloured().astype(np.float32) / 255
    turned = np.ascontiguousarray(unit[..., [1, 2, 0]])
    assert tone_features(unit).shape == (3, FEATURES)
    assert np.allclose(tone_features(turned), np.roll(tone_features(unit), -1, axis=0), atol=1e-4)


def test_the_features_are_those_that_the_shipped_estimators_learnt_from() -> None:
    """Weights fit one set of features, in one order: with any other they say something else and nobody notices."""
    down, across = np.mgrid[0:96, 0:128]
    waves = np.sin(down / 9 + across / 17), np.sin(down * across / 300), np.cos(across / 5)
    pixels = np.rint(128 + 90 * np.stack(waves, axis=2)).astype(np.uint8)
    features = tone_features(pixels.astype(np.float32) / 255)
    assert features @ np.cos(np.arange(FEATURES)) == pytest.approx([5.453, 10.218, 14.946], abs=0.01)


def test_small_shifts_are_none_and_large_ones_are_capped() -> None:
    assert not decided(np.array([1, -1, 0.5], np.float32) / 255).any()
    assert np.allclose(decided(np.array([40, -40, 2], np.float32) / 255) * 255, [20, -20, 2])


@pytest.mark.parametrize("shape", [(120, 160), (120, 160, 3)])
def test_a_photo_without_colour_keeps_its_tone(weights: Path, shape: tuple[int, ...]) -> None:
    grey = coloured(width=160, height=120)[..., 0]
    pixels = grey if len(shape) == 2 else np.repeat(grey[..., None], 3, axis=2)
    assert not lost_tone(estimator(), overview(MemoryRaster(pixels))).any()
    with_tone, without = (restorer(weights, tone).restore(pixels, mask=some_mask(pixels)).image
                          for tone in (estimator(), None))  # fmt: skip
    assert np.array_equal(with_tone, without)


def test_a_picture_too_narrow_to_tell_keeps_its_tone() -> None:
    assert not lost_tone(estimator(), overview(MemoryRaster(coloured(width=16, height=200)))).any()


def test_no_strength_is_no_estimator(weights: Path) -> None:
    pixels = coloured()
    off = restorer(weights, estimator(), strength=0).restore(pixels, mask=some_mask(pixels))
    without = restorer(weights, None).restore(pixels, mask=some_mask(pixels))
    assert np.array_equal(off.image, without.image)
    assert off.measurements == without.measurements


def test_the_shift_arrives_in_the_restored_tier_and_not_in_the_conserved_one(weights: Path) -> None:
    pixels, mask = coloured(), some_mask(coloured())
    toned, plain = (restorer(weights, tone).restore(pixels, mask=mask) for tone in (estimator(), None))
    change = (toned.tiers[Tier.RESTORED].astype(float) - plain.tiers[Tier.RESTORED])[~mask].mean(axis=0)
    assert np.abs(change - 255 * np.array(SHIFT)).max() < 4
    kept = toned.tiers[Tier.CONSERVED].astype(float) - plain.tiers[Tier.CONSERVED]
    assert np.abs(kept.mean(axis=(0, 1))).max() < 0.1
    assert toned.measurements["tone_shift"] == pytest.approx(12 / 255)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_scan_on_disk_is_shifted_as_the_photo_in_memory(weights: Path, dtype: type) -> None:
    pixels = coloured(width=330, height=245).astype(dtype) * (257 if dtype == np.uint16 else 1)
    made = restorer(weights, estimator())
    mask = some_mask(pixels)
    expected = made.restore(pixels, mask=mask)
    scan = FileRaster(pixels.shape, pixels.dtype)
    scan.write(0, 0, pixels)
    with OnDisk() as workspace:
        found = restore_scan(made, scan, workspace, frozenset({Tier.RESTORED}), MemoryRaster(mask))
        assert np.array_equal(whole(found.tiers[Tier.RESTORED]), expected.tiers[Tier.RESTORED])
    assert found.measurements == pytest.approx(expected.measurements)


def test_a_streamed_photo_is_shifted_as_one_done_tile_by_tile(weights: Path) -> None:
    pixels = coloured()
    plain, streamed = (restorer(weights, estimator()) for _ in range(2))
    for part in (streamed.detector, streamed.translator):
        part.link = DeviceLink(torch.device("cpu"), streamed=True)  # type: ignore[union-attr]
    expected, found = (one.restore(pixels, mask=some_mask(pixels)) for one in (plain, streamed))
    assert found.measurements["tone_shift"] == expected.measurements["tone_shift"] > 0
    assert np.abs(expected.image.astype(int) - found.image).max() <= 1
