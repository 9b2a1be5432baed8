"""What speaks against trusting the networks with a photo, of a bounded part of it."""

from __future__ import annotations

from oldphoto_core.latent.draws import sample_deviation
from oldphoto_core.latent.strangeness import latent_distance
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.raster import Raster


def doubts(translator: LatentTranslator, pixels: Raster, mask: Raster) -> dict[str, float]:
    """Return ``latent_distance`` (`latent.strangeness`) and ``sample_deviation`` (`latent.draws`).

    A photo too narrow for one of them lacks it, and so does a translator without a domain the first.

    Args:
        translator: the networks.
        pixels: the photo as stored.
        mask: the dilated mask, ``H×W`` bool.
    """
    encoder, domain, link = translator.old.encoder, translator.domain, translator.link
    distance = None
    if domain is not None:
        distance = link.launched(lambda: latent_distance(encoder, domain, pixels, link.device, link.workers))
    measured = {"latent_distance": distance, "sample_deviation": sample_deviation(translator, pixels, mask)}
    return {name: value for name, value in measured.items() if value is not None}
