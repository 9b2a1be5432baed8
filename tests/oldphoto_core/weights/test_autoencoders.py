"""A mapping is used between the autoencoders that it was trained between, and between no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from oldphoto_core.errors import WeightsError
from oldphoto_core.weights.average import average
from oldphoto_core.weights.cards import AUTOENCODERS, beside_or_shipped, read_card, shipped, write_card
from oldphoto_core.weights.installed import find_weights
from tests.flows.material import write_weights

OTHER = "0" * 64


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Untrained weights whose mapping's card names the autoencoders beside it."""
    folder = write_weights(tmp_path / "weights")
    pair = {
        entry: read_card(folder / f"{name}.safetensors")["sha256"] for name, entry in AUTOENCODERS.items()
    }
    _said(folder, **pair)
    return folder


def _said(folder: Path, **entries: object) -> None:
    path = folder / "mapping.safetensors"
    write_card(path, {**read_card(path), **entries})


@pytest.mark.parametrize("network", AUTOENCODERS)
def test_a_mapping_beside_another_autoencoder_is_refused(weights: Path, network: str) -> None:
    assert find_weights("compact", weights).tiers
    _said(weights, **{AUTOENCODERS[network]: OTHER})
    with pytest.raises(
        WeightsError, match=rf"mapping\.safetensors was trained with the {network} 000"
    ) as told:
        find_weights("compact", weights)
    assert "`oldphoto train mapping`" in str(told.value)


def test_a_card_that_names_no_autoencoders_passes(weights: Path) -> None:
    path = weights / "mapping.safetensors"
    write_card(
        path, {name: said for name, said in read_card(path).items() if name not in AUTOENCODERS.values()}
    )
    assert find_weights("compact", weights).tiers
    assert find_weights("compact").tiers


def test_an_ablation_is_checked_with_the_networks_that_it_lacks(weights: Path, tmp_path: Path) -> None:
    ablation = tmp_path / "ablation"
    ablation.mkdir()
    for ending in (".safetensors", ".json"):
        (weights / "mapping").with_suffix(ending).rename((ablation / "mapping").with_suffix(ending))
    assert find_weights("compact", ablation, lacking=weights).tiers
    with pytest.raises(WeightsError, match="was trained with the vae-old"):
        find_weights("compact", ablation, lacking=shipped("compact", "any").parent)
    assert not find_weights("compact", ablation).tiers, "without autoencoders there is nothing to compare"


def test_a_mean_of_mappings_names_their_autoencoders(weights: Path, tmp_path: Path) -> None:
    settings = {"network": "mapping", "config": "compact"}
    _said(weights, settings=settings)
    earlier = write_weights(tmp_path / "earlier")
    _said(earlier, settings=settings)
    both, out = (
        [folder / "mapping.safetensors" for folder in (weights, earlier)],
        weights / "mean.safetensors",
    )
    average(both, out)
    named = {entry: read_card(both[0])[entry] for entry in AUTOENCODERS.values()}
    assert named.items() <= read_card(out).items()
    _said(earlier, vae_clean_sha256=OTHER)
    with pytest.raises(WeightsError, match="different weights of vae-clean"):
        average(both, out)


def test_weights_beside_others_are_preferred_to_the_shipped_ones(weights: Path, tmp_path: Path) -> None:
    assert (
        beside_or_shipped("compact", "vae-old", weights / "new.safetensors")
        == weights / "vae-old.safetensors"
    )
    elsewhere = beside_or_shipped("compact", "vae-old", tmp_path / "new.safetensors")
    assert elsewhere == shipped("compact", "vae-old")
