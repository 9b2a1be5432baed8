"""How bold the detector may be on a photo: its thresholds follow how much damage the photo seems to have.

The same log-odds mean less in a sound photo than in one full of cracks: by Bayes' rule a classifier's log-odds move
with those of the prior (Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori
probabilities", Neural Computation 14, 2002). They estimate the new prior by expectation maximisation from the
outputs themselves. On a single photo that estimate is all or nothing (decision 0018); here the share of pixels that
are plainly suspected stands for the prior, and the thresholds move, in log-odds, with its logarithm and between two
bounds.

Law: thresholds never rise as the share rises, and are those of the settings below ``sparse_share``. The share is a
count, so that a photo may be counted band by band.
"""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import numpy as np

from oldphoto_core.photo import Probability
from oldphoto_core.settings import RestoreSettings


def suspected_pixels(probability: Probability, settings: RestoreSettings) -> int:
    """Return how many pixels are plainly suspected; counts of parts of a photo add up to that of all."""
    return int(np.count_nonzero(probability >= settings.suspected_probability))


def adjusted(settings: RestoreSettings, suspected: int, pixels: int) -> RestoreSettings:
    """Return the settings with the thresholds of a photo of so many pixels, ``suspected`` of them.

    Up to ``sparse_share`` the thresholds stay, from ``dense_share`` all are ``dense_probability``; between, each is
    a part of the way there. None is ever raised.
    """
    shift = _boldness(suspected / max(pixels, 1), settings.sparse_share, settings.dense_share)
    if shift <= 0:
        return settings
    bold = settings.dense_probability
    return replace(
        settings,
        seed_probability=_lowered(settings.seed_probability, bold, shift),
        grow_probability=_lowered(settings.grow_probability, bold, shift),
        line_probability=_lowered(settings.line_probability, bold, shift),
        broad_probability=_lowered(settings.broad_probability, bold, shift),
    )


def _boldness(share: float, sparse: float, dense: float) -> float:
    """Return how far between the bounds the logarithm of ``share`` lies, in [0, 1]."""
    if share <= sparse:
        return 0.0
    if share >= dense:
        return 1.0
    return log(share / sparse) / log(dense / sparse)


def _lowered(probability: float, bold: float, part: float) -> float:
    """Return ``probability`` moved a part of the way down to ``bold``, in log-odds."""
    if probability <= bold or part >= 1:
        return min(probability, bold)
    odds = (1 - part) * _log_odds(probability) + part * _log_odds(bold)
    return 1 / (1 + exp(-odds))


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return log(inside / (1 - inside))
