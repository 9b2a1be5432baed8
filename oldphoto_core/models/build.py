"""Where the networks are put together, from literal numbers: the one place that knows a configuration.

``paper`` is Table 1 exactly. ``compact`` keeps the structure (two autoencoders, a mapping with a local and
a global branch, the partial nonlocal block, fusion) and costs at most 0.4 TFLOP a megapixel with detection.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from oldphoto_core.errors import UsageError
from oldphoto_core.models.autoencoder import Autoencoder, Encoder, Generator
from oldphoto_core.models.defect_unet import DefectUNet
from oldphoto_core.models.face_finder import FaceFinder
from oldphoto_core.models.face_generator import COMPACT_WIDTHS, PAPER_WIDTHS, FaceGenerator
from oldphoto_core.models.fading_estimator import FadingEstimator
from oldphoto_core.models.latent_domain import LatentDomain
from oldphoto_core.models.latent_mapping import LatentMapping
from oldphoto_core.models.patch_discriminator import MultiScaleDiscriminator, PatchDiscriminator
from oldphoto_core.models.tone_estimator import ToneEstimator
from oldphoto_core.settings import Config, check_config


def build_autoencoder(config: Config, *, variational: bool = True) -> Autoencoder:
    """Return an untrained VAE₁ or VAE₂ (they have the same shape)."""
    if config == "paper":
        return Autoencoder(
            Encoder(stem=64, widths=(64, 64), half_blocks=0, blocks=4, norm="batch"),
            Generator(stem=64, widths=(64, 64), half_blocks=0, blocks=4, norm="batch"),
            variational=variational,
        )
    return Autoencoder(
        Encoder(stem=0, widths=(32, 48), half_blocks=1, blocks=2, norm="none"),
        Generator(stem=0, widths=(32, 48), half_blocks=1, blocks=2, norm="none"),
        variational=variational,
    )


def build_mapping(config: Config, *, nonlocal_branch: bool = True) -> LatentMapping:
    """Return an untrained latent mapping T."""
    if config == "paper":
        return LatentMapping(
            latent=64,
            widths=(128, 256, 512),
            attention=256,
            local_blocks=2,
            global_blocks=2,
            fusion_blocks=6,
            residual=False,
            norm="batch",
            nonlocal_branch=nonlocal_branch,
        )
    return LatentMapping(
        latent=48,
        widths=(96,),
        attention=48,
        local_blocks=2,
        global_blocks=2,
        fusion_blocks=4,
        residual=True,
        norm="none",
        half_scale=(160, 3),
        nonlocal_branch=nonlocal_branch,
    )


def build_detector(config: Config) -> DefectUNet:
    """Return an untrained defect detector."""
    if config == "paper":
        return DefectUNet(widths=(64, 128, 256, 512, 512), norm="batch")
    return DefectUNet(widths=(16, 32, 64, 96, 128), norm="batch")


def build_face_generator(config: Config) -> FaceGenerator:
    """Return an untrained face generator for crops of 256 pixels."""
    if config == "paper":
        return FaceGenerator(256, PAPER_WIDTHS, condition_width=128, output="tanh")
    return FaceGenerator(
        256,
        COMPACT_WIDTHS,
        condition_width=24,
        output="residual",
        cell=4,
        modulated_shortcuts=False,
        entries=True,
    )


def build_face_finder(config: Config) -> FaceFinder:
    """Return an untrained face detector; every configuration has the same."""
    return FaceFinder(widths=(32, 48, 64, 64), blocks=(1, 3, 2, 2))


def build_picture_judge(config: Config, channels: int = 3) -> MultiScaleDiscriminator:
    """Return an untrained two-scale patch discriminator of ``channels`` deep pictures."""
    return MultiScaleDiscriminator(channels, width=64 if config == "paper" else 24, layers=3, scales=2)


def build_latent_judge(config: Config) -> PatchDiscriminator:
    """Return the untrained discriminator of eq 3: latents of real old photos against those of aged ones."""
    return PatchDiscriminator(64 if config == "paper" else 48, width=64, layers=2)


def build_latent_domain(config: Config) -> LatentDomain:
    """Return an empty description of what the old photos' latents are like."""
    return LatentDomain(64 if config == "paper" else 48)


def build_tone_estimator(config: Config) -> ToneEstimator:
    """Return an untrained estimator of a photo's lost tone; every configuration has the same."""
    return ToneEstimator(features=976, width=96, members=3)


def build_fading_estimator(config: Config) -> FadingEstimator:
    """Return an untrained estimator of what a faded photo has lost; every configuration has the same."""
    return FadingEstimator(features=976, width=96, members=3)


BUILDERS: dict[str, Callable[[Config], nn.Module]] = {
    "detector": build_detector,
    "vae-old": build_autoencoder,
    "vae-clean": build_autoencoder,
    "mapping": build_mapping,
    "faces": build_face_generator,
    "face-detector": build_face_finder,
    "latent-domain": build_latent_domain,
    "tone": build_tone_estimator,
    "fading": build_fading_estimator,
}


def build(network: str, config: Config) -> nn.Module:
    """Return an untrained network by its name in the catalog; :class:`UsageError` for an unknown one."""
    if network not in BUILDERS:
        raise UsageError(f"No network is called {network!r}. Choose one of: {', '.join(BUILDERS)}.")
    check_config(config)
    return BUILDERS[network](config)
