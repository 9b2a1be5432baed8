"""A photo on its way through the networks: what all of its tiles have in common, whoever feeds them."""

from __future__ import annotations

from dataclasses import dataclass

from oldphoto_core.latent.tone_correction import ToneCorrection
from oldphoto_core.latent.translator import LatentTranslator
from oldphoto_core.raster import Raster


@dataclass(frozen=True)
class Passage:
    """One photo and what it goes through.

    Attributes:
        translator: the networks.
        strength: how much of the translation is applied outside the mask, in [0, 1].
        pixels: the photo as stored.
        mask: the dilated mask, ``H×W`` bool.
        correction: of the photo's tones, made before the networks see it.
    """

    translator: LatentTranslator
    strength: float
    pixels: Raster
    mask: Raster
    correction: ToneCorrection
