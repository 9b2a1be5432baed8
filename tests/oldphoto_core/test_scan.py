"""Law: a scan restored on disk is, pixel for pixel, the photo restored in memory."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.given_mask import RedoRestorer
from oldphoto_core import steps
from oldphoto_core.errors import StorageError, UsageError, WeightsError
from oldphoto_core.photo import DefectDetection, Pixels, Tier
from oldphoto_core.raster import FileRaster, InMemory, MemoryRaster, OnDisk, reduced, whole
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.scan import restore_scan
from oldphoto_core.settings import RestoreSettings
from tests.flows.material import aged_photo, write_weights

ALL = frozenset({Tier.CONSERVED, Tier.RESTORED, Tier.ENHANCED})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def restorer(weights: Path) -> Restorer:
    return load_restorer(device="cpu", weights=weights, settings=RestoreSettings(tile=128, halo=32))


def _on_disk(pixels: Pixels) -> FileRaster:
    raster = FileRaster(pixels.shape, pixels.dtype)
    raster.write(0, 0, pixels)
    return raster


def _damaged(restorer: Restorer) -> None:
    """Let an untrained detector find something: everything that is brighter than its surroundings."""

    def probability(pixels: Pixels, enlargement: float = 1.0) -> np.ndarray:
        grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
        full = np.iinfo(pixels.dtype).max
        return np.asarray(np.clip(cv2.absdiff(grey, cv2.medianBlur(grey, 5)) * 4.0 / full, 0, 1), np.float32)

    restorer.detector.probability = probability  # type: ignore[union-attr, method-assign]


@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 3), (np.uint16, 3), (np.uint8, 1), (np.uint16, 1)]
)
def test_a_scan_on_disk_equals_the_photo_in_memory(
    restorer: Restorer, monkeypatch: pytest.MonkeyPatch, dtype: type, channels: int
) -> None:
    """With blocks small enough that each pass meets many of them, and a picture that fills none evenly."""
    monkeypatch.setattr(steps, "DETECTION_BLOCK", 160)
    _damaged(restorer)
    pixels: Pixels = aged_photo(3, width=330, height=245)
    pixels = pixels if channels == 3 else np.ascontiguousarray(pixels[..., 0])
    pixels = pixels if dtype == np.uint8 else pixels.astype(np.uint16) * 257
    expected = restorer.restore(pixels)
    assert expected.needed
    assert expected.defect_mask.any()
    with OnDisk() as workspace:
        found = restore_scan(restorer, _on_disk(pixels), workspace, ALL)
        assert np.array_equal(whole(found.probability), expected.defect_probability)
        assert np.array_equal(whole(found.mask), expected.defect_mask)
        for tier, made in expected.tiers.items():
            assert np.array_equal(whole(found.tiers[tier]), made)
    assert found.measurements == pytest.approx(expected.measurements)
    assert found.flags == expected.flags
    assert found.faces == expected.faces


@pytest.mark.parametrize("damaged", [True, False])
def test_a_scan_of_which_only_damage_is_filled_equals_the_photo_in_memory(
    restorer: Restorer, damaged: bool
) -> None:
    pixels = aged_photo(3, width=330, height=245)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[30:34, 20:90] = damaged
    expected = restorer.restore(pixels, mask=mask, tier=Tier.CONSERVED)
    lowest = frozenset({Tier.CONSERVED})
    with OnDisk() as workspace:
        found = restore_scan(restorer, _on_disk(pixels), workspace, lowest, MemoryRaster(mask))
        assert found.tiers.keys() == expected.tiers.keys()
        for tier, made in expected.tiers.items():
            assert np.array_equal(whole(found.tiers[tier]), made)
    assert found.needed == expected.needed == damaged
    assert found.measurements == pytest.approx(expected.measurements)
    assert found.measurements["mean_change"] == 0
    assert (found.flags, found.faces) == (expected.flags, expected.faces)


def test_conserved_blocks_do_not_show(restorer: Restorer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block or many: the fill is the same within 1/255."""
    _damaged(restorer)
    pixels = aged_photo(5, width=330, height=245)
    detection = restorer.detect(pixels)
    one = restorer.translate(pixels, detection).conserved
    monkeypatch.setattr("oldphoto_core.latent.compose._BLOCK", 120)
    many = restorer.translate(pixels, detection).conserved
    assert np.abs(one.astype(int) - many).max() <= 1


