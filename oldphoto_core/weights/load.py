"""Build the networks that have trained weights; the others stay None and their stages off.

The latent domain lies beside them and belongs to one autoencoder: for any other it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from torch import nn

from oldphoto_core.models.autoencoder import Autoencoder
from oldphoto_core.models.build import (
    build_autoencoder,
    build_detector,
    build_face_finder,
    build_face_generator,
    build_fading_estimator,
    build_latent_domain,
    build_mapping,
    build_tone_estimator,
)
from oldphoto_core.models.defect_unet import DefectUNet
from oldphoto_core.models.face_finder import FaceFinder
from oldphoto_core.models.face_generator import FaceGenerator
from oldphoto_core.models.fading_estimator import FadingEstimator
from oldphoto_core.models.latent_domain import LatentDomain
from oldphoto_core.models.latent_mapping import LatentMapping
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.settings import Config
from oldphoto_core.weights.cards import FACE_DETECTOR, WeightsIdentity, read_card
from oldphoto_core.weights.installed import find_weights
from oldphoto_core.weights.store import load_weights

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


@dataclass
class Networks:
    """The trained networks of one configuration, on the CPU in float32, and whose weights they have.

    ``face_detector`` is our network, or where a YuNet model lies: OpenCV runs it.
    """

    detector: DefectUNet | None = None
    vae_old: Autoencoder | None = None
    vae_clean: Autoencoder | None = None
    mapping: LatentMapping | None = None
    faces: FaceGenerator | None = None
    latent_domain: LatentDomain | None = None
    tone: ToneEstimator | None = None
    fading: FadingEstimator | None = None
    face_detector: FaceFinder | Path | None = None
    identities: Mapping[str, WeightsIdentity] = field(default_factory=dict)


def load_networks(config: Config, folder: Path | None = None, *, lacking: Path | None = None) -> Networks:
    """Load what `find_weights` finds.

    Raises:
        UsageError: unknown configuration.
        WeightsError: a file that does not agree with its card or its network.
    """
    found = find_weights(config, folder, lacking=lacking)

    def trained(name: str, build: Callable[[Path], AnyNetwork]) -> AnyNetwork | None:
        path = found.paths.get(name)
        if path is None:
            return None
        network = build(path)
        load_weights(network, path)
        return network.eval().requires_grad_(False)

    networks = Networks(identities=found.identities)
    networks.detector = trained("detector", lambda path: build_detector(config))
    networks.vae_old = trained("vae-old", lambda path: build_autoencoder(config))
    networks.vae_clean = trained("vae-clean", lambda path: build_autoencoder(config))
    networks.mapping = trained("mapping", lambda path: _mapping_of(config, path))
    networks.faces = trained("faces", lambda path: build_face_generator(config))
    networks.tone = trained("tone", lambda path: build_tone_estimator(config))
    networks.fading = trained("fading", lambda path: build_fading_estimator(config))
    if (model := found.paths.get(FACE_DETECTOR)) is not None and model.suffix == ".onnx":
        networks.face_detector = model
    else:
        networks.face_detector = trained(FACE_DETECTOR, lambda path: build_face_finder(config))
    if found.latent_domain is not None:
        domain = build_latent_domain(config)
        load_weights(domain, found.latent_domain)
        networks.latent_domain = domain.eval()
    return networks


def _mapping_of(config: Config, path: Path) -> LatentMapping:
    """Return the mapping that the card describes: the one without a nonlocal block has fewer tensors."""
    settings = read_card(path).get("settings", {})
    return build_mapping(config, nonlocal_branch=bool(settings.get("nonlocal_branch", True)))
