"""The distance from the training domain: low for what was learnt from, high for what was not, at any scan size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from oldphoto_core.flags import RULES
from oldphoto_core.latent.doubts import doubts
from oldphoto_core.latent.overview import LEAST_SIDE, SIDE, overview
from oldphoto_core.latent.strangeness import latent_distance
from oldphoto_core.models.build import build_autoencoder
from oldphoto_core.models.latent_domain import LatentDomain, latent_features
from oldphoto_core.photo import Tier
from oldphoto_core.raster import FileRaster, MemoryRaster
from oldphoto_core.restore import load_restorer
from oldphoto_core.tensors import to_tensor

THRESHOLD = next(rule.threshold for rule in RULES if rule.code == "latent-distance")


def scene(seed: int, width: int = 200, height: int = 150) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 210, (7, 9, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth + rng.normal(0, rng.uniform(2, 6), smooth.shape), 0, 255), np.uint8)


def page(width: int = 200, height: int = 150) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), 245, np.uint8)
    for line in range(14, height, 14):
        cv2.putText(picture, "many small words", (4, line), cv2.FONT_HERSHEY_PLAIN, 0.8, (20, 20, 20), 1)
    return picture


@pytest.fixture(scope="module")
def encoder() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_autoencoder("compact").eval().encoder


@pytest.fixture(scope="module")
def domain(encoder: torch.nn.Module) -> LatentDomain:
    with torch.inference_mode():
        rows = [latent_features(encoder(to_tensor(overview(MemoryRaster(scene(n))))))[0] for n in range(150)]
    return LatentDomain.of(torch.stack(rows).clone())


def distance(encoder: torch.nn.Module, domain: LatentDomain, pixels: NDArray[np.uint8]) -> float:
    seen = overview(MemoryRaster(pixels))
    assert seen is not None
    return latent_distance(encoder, domain, seen, torch.device("cpu"))  # type: ignore[arg-type]


def test_training_lies_around_one_and_strangers_far_out(
    encoder: torch.nn.Module, domain: LatentDomain
) -> None:
    usual = [distance(encoder, domain, scene(seed)) for seed in range(500, 520)]
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3)).astype(np.uint8)
    assert max(usual) < 2
    for stranger in (page(), noise, np.full_like(noise, 90)):
        assert distance(encoder, domain, stranger) > 2 * max(usual)


def test_the_distance_is_mahalanobis() -> None:
    """Against NumPy's inverse of the shrunk covariance."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4)) + 5
    domain = LatentDomain.of(torch.from_numpy(rows).float())
    point = rows[0] + rng.normal(size=4)
    scale = rows.std(axis=0)
    correlation = 0.95 * np.corrcoef(rows.T) + 0.05 * np.eye(4)
    away = (point - rows.mean(axis=0)) / scale
    expected = np.sqrt(away @ np.linalg.inv(correlation) @ away / 4)
    found = ((torch.from_numpy(point).float() - domain.centre) @ domain.whitening.T).square().mean().sqrt()
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_scan_size_does_not_matter(encoder: torch.nn.Module, domain: LatentDomain) -> None:
    """The same picture at 1, 4 and 16 times the pixels, in 8 and 16 bits, in memory and on disk."""
    small = scene(7, 300, 225)
    expected = distance(encoder, domain, small)
    for factor in (2, 4):
        large = np.repeat(np.repeat(small, factor, axis=0), factor, axis=1)
        assert distance(encoder, domain, large) == pytest.approx(expected, rel=0.05)
    assert distance(encoder, domain, small.astype(np.uint16) * 257) == pytest.approx(expected, rel=1e-3)  # type: ignore[arg-type]
    on_disk = FileRaster(small.shape, small.dtype)
    on_disk.write(0, 0, small)
    assert np.array_equal(overview(on_disk), overview(MemoryRaster(small)))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1000, 3000), (84, SIDE)),
        ((100, 90, 3), (100, 88)),
        ((LEAST_SIDE - 1, 200), None),
        ((40, 4000), None),
    ],
)
def test_overviews_are_small_and_whole_in_latents(
    shape: tuple[int, ...], expected: tuple[int, int] | None
) -> None:
    found = overview(MemoryRaster(np.zeros(shape, np.uint8)))
    assert (None if found is None else found.shape[:2]) == expected


def test_a_stranger_that_was_restored_is_flagged() -> None:
    restorer = load_restorer(device="cpu")
    if restorer.translator is None or restorer.translator.domain is None:
        pytest.skip("no latent domain is shipped")
    noise = np.random.default_rng(0).normal(128, 60, (96, 128, 3)).clip(0, 255).astype(np.uint8)
    result = restorer.restore(noise)
    assert result.needed
    assert "latent-distance" in {flag.code for flag in result.flags}


def test_a_stranger_of_which_only_damage_is_filled_is_flagged_as_well() -> None:
    """The networks make the fill."""
    restorer = load_restorer(device="cpu")
    if restorer.translator is None or restorer.translator.domain is None:
        pytest.skip("no latent domain is shipped")
    noise = np.random.default_rng(0).normal(128, 60, (96, 128, 3)).clip(0, 255).astype(np.uint8)
    mask = np.zeros(noise.shape[:2], bool)
    mask[40:44, 20:90] = True
    result = restorer.restore(noise, mask=mask, tier=Tier.CONSERVED)
    assert "latent-distance" in {flag.code for flag in result.flags}


def test_the_shipped_domain_knows_a_photograph_from_a_page() -> None:
    translator = load_restorer(device="cpu").translator
    if translator is None or translator.domain is None:
        pytest.skip("no latent domain is shipped")
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photograph")
    photo = np.asarray(data.camera(), np.uint8)
    found = [
        doubts(
            translator,
            MemoryRaster(pixels),
            MemoryRaster(np.zeros(pixels.shape[:2], bool)),
            overview(MemoryRaster(pixels)),
        )["latent_distance"]
        for pixels in (photo, page(440, 600))
    ]
    assert found[0] < THRESHOLD <= found[1]
