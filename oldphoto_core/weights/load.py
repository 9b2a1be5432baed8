"""Build the networks that have trained weights; the others stay None and their stages off.

The latent domain lies beside them and belongs to one autoencoder: for any other it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from torch import nn

from oldphoto_core.errors import UsageError, WeightsError
from oldphoto_core.models.autoencoder import Autoencoder
from oldphoto_core.models.build import (
    CONFIGS,
    Config,
    build_autoencoder,
    build_detector,
    build_face_generator,
    build_latent_domain,
    build_mapping,
    build_tone_estimator,
)
from oldphoto_core.models.defect_unet import DefectUNet
from oldphoto_core.models.face_generator import FaceGenerator
from oldphoto_core.models.latent_domain import LatentDomain
from oldphoto_core.models.latent_mapping import LatentMapping
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.weights.store import WeightsIdentity, load_weights, read_card, shipped

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


@dataclass
class Networks:
    """The trained networks of one configuration, on the CPU in float32, and whose weights they have."""

    detector: DefectUNet | None = None
    vae_old: Autoencoder | None = None
    vae_clean: Autoencoder | None = None
    mapping: LatentMapping | None = None
    faces: FaceGenerator | None = None
    latent_domain: LatentDomain | None = None
    tone: ToneEstimator | None = None
    identities: dict[str, WeightsIdentity] = field(default_factory=dict)


def load_networks(config: Config, folder: Path | None = None, *, lacking: Path | None = None) -> Networks:
    """Load what is there of ``folder`` (default: the shipped weights of ``config``).

    ``lacking`` is a folder to take the networks from that ``folder`` lacks: an ablation is often one network.

    Raises:
        UsageError: unknown configuration.
        WeightsError: a file that does not agree with its card or its network.
    """
    if config not in CONFIGS:
        raise UsageError(f"No configuration is called {config!r}. Choose one of: {', '.join(CONFIGS)}.")
    networks = Networks()

    def trained(name: str, build: Callable[[Path], AnyNetwork]) -> AnyNetwork | None:
        path = shipped(config, name, folder)
        if not path.is_file() and lacking is not None:
            path = shipped(config, name, lacking)
        if not path.is_file():
            return None
        network = build(path)
        networks.identities[name] = load_weights(network, path)
        return network.eval().requires_grad_(False)

    networks.detector = trained("detector", lambda path: build_detector(config))
    networks.vae_old = trained("vae-old", lambda path: build_autoencoder(config))
    networks.vae_clean = trained("vae-clean", lambda path: build_autoencoder(config))
    networks.mapping = trained("mapping", lambda path: _mapping_of(config, path))
    networks.faces = trained("faces", lambda path: build_face_generator(config))
    networks.tone = trained("tone", lambda path: build_tone_estimator(config))
    if networks.vae_old is not None:
        own = folder is None or shipped(config, "vae-old", folder).is_file()
        beside = shipped(config, "latent-domain", folder if own else lacking)
        networks.latent_domain = _domain_of(config, beside, networks.identities["vae-old"])
    return networks


def _domain_of(config: Config, path: Path, vae_old: WeightsIdentity) -> LatentDomain | None:
    """Return the domain at ``path``, if there is one. Raises WeightsError if it is another autoencoder's."""
    if not path.is_file():
        return None
    if (measured_with := read_card(path).get("vae_old_sha256")) != vae_old.sha256:
        raise WeightsError(
            f"{path} was measured with the autoencoder {str(measured_with)[:12]}…, beside it lies "
            f"{vae_old.sha256[:12]}…. Measure it again with `oldphoto train latent-domain`, or remove the file."
        )
    domain = build_latent_domain(config)
    load_weights(domain, path)
    return domain.eval()


def _mapping_of(config: Config, path: Path) -> LatentMapping:
    """Return the mapping that the card describes: the one without a nonlocal block has fewer tensors."""
    settings = read_card(path).get("settings", {})
    return build_mapping(config, nonlocal_branch=bool(settings.get("nonlocal_branch", True)))
