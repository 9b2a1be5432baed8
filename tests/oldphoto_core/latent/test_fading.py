"""Fading: given back for the whole photo at once, never beyond the tones in use, and the same wherever pixels lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from oldphoto_core.device import DeviceLink
from oldphoto_core.latent.fading import (
    LEAST_LOST,
    MOST_LOST,
    Levels,
    fading_features,
    lost_levels,
    used_range,
    within,
)
from oldphoto_core.latent.overview import overview
from oldphoto_core.models.build import build_fading_estimator
from oldphoto_core.models.fading_estimator import FadingEstimator
from oldphoto_core.photo import Tier
from oldphoto_core.raster import FileRaster, MemoryRaster, OnDisk, whole
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.scan import restore_scan
from oldphoto_core.settings import RestoreSettings
from tests.flows.material import aged_photo, write_weights

LOST = (0.25, 0.15)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


def estimator(lost: tuple[float, float] = LOST) -> FadingEstimator:
    """Return one that says the same of every photo."""
    network = build_fading_estimator("compact").eval().requires_grad_(False)
    network.answers = lambda features: [torch.tensor([lost] * len(features))]  # type: ignore[method-assign]
    return network


def faded(seed: int = 3, width: int = 200, height: int = 140) -> NDArray[np.uint8]:
    """Return a photo whose tones lie within what ``LOST`` leaves."""
    photo = aged_photo(seed, width=width, height=height).astype(np.float32) / 255
    return np.rint(255 * (LOST[0] + (1 - sum(LOST)) * photo)).astype(np.uint8)


def restorer(weights: Path, fading: FadingEstimator | None, strength: float = 1.0) -> Restorer:
    settings = RestoreSettings(tile=128, halo=32, fading_strength=strength)
    made = load_restorer(device="cpu", weights=weights, settings=settings)
    made.translator.fading = fading  # type: ignore[union-attr]
    return made


def some_mask(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    mask = np.zeros(pixels.shape[:2], bool)
    mask[40:60, 30:50] = True
    return mask


def test_an_untrained_estimator_finds_nothing_lost() -> None:
    features = torch.from_numpy(fading_features(faded().astype(np.float32) / 255))
    assert not build_fading_estimator("compact").eval()(features[None]).any()


@given(
    black=st.floats(-0.5, 1), white=st.floats(0, 1.5), darkest=st.floats(0, 0.5), spread=st.floats(0.01, 0.5)
)
def test_levels_stay_out_of_the_tones_in_use(
    black: float, white: float, darkest: float, spread: float
) -> None:
    found = within(Levels(black, white), darkest, darkest + spread)
    assert 0 <= found.black <= min(darkest, MOST_LOST)
    assert max(darkest + spread, 1 - MOST_LOST) <= found.white <= 1
    assert found == Levels() or found.span <= 1 - LEAST_LOST


def test_no_tone_is_clipped_but_the_last_half_per_cent() -> None:
    pixels = aged_photo(5, width=256, height=200)
    seen = overview(MemoryRaster(pixels))
    assert seen is not None
    levels = lost_levels(estimator(), seen)
    darkest, brightest = used_range(seen)
    assert levels.black <= darkest
    assert levels.white >= brightest
    assert ((seen < levels.black) | (seen > levels.white)).any(axis=2).mean() <= 0.01


def test_a_picture_too_narrow_to_tell_keeps_its_tones() -> None:
    assert lost_levels(estimator(), overview(MemoryRaster(faded(width=16, height=200)))) == Levels()


def test_both_ends_are_given_back_outside_the_tones_of_any_channel() -> None:
    """All but one pixel in two hundred, which is black and then white, lie between 0.3 and 0.8."""
    seen = np.full((40, 50, 3), (0.3, 0.5, 0.8), np.float32)
    seen[0, :5], seen[1, :5] = 0, 1
    assert used_range(seen) == pytest.approx((0.3, 0.8))
    for strength, black, white in ((1.0, 0.25, 0.85), (0.5, 0.125, 0.925)):
        found = lost_levels(estimator(), seen, strength)
        assert (found.black, found.white) == pytest.approx((black, white))


def test_a_small_loss_is_none() -> None:
    seen = overview(MemoryRaster(faded()))
    assert lost_levels(estimator((0.02, 0.01)), seen) == Levels()
    assert lost_levels(estimator(), seen, strength=0.05) == Levels()


def test_the_restored_tier_gets_its_blacks_and_whites_back(weights: Path) -> None:
    pixels = faded(width=300, height=210)
    mask = some_mask(pixels)
    given_back, left = (restorer(weights, one).restore(pixels, mask=mask) for one in (estimator(), None))
    before, after = (one.tiers[Tier.RESTORED][~mask].astype(float) for one in (left, given_back))
    slope, _ = np.polyfit(before.ravel(), after.ravel(), 1)
    expected = 1 / (1 - given_back.measurements["fading"])
    assert expected > 1.3
    assert slope == pytest.approx(expected, rel=0.05)
    assert "fading" not in left.measurements


def test_the_conserved_tier_keeps_the_contrast_of_the_scan(weights: Path) -> None:
    """Outside the mask bit for bit; in it, a fill in the scan's own tones."""
    pixels, mask = faded(), some_mask(faded())
    given_back, left = (
        restorer(weights, one).restore(pixels, mask=mask).tiers[Tier.CONSERVED] for one in (estimator(), None)
    )
    grown = np.zeros_like(mask)
    grown[38:62, 28:52] = True
    assert np.array_equal(given_back[~grown], pixels[~grown])
    assert np.abs(given_back.astype(int) - left)[mask].mean() < 3


