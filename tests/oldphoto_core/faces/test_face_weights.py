"""Laws of the face stage's weights: with them the tier is there, without them it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from oldphoto_core.errors import WeightsError
from oldphoto_core.models.build import build
from oldphoto_core.photo import Tier
from oldphoto_core.restore import load_restorer
from oldphoto_core.settings import RestoreSettings
from oldphoto_core.weights.load import load_networks
from oldphoto_core.weights.store import save_weights

CARD = {"name": "untrained", "version": "0", "licence": "none"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All five networks, untrained; the translation makes every photo a little brighter."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for name in ("detector", "vae-old", "vae-clean", "mapping", "faces"):
        network = build(name, "compact")
        if name == "vae-clean":
            with torch.no_grad():
                network.get_parameter("generator.to_full.bias").fill_(0.1)
        save_weights(network, folder / f"{name}.safetensors", CARD)
    return folder


def test_trained_faces_make_the_tier(weights: Path, portrait: NDArray[np.uint8]) -> None:
    """An untrained generator returns the face that it is given: enhanced = restored, up to rounding."""
    restorer = load_restorer(device="cpu", weights=weights, settings=RestoreSettings(tone_change=1.0))
    assert restorer.available_tiers == (Tier.CONSERVED, Tier.RESTORED, Tier.ENHANCED)
    assert restorer.enhancer.generator is not None
    result = restorer.restore(portrait)
    assert result.tier is Tier.ENHANCED
    assert result.measurements["faces_found"] == 1.0
    difference = result.tiers[Tier.ENHANCED].astype(int) - result.tiers[Tier.RESTORED]
    assert np.abs(difference).max() <= 1


def test_networks_that_a_folder_lacks_are_taken_from_the_other(weights: Path, tmp_path: Path) -> None:
    save_weights(build("faces", "compact"), tmp_path / "faces.safetensors", {**CARD, "name": "other"})
    networks = load_networks("compact", tmp_path, lacking=weights)
    assert networks.identities["faces"].name == "other"
    assert networks.identities["mapping"].name == "untrained"
    assert load_networks("compact", tmp_path).mapping is None


def test_weights_of_another_generator_are_refused(weights: Path, tmp_path: Path) -> None:
    save_weights(build("vae-old", "compact"), tmp_path / "faces.safetensors", CARD)
    with pytest.raises(WeightsError, match="does not fit"):
        load_networks("compact", tmp_path)
