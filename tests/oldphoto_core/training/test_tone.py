"""Fitting the tone estimator: the same examples whatever the workers; what is held out is not learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from oldphoto_core.errors import UsageError
from oldphoto_core.training.fading import fit_fading
from oldphoto_core.training.tone import fit_tone, gain
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.load import load_networks
from tests.oldphoto_core.training.conftest import trained, write_views


def test_workers_change_nothing_and_the_seed_does(few_views: Path, tmp_path: Path) -> None:
    one = fit_tone(few_views, tmp_path / "a.safetensors", examples=40)
    two = fit_tone(few_views, tmp_path / "b.safetensors", examples=40, workers=2)
    other = fit_tone(few_views, tmp_path / "c.safetensors", examples=40, seed=1)
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    card = read_card(one)
    assert card["data"] == {"clean": 9, "old": 3}
    assert card["examples"] == {"aged": 40, "old, with colour": 3}
    assert card["held_out"]["photographs"] == 2


def test_too_few_photographs_are_refused(tmp_path: Path) -> None:
    write_views(tmp_path / "clean", 3)
    with pytest.raises(UsageError, match="3 photographs"):
        fit_tone(tmp_path, tmp_path / "a.safetensors")


@pytest.mark.parametrize("fit", [fit_tone, fit_fading])
def test_a_photograph_that_is_too_narrow_is_named(
    few_views: Path, tmp_path: Path, fit: Callable[..., Path]
) -> None:
    path = sorted((few_views / "clean").iterdir())[0]
    cv2.imwrite(str(path), np.full((300, 20, 3), 128, np.uint8))
    with pytest.raises(UsageError, match=rf"{path.name}: 20×\d+ .*Remove it"):
        fit(few_views, tmp_path / "a.safetensors", examples=30)


def test_the_gain_is_that_of_psnr() -> None:
    shift, rest = torch.tensor([[0.1, 0.0, -0.1]]), torch.tensor([0.01])
    found = gain(shift, shift, rest)
    assert found.item() == pytest.approx(10 * np.log10((0.01 + 0.02 / 3) / 0.01), abs=1e-4)
    assert gain(torch.zeros(1, 3), shift, rest).item() == 0
    assert gain(-shift, shift, rest).item() < 0


def test_the_command_makes_weights_that_are_loaded(few_views: Path, tmp_path: Path) -> None:
    out = tmp_path / "weights" / "tone.safetensors"
    assert trained("tone", few_views, out)["held_out"]["photographs"] == 2
    assert load_networks("compact", out.parent).tone is not None
    assert load_networks("compact", tmp_path).tone is None