def test_probes_settle_a_large_photo_that_needs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_PROBED_FROM", 200_000)
    monkeypatch.setattr(steps, "_PROBE_SIDE", 32)
    folder = write_weights(tmp_path, brighter=0.0)
    restorer = load_restorer(device="cpu", weights=folder, settings=RestoreSettings(halo=16))
    pixels = np.full((500, 410), 128, np.uint8)
    asked: list[tuple[int, ...]] = []
    tiles = restorer.translator._tiles  # type: ignore[union-attr]
    restorer.translator._tiles = lambda stacked: (asked.append(stacked.shape), tiles(stacked))[1]  # type: ignore[union-attr, method-assign]
    mask = np.zeros(pixels.shape, bool)
    result = restorer.restore(pixels, mask=mask)
    assert not result.needed
    assert sum(shape[-1] * shape[-2] for shape in asked) < pixels.size / 2


@pytest.mark.parametrize("probed_from", [10**9, 200_000])
def test_of_a_sound_scan_with_a_mark_only_that_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probed_from: int
) -> None:
    """In memory and on disk; of a large one, whose rest probes settle, only what a fill needs is translated."""
    monkeypatch.setattr(steps, "_PROBED_FROM", probed_from)
    monkeypatch.setattr(steps, "_PROBE_SIDE", 32)
    settings = RestoreSettings(tile=64, halo=16)
    restorer = load_restorer(device="cpu", weights=write_weights(tmp_path, brighter=0.0), settings=settings)
    assert restorer.translator is not None
    pixels = np.full((500, 810), 128, np.uint8)
    mask = np.zeros(pixels.shape, bool)
    mask[20:30, 20:90] = True
    fill = restorer.restore(pixels, mask=mask, tier=Tier.CONSERVED).image
    tiles, translate = [], restorer.translator._tiles
    monkeypatch.setattr(
        restorer.translator, "_tiles", lambda batch: (tiles.extend(batch), translate(batch))[1]
    )
    result = restorer.restore(pixels, mask=mask)
    assert (len(tiles) < 50) == (probed_from < pixels.size)
    scan = restorer.restore_scan(MemoryRaster(pixels), InMemory(), ALL, MemoryRaster(mask))
    assert scan.measurements == pytest.approx(result.measurements)
    for tier, image in result.tiers.items():
        assert np.array_equal(image, fill)
        assert np.array_equal(whole(scan.tiers[tier]), fill)


def test_reduced_is_the_mean_of_whole_cells() -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, (103, 77, 3)).astype(np.uint16)
    small, factor = reduced(MemoryRaster(pixels), 20)
    assert factor == 6
    cells = pixels[:102, :72].reshape(17, 6, 12, 6, 3).mean(axis=(1, 3))
    assert np.array_equal(small, np.rint(cells.astype(np.float32)))


def test_what_no_disk_can_hold_is_refused_with_a_remedy() -> None:
    with pytest.raises(StorageError, match="TMPDIR"):
        FileRaster((10**9, 10**6), np.uint8)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((40, 40), np.float32),
        ((40, 40, 3), bool),
        ((40, 40, 4), np.uint8),
        ((40,), np.uint8),
        ((0, 40), np.uint8),
    ],
)
def test_pixels_of_no_photo_are_refused_as_in_memory(
    restorer: Restorer, shape: tuple[int, ...], dtype: type
) -> None:
    pixels = np.zeros(shape, dtype)
    with pytest.raises(UsageError, match="Convert them first") as in_memory:
        restorer.restore(pixels)
    with pytest.raises(UsageError) as as_scan:
        restorer.restore_scan(MemoryRaster(pixels), InMemory(), ALL)
    assert str(as_scan.value) == str(in_memory.value)


def test_a_probability_is_no_drawn_mask(restorer: Restorer) -> None:
    pixels = np.full((40, 40), 128, np.uint8)
    shares = MemoryRaster(np.full(pixels.shape, 0.2, np.float32))
    with pytest.raises(UsageError, match="True = repair"):
        restore_scan(restorer, MemoryRaster(pixels), InMemory(), ALL, shares)


def test_a_drawn_mask_replaces_the_detected_one(restorer: Restorer) -> None:
    pixels = aged_photo(7, width=150, height=120)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[30:34, 20:90] = mask[80, 10] = True
    expected = restorer.restore(pixels, mask=mask)
    with OnDisk() as workspace:
        found = restorer.restore_scan(_on_disk(pixels), workspace, ALL, MemoryRaster(mask))
        assert np.array_equal(whole(found.mask), mask)
        assert np.array_equal(whole(found.tiers[Tier.RESTORED]), expected.tiers[Tier.RESTORED])
        with pytest.raises(UsageError, match="size"):
            restorer.restore_scan(_on_disk(pixels), workspace, ALL, MemoryRaster(mask[1:]))
    assert found.measurements == pytest.approx(expected.measurements)


