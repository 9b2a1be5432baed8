"""Fitting the fading estimator: what levels are worth is what the pictures say; what is held out is not learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from oldphoto_core.latent.fading import Levels
from oldphoto_core.latent.tone_correction import ToneCorrection
from oldphoto_core.training.fading import error_left, fit_fading, gain, moments
from oldphoto_core.weights.cards import read_card
from oldphoto_core.weights.load import load_networks
from tests.oldphoto_core.training.conftest import trained


def test_moments_tell_the_error_that_any_levels_leave() -> None:
    rng = np.random.default_rng(4)
    clean = rng.random((30, 40), dtype=np.float32)
    faded = np.asarray(0.2 + 0.6 * clean + rng.normal(0, 0.02, clean.shape), np.float32)
    taken = torch.from_numpy(moments(faded, clean))[None]
    for black, white in ((0.0, 1.0), (0.2, 0.8), (0.1, 0.95)):
        correction = ToneCorrection.of(Levels(black, white), np.zeros(3, np.float32))
        expected = np.square(correction.gain * faded + correction.offset[0] - clean).mean()
        assert error_left(taken, torch.tensor([black]), torch.tensor([white])).item() == pytest.approx(
            expected, rel=1e-3, abs=1e-6
        )


def test_giving_back_what_was_lost_gains_and_touching_a_sound_photo_costs() -> None:
    clean = np.random.default_rng(5).random((30, 40), dtype=np.float32)
    taken = torch.from_numpy(np.stack([moments(0.2 + 0.6 * clean, clean), moments(clean, clean)]))
    right, none = torch.tensor([[0.2, 0.2]] * 2), torch.zeros(2, 2)
    assert gain(none, taken).tolist() == [0, 0]
    faded, sound = gain(right, taken).tolist()
    assert faded > 10
    assert sound < -10


def test_workers_change_nothing_and_the_seed_does(few_views: Path, tmp_path: Path) -> None:
    one = fit_fading(few_views, tmp_path / "a.safetensors", examples=40)
    two = fit_fading(few_views, tmp_path / "b.safetensors", examples=40, workers=2)
    other = fit_fading(few_views, tmp_path / "c.safetensors", examples=40, seed=1)
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    card = read_card(one)
    assert card["examples"]["aged"] == 40
    assert {kind: found["photographs"] for kind, found in card["held_out"].items()} == {
        "archive": 2,
        "seed": 2,
        "sound": 2,
    }


def test_the_command_makes_weights_that_are_loaded(few_views: Path, tmp_path: Path) -> None:
    out = tmp_path / "weights" / "fading.safetensors"
    assert trained("fading", few_views, out)["held_out"]["sound"]["photographs"] == 2
    assert load_networks("compact", out.parent).fading is not None
    assert load_networks("compact", tmp_path).fading is None