def test_where_only_the_conserved_tier_is_made_no_tone_is_said_to_be_given_back(weights: Path) -> None:
    pixels, made = faded(), restorer(weights, estimator())
    alone = made.restore(pixels, mask=some_mask(pixels), tier=Tier.CONSERVED)
    with_others = made.restore(pixels, mask=some_mask(pixels))
    assert "fading" in with_others.measurements
    assert "fading" not in alone.measurements
    assert np.array_equal(alone.image, with_others.tiers[Tier.CONSERVED])


@pytest.mark.parametrize("shape", [(140, 200), (140, 200, 3)])
def test_a_grey_photo_stays_grey(weights: Path, shape: tuple[int, ...]) -> None:
    grey = faded()[..., 1]
    pixels = grey if len(shape) == 2 else np.repeat(grey[..., None], 3, axis=2)
    result = restorer(weights, estimator()).restore(pixels, mask=some_mask(pixels))
    assert result.measurements["fading"] > 0.2
    assert result.image.shape == shape
    if result.image.ndim == 3:
        assert (np.ptp(result.image, axis=2) == 0).all()


def test_no_strength_is_no_estimator(weights: Path) -> None:
    pixels = faded()
    off = restorer(weights, estimator(), strength=0).restore(pixels, mask=some_mask(pixels))
    without = restorer(weights, None).restore(pixels, mask=some_mask(pixels))
    assert np.array_equal(off.image, without.image)
    assert off.measurements == without.measurements


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_scan_on_disk_is_given_back_what_the_photo_in_memory_is(weights: Path, dtype: type) -> None:
    pixels = faded(width=330, height=245).astype(dtype) * (257 if dtype == np.uint16 else 1)
    made = restorer(weights, estimator())
    mask = some_mask(pixels)
    expected = made.restore(pixels, mask=mask)
    scan = FileRaster(pixels.shape, pixels.dtype)
    scan.write(0, 0, pixels)
    lower = frozenset({Tier.CONSERVED, Tier.RESTORED})
    with OnDisk() as workspace:
        found = restore_scan(made, scan, workspace, lower, MemoryRaster(mask))
        for tier in lower:
            assert np.array_equal(whole(found.tiers[tier]), expected.tiers[tier])
    assert found.measurements == pytest.approx(expected.measurements)


def test_a_streamed_photo_is_given_back_what_one_done_tile_by_tile_is(weights: Path) -> None:
    pixels = faded()
    plain, streamed = (restorer(weights, estimator()) for _ in range(2))
    for part in (streamed.detector, streamed.translator):
        part.link = DeviceLink(torch.device("cpu"), streamed=True)  # type: ignore[union-attr]
    expected, found = (one.restore(pixels, mask=some_mask(pixels)) for one in (plain, streamed))
    assert found.measurements["fading"] == expected.measurements["fading"] > 0.2
    assert np.abs(expected.image.astype(int) - found.image).max() <= 1
