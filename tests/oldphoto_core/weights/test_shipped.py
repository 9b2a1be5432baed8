"""The shipped weights are what their cards say, and fit their networks."""

from __future__ import annotations

import pytest

from oldphoto_core.models.build import build
from oldphoto_core.weights.cards import SHIPPED, read_card, shipped
from oldphoto_core.weights.store import load_weights

FILES = sorted(SHIPPED.glob("*/*.safetensors"))


def test_the_stages_that_a_run_needs_are_shipped() -> None:
    names = {path.stem for path in FILES if path.parent.name == "compact"}
    assert {"detector", "vae-old", "vae-clean", "mapping"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_weights_load_strictly_with_the_hash_of_their_card(path) -> None:  # type: ignore[no-untyped-def]
    config = path.parent.name
    identity = load_weights(build(path.stem, config), shipped(config, path.stem))
    card = read_card(path)
    assert identity.sha256 == card["sha256"]
    assert {"name", "version", "licence", "settings", "data", "hours", "date"} <= set(card)
    if path.stem == "latent-domain":
        assert card["photographs"] > 100, "a covariance needs more"
        assert card["vae_old_sha256"] == read_card(shipped(config, "vae-old"))["sha256"]
    else:
        assert card["steps"] > 0, "an untrained network is never shipped"
        assert {"crops", "hardware"} <= set(card)
