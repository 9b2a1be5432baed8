"""Draws of the latent: the same photo gives the same number, unsteady networks give a larger one, at bounded cost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from oldphoto_core.latent.draws import MOST_SQUARES, SQUARE, corners, sample_deviation
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.models.build import build_autoencoder, build_mapping
from oldphoto_core.raster import FileRaster, MemoryRaster
from oldphoto_core.settings import RestoreSettings


def translator(log_variance: float = -6.0, lopsided: float = 0.0) -> LatentTranslator:
    """Return untrained networks, which give back what they get; ``lopsided`` lets them prefer one side."""
    torch.manual_seed(0)
    old, mapping, clean = (
        build_autoencoder("compact"),
        build_mapping("compact"),
        build_autoencoder("compact"),
    )
    with torch.no_grad():
        old.encoder.log_variance.bias.fill_(log_variance)
        old.encoder.blocks[0].second.weight[:, :, :, 0] += lopsided  # type: ignore[index, union-attr, operator]
    settings = RestoreSettings(autocast=False)
    return LatentTranslator(old.eval(), mapping.eval(), clean.eval(), settings, torch.device("cpu"))


def photo(seed: int = 0, width: int = 170, height: int = 130) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(40, 210, (7, 9, 3)).astype(np.float32)
    scene = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(scene, 0, 255), np.uint8)


def deviation(networks: LatentTranslator, pixels: NDArray[np.uint8]) -> float:
    found = sample_deviation(networks, MemoryRaster(pixels), MemoryRaster(np.zeros(pixels.shape[:2], bool)))
    assert found is not None
    return found


def test_the_same_photo_gives_the_same_number_wherever_it_lies() -> None:
    pixels, networks = photo(), translator()
    torch.manual_seed(99)
    expected = deviation(networks, pixels)
    torch.manual_seed(5)
    on_disk, mask = FileRaster(pixels.shape, pixels.dtype), FileRaster(pixels.shape[:2], bool)
    on_disk.write(0, 0, pixels)
    assert sample_deviation(networks, on_disk, mask) == expected
    assert deviation(networks, photo(1)) != expected


def test_a_wider_posterior_gives_a_larger_deviation() -> None:
    narrow, usual, wide = (deviation(translator(value), photo()) for value in (-12.0, -6.0, -3.0))
    assert narrow < 0.2 * usual < 0.1 * wide


def test_networks_that_prefer_a_side_are_unsteady() -> None:
    """With hardly any noise only the mirror images differ; symmetric networks give the same for all."""
    steady, unsteady = (deviation(translator(-12.0, lopsided), photo()) for lopsided in (0.0, 0.02))
    assert steady < 1e-3 < 3e-3 < unsteady


def test_damage_is_filled_before_it_is_drawn() -> None:
    pixels, networks = photo(), translator(-12.0)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[30:34, 20:150] = mask[60:110, 80:84] = True
    pixels[mask] = np.random.default_rng(0).integers(0, 256, (int(mask.sum()), 3))
    found = sample_deviation(networks, MemoryRaster(pixels), MemoryRaster(mask))
    assert found is not None
    assert np.isfinite(found)


@pytest.mark.parametrize("size", [(300, 400), (900, 900), (200, 9000), (6000, 100), (20000, 15000), (64, 64)])
def test_squares_are_few_inside_and_spread(size: tuple[int, int]) -> None:
    places = np.array(list(corners(*size, SQUARE)))
    assert 1 <= len(places) <= MOST_SQUARES
    assert len(places) * SQUARE**2 <= max(SQUARE**2, 0.04 * size[0] * size[1])
    assert (places >= 0).all()
    assert (places + SQUARE <= size).all()
    middle = (places + SQUARE / 2).mean(axis=0)
    assert np.abs(middle - np.array(size) / 2).max() <= 1


@pytest.mark.parametrize("size", [(20, 400), (1, 1)])
def test_too_narrow_is_not_measured(size: tuple[int, int]) -> None:
    assert (
        sample_deviation(
            translator(), MemoryRaster(np.zeros(size, np.uint8)), MemoryRaster(np.zeros(size, bool))
        )
        is None
    )


def test_a_narrow_photo_is_measured_with_smaller_squares() -> None:
    assert deviation(translator(), photo(width=300, height=40)) > 0


def test_squares_go_through_the_networks_together_and_come_out_as_alone() -> None:
    """A photo of many squares, some of them damaged: the mean of what each gives by itself."""
    pixels, networks = photo(width=800, height=700), translator(lopsided=0.02)
    mask = np.zeros(pixels.shape[:2], bool)
    mask[:350, ::40] = True
    places = list(corners(*mask.shape, SQUARE))
    alone = []
    for top, left in places:
        part = np.s_[top : top + SQUARE, left : left + SQUARE]
        found = sample_deviation(networks, MemoryRaster(pixels[part]), MemoryRaster(mask[part]))
        assert found is not None
        alone.append(found)
    calls = []
    drawn = networks.drawn
    networks.drawn = lambda stacked, generators: calls.append(len(generators)) or drawn(stacked, generators)  # type: ignore[method-assign, func-returns-value]
    together = sample_deviation(networks, MemoryRaster(pixels), MemoryRaster(mask))
    assert len(calls) == 2
    assert sum(calls) == len(places)
    assert together == pytest.approx(np.mean(alone), rel=1e-4)
