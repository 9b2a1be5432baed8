"""What speaks against trusting the networks with a photo, of a bounded part of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oldphoto_core.latent.draws import sample_deviation
from oldphoto_core.latent.strangeness import latent_distance
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.raster import Raster


def doubts(
    translator: LatentTranslator,
    pixels: Raster,
    mask: Raster,
    seen: NDArray[np.float32] | None,
    *,
    fill_only: bool = False,
) -> dict[str, float]:
    """Return ``latent_distance`` (`latent.strangeness`) and ``sample_deviation`` (`latent.draws`).

    A photo too narrow for one of them lacks it, and so does a translator without a domain the first.

    Args:
        translator: the networks.
        pixels: the photo as stored.
        mask: the dilated mask, ``H×W`` bool.
        seen: the photo's overview (`latent.overview`); None if it is too narrow for one.
        fill_only: only what is masked will be changed; then the second is not taken, because its squares lie
            anywhere in the photo, most of them where it stays as it is.
    """
    encoder, domain, link = translator.old.encoder, translator.domain, translator.link
    measured = {}
    if domain is not None and seen is not None:
        measured["latent_distance"] = link.launched(
            lambda: latent_distance(encoder, domain, seen, link.device)
        )
    if not fill_only and (deviation := sample_deviation(translator, pixels, mask)) is not None:
        measured["sample_deviation"] = deviation
    return measured
