"""Which networks have trained weights here: known from their cards, before any network is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.photo import Tier
from oldphoto_core.settings import Config, check_config
from oldphoto_core.weights.cards import (
    AUTOENCODERS,
    FACE_DETECTOR,
    WeightsIdentity,
    checked_card,
    read_card,
    shipped,
    yunet_model,
)

NETWORKS = ("detector", "vae-old", "vae-clean", "mapping", "faces", "tone", "fading", FACE_DETECTOR)
REQUIRED = ("detector", "vae-old", "vae-clean", "mapping")
"""Without one of these nothing can be restored; a stage of the others is off where its network is not there."""


@dataclass(frozen=True)
class InstalledWeights:
    """The weights that are there.

    Attributes:
        config: the configuration that they are of.
        paths: where each network's file lies.
        identities: what each network's card says; the bytes are those that it describes.
        latent_domain: the file that was measured with this ``vae-old``, if there is one.
    """

    config: Config
    paths: Mapping[str, Path]
    identities: Mapping[str, WeightsIdentity]
    latent_domain: Path | None = None

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The tiers that can be made with them, lowest first."""
        return tiers_with(self.identities)


def tiers_with(networks: Iterable[str]) -> tuple[Tier, ...]:
    """Return the tiers that can be made with trained weights for ``networks``, lowest first."""
    there = set(networks)
    if not there.issuperset(REQUIRED):
        return ()
    faces = (Tier.ENHANCED,) if "faces" in there else ()
    return (Tier.CONSERVED, Tier.RESTORED, *faces)


def find_weights(
    config: Config, folder: Path | None = None, *, lacking: Path | None = None
) -> InstalledWeights:
    """Find what is there in ``folder`` (default: the shipped weights of ``config``).

    ``lacking`` is a folder to take the networks from that ``folder`` lacks: an ablation is often one network.

    Raises:
        UsageError: unknown configuration, or ``folder`` is none.
        WeightsError: a file that does not agree with its card, is of another configuration, or belongs to another
            autoencoder than the one that was found.
    """
    check_config(config)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of weights. Leave it out to use the shipped ones.")
    paths: dict[str, Path] = {}
    for name in NETWORKS:
        places = [shipped(config, name, place) for place in _folders(folder, lacking)]
        if name == FACE_DETECTOR:
            places = _face_detectors(folder, lacking)
        if found := next((path for path in places if path.is_file()), None):
            paths[name] = found
    identities = {name: _identity(path, config) for name, path in paths.items()}
    if "mapping" in paths:
        _check_mapping(paths, identities)
    domain = None
    if "vae-old" in paths:
        own = folder is None or paths["vae-old"].parent == folder
        domain = _domain(shipped(config, "latent-domain", folder if own else lacking), identities["vae-old"])
    return InstalledWeights(config, MappingProxyType(paths), MappingProxyType(identities), domain)


def _folders(folder: Path | None, lacking: Path | None) -> tuple[Path | None, ...]:
    return (folder,) if lacking is None else (folder, lacking)


def _face_detectors(folder: Path | None, lacking: Path | None) -> list[Path]:
    """Return where what finds the faces may lie, the first that is there counts.

    A YuNet model goes before a network of ours. It goes with any configuration: where no folder has one, the shipped
    one finds the faces.
    """
    named = [place for place in _folders(folder, lacking) if place is not None]
    places = [path for place in named for path in (yunet_model(place), shipped("", FACE_DETECTOR, place))]
    return [*places, shipped("compact", FACE_DETECTOR)]


def _identity(path: Path, config: Config) -> WeightsIdentity:
    card = checked_card(path)
    made_for = card.get("settings", {}).get("config", config)
    if path.stem == FACE_DETECTOR:
        made_for = config
    if made_for != config:
        raise WeightsError(
            f"{path} does not fit: it is of the configuration {made_for}, asked for is {config}. "
            "Name the right --config."
        )
    return WeightsIdentity.of(card)


def _check_mapping(paths: Mapping[str, Path], identities: Mapping[str, WeightsIdentity]) -> None:
    """Raise WeightsError if the mapping was trained between other autoencoders: it would make photos worse.

    Earlier cards do not say between which: they pass.
    """
    card = read_card(paths["mapping"])
    for network, entry in AUTOENCODERS.items():
        if entry not in card or network not in identities:
            continue
        if (found := identities[network].sha256) != card[entry]:
            raise WeightsError(
                f"{paths['mapping']} was trained with the {network} {str(card[entry])[:12]}…; {paths[network]} is "
                f"{found[:12]}…. Put the autoencoders that it was trained with beside it, or train it again with "
                "`oldphoto train mapping`."
            )


def _domain(path: Path, vae_old: WeightsIdentity) -> Path | None:
    """Return ``path`` if there is a domain. Raises WeightsError if it is another autoencoder's."""
    if not path.is_file():
        return None
    if (measured_with := read_card(path).get("vae_old_sha256")) != vae_old.sha256:
        raise WeightsError(
            f"{path} was measured with the autoencoder {str(measured_with)[:12]}…, beside it lies "
            f"{vae_old.sha256[:12]}…. Measure it again with `oldphoto train latent-domain`, or remove the file."
        )
    return path
