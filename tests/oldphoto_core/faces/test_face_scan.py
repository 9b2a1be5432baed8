"""Laws of faces in pictures of any size: in memory and by parts are one, and nothing is refined that is not kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oldphoto_core.faces import scan
from oldphoto_core.faces.detect import FaceDetector
from oldphoto_core.faces.enhance import FaceEnhancer
from oldphoto_core.faces.settings import FaceSettings
from oldphoto_core.photo import Pixels, Tier
from oldphoto_core.raster import InMemory, MemoryRaster, whole
from oldphoto_core.restore import Restorer, load_restorer
from oldphoto_core.settings import RestoreSettings
from tests.flows.material import write_weights


class _Redden(nn.Module):
    """A refinement whose colour shows whether only luminance was taken."""

    crop = 256

    def forward(self, face: Tensor) -> Tensor:
        redder = face.clone()
        redder[:, 0] += 0.05 * (face[:, 0] - face[:, 0].mean())
        return redder


class _Forbidden(nn.Module):
    crop = 256

    def forward(self, face: Tensor) -> Tensor:
        raise AssertionError("refined, though nobody keeps it")


def _restorer(folder: Path, detector: FaceDetector, generator: nn.Module) -> Restorer:
    settings = RestoreSettings(tile=256, halo=32)
    made = load_restorer(device="cpu", weights=write_weights(folder), settings=settings)
    weights = {**made.provision.weights, "faces": made.provision.weights["mapping"]}
    made.provision = replace(made.provision, weights=weights)
    made.enhancer = FaceEnhancer(detector, generator, FaceSettings(least_restored=0.0))  # type: ignore[arg-type]
    return made


def _grey_face_in_a_coloured_photo(portrait: NDArray[np.uint8]) -> Pixels:
    """Larger than what is searched for faces, and colour is nowhere near the face."""
    grey = np.repeat(cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    wall = np.zeros((240, 160, 3), np.uint8)
    wall[:120] = (200, 40, 40)
    wall[120:] = (40, 200, 90)
    return np.concatenate([grey, wall], axis=1)


def test_a_picture_larger_than_what_is_searched_comes_out_alike_by_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    monkeypatch.setattr(scan, "SEARCHED_SIDE", 300)
    restorer = _restorer(tmp_path, detector, _Redden())
    pixels = _grey_face_in_a_coloured_photo(portrait)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[200:204, 250:380] = True
    expected = restorer.restore(pixels, mask=mask)
    found = restorer.restore_scan(MemoryRaster(pixels), InMemory(), frozenset(Tier), MemoryRaster(mask))
    assert [face.applied for face in found.faces] == [True]
    assert found.faces == expected.faces
    assert found.measurements == pytest.approx(expected.measurements)
    for tier, made in expected.tiers.items():
        assert np.array_equal(whole(found.tiers[tier]), made), tier
    before, after = (expected.tiers[tier].astype(int) for tier in (Tier.RESTORED, Tier.ENHANCED))
    change = (after - before)[..., 0] - (after - before)[..., 1]
    assert np.abs(change).max() > 0, "the whole photo has colour: the face was refined in colour"


class _Unread(MemoryRaster):
    """A target whose parts nobody asks for."""

    def read(self, top: int, left: int, bottom: int, right: int) -> NDArray[np.uint8]:
        raise AssertionError(f"rows {top} to {bottom}, columns {left} to {right} were read into memory")


def test_a_face_that_is_too_large_is_not_read_into_memory(
    monkeypatch: pytest.MonkeyPatch, portrait: NDArray[np.uint8], detector: FaceDetector
) -> None:
    """On a large scan it may be most of it."""
    large = np.asarray(cv2.resize(portrait, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), np.uint8)
    enhancer = FaceEnhancer(detector, _Forbidden(), FaceSettings())
    _, expected, measured = enhancer.enhance(large, large)
    monkeypatch.setattr(scan, "SEARCHED_SIDE", max(large.shape) - 1)
    target = _Unread(np.zeros_like(large))
    faces, by_parts = scan.enhance_into(enhancer, MemoryRaster(large), MemoryRaster(large), target)
    assert (
        (len(faces), by_parts["faces_too_large"]) == (len(expected), measured["faces_too_large"]) == (1, 1.0)
    )
    assert by_parts.keys() == measured.keys()
    assert np.array_equal(target.pixels, large)


@pytest.mark.parametrize(("tier", "lost"), [(Tier.RESTORED, 1), (Tier.CONSERVED, 0)])
def test_a_face_that_only_a_higher_tier_paints_over_is_not_lost(
    tmp_path: Path, portrait: NDArray[np.uint8], detector: FaceDetector, tier: Tier, lost: int
) -> None:
    settings = RestoreSettings(tone_change=1.0)
    restorer = load_restorer(device="cpu", weights=write_weights(tmp_path, brighter=0.0), settings=settings)
    restorer.enhancer = FaceEnhancer(detector, None, FaceSettings())
    with torch.no_grad():
        restorer.translator.clean.get_parameter("generator.to_full.bias").fill_(9.0)  # type: ignore[union-attr]
    mask = np.zeros(portrait.shape[:2], bool)
    mask[4:8, 20:200] = True
    expected = restorer.restore(portrait, mask=mask, tier=tier)
    found = restorer.restore_scan(MemoryRaster(portrait), InMemory(), frozenset({tier}), MemoryRaster(mask))
    assert found.faces == expected.faces
    assert found.measurements == pytest.approx(expected.measurements)
    assert (expected.image[20:] == 255).all() == bool(lost), "the upper tiers are white"
    assert expected.measurements["faces_lost"] == lost
    assert ("faces-lost" in {flag.code for flag in expected.flags}) == bool(lost)


@pytest.mark.parametrize("side", [300, 4096])
def test_a_tier_without_faces_refines_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    portrait: NDArray[np.uint8],
    detector: FaceDetector,
    side: int,
) -> None:
    """Nor does it measure, and warn of, a refinement that nobody will see."""
    monkeypatch.setattr(scan, "SEARCHED_SIDE", side)
    restorer = _restorer(tmp_path, detector, _Forbidden())
    pixels = _grey_face_in_a_coloured_photo(portrait)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[200:204, 250:380] = True
    lower = frozenset({Tier.CONSERVED, Tier.RESTORED})
    expected = restorer.restore(pixels, mask=mask, tier=Tier.RESTORED)
    found = restorer.restore_scan(MemoryRaster(pixels), InMemory(), lower, MemoryRaster(mask))
    for faces, measured in (
        (expected.faces, expected.measurements),
        (found.faces, found.measurements),
    ):
        assert [(face.applied, face.drift) for face in faces] == [(False, None)]
        assert (measured["faces_found"], measured["faces_enhanced"]) == (1.0, 0.0)
        assert measured["face_drift_max"] == 0.0