@pytest.mark.parametrize("drawn", [1, 255])
def test_a_drawn_mask_needs_no_detector_and_may_be_drawn_in_any_number(
    tmp_path: Path, restorer: Restorer, drawn: int
) -> None:
    blind = load_restorer(device="cpu", weights=write_weights(tmp_path), settings=restorer.settings)
    blind.detector = None
    pixels = aged_photo(7, width=150, height=120)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    mask[30:34, 20:90] = drawn
    expected = restorer.restore(pixels, mask=mask.astype(bool))
    found = blind.restore_scan(MemoryRaster(pixels), InMemory(), ALL, MemoryRaster(mask))
    assert np.array_equal(whole(found.probability), expected.defect_probability)
    assert found.measurements == pytest.approx(expected.measurements)
    for tier, made in expected.tiers.items():
        assert np.array_equal(whole(found.tiers[tier]), made)
    with pytest.raises(WeightsError, match="give a mask"):
        blind.restore_scan(MemoryRaster(pixels), InMemory(), ALL)


@pytest.mark.parametrize("tiers", [ALL, frozenset({Tier.CONSERVED})])
def test_a_drawn_mask_of_one_pixel_is_a_reason(weights: Path, tiers: frozenset[Tier]) -> None:
    """Found by the detector it would be a speck, and the photo sound."""
    strict = RestoreSettings(tile=128, halo=32, needed_mask=0.01, needed_change=1.0)
    hard = load_restorer(device="cpu", weights=weights, settings=strict)
    pixels = aged_photo(7, width=150, height=120)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[60, 70] = True
    found = hard.restore_scan(MemoryRaster(pixels), InMemory(), tiers, MemoryRaster(mask))
    assert found.needed
    filled = whole(found.tiers[Tier.CONSERVED])
    redo = RedoRestorer(hard, mask)
    detected = redo.detect(pixels)
    # As it comes out of the detect stage: probability and mask.
    between = DefectDetection(detected.probability, detected.mask)
    for translation in (
        hard.translate(pixels, detected, fill_only=len(tiers) == 1),
        redo.translate(pixels, between, fill_only=len(tiers) == 1),
    ):
        assert translation.needed
        assert np.array_equal(translation.conserved, filled)
    assert not hard.translate(pixels, between, fill_only=len(tiers) == 1).needed


def test_a_drawn_mask_of_many_like_marks_is_taken_as_drawn(restorer: Restorer) -> None:
    """Found by the detector they would be a flock and left alone."""
    pixels = aged_photo(7, width=150, height=120)
    mask = np.zeros(pixels.shape[:2], bool)
    for number in range(80):
        top, left = 12 * (number // 10) + 4, 14 * (number % 10) + 4
        mask[top : top + 5, left : left + 5] = True
    with OnDisk() as workspace:
        found = restorer.restore_scan(_on_disk(pixels), workspace, frozenset(), MemoryRaster(mask))
        assert np.array_equal(whole(found.mask), mask)
    assert found.facts.components == 80


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (RestoreSettings(tile=256, max_keys=1000), 4.0),
        (RestoreSettings(tile=64, halo=96, max_keys=10**9), 3.0),
    ],
)
def test_fewer_keys_change_the_fill_by_a_few_levels(settings: RestoreSettings, error: float) -> None:
    """The shipped networks: every fourth key, or only those of a tile, against all keys of the picture."""
    everything = load_restorer(device="cpu", settings=RestoreSettings(tile=256, max_keys=10**9))
    fewer = load_restorer(device="cpu", settings=settings)
    if everything.translator is None or fewer.translator is None:
        pytest.skip("no weights are shipped")
    pixels = aged_photo(11, width=256, height=240)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[60:66, 20:230] = mask[20:220, 120:124] = True
    unit = pixels.astype(np.float32) / 255
    difference = 255 * np.abs(
        everything.translator.translate(unit, mask) - fewer.translator.translate(unit, mask)
    )
    assert 0 < difference[mask].mean() <= error
    # Blocks at half the latents' scale carry a little of another fill some 90 pixels far.
    assert difference[~mask].mean() <= 0.5
