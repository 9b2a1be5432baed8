"""Give a faded photo its blacks and whites back, before it is translated: one pair of levels for the whole photo.

A print that has faded, or a plate printed grey on cream, has no black and no white any more. To networks that see a
few dozen pixels a wall in mist looks the same, so that it is decided once, for the whole photo: the
`models.fading_estimator` reads from features of the overview where black and white have gone to, and the tones
between them are spread over the full range, ``(y − black) / (white − black)``, alike in all channels.

Little is lost by it: the levels never lie inside the range of tones that the overview uses, so that none of its tones
is clipped but those of the one pixel in two hundred at either end; of the photo those of grain and screens that are
finer than the overview are, too. And doing nothing is the rule: a small loss is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from oldphoto_core.latent.tone import tone_features
from oldphoto_core.models.fading_estimator import FadingEstimator

Array = NDArray[np.float32]
LEAST_LOST = 0.08
"""Where black and white together have lost less of the full range, nothing is given back."""
MOST_LOST = 0.3
"""More than so much is given back at neither end."""
_USED = (0.005, 0.995)
"""The tones that an overview uses lie between these quantiles of its darkest and of its brightest channel."""


@dataclass(frozen=True)
class Levels:
    """Where a photo's black and white have gone to, shares of the full range."""

    black: float = 0.0
    white: float = 1.0

    @property
    def span(self) -> float:
        """How much of the full range is left, in (0, 1]."""
        return self.white - self.black


def fading_features(unit: Array) -> Array:
    """Return ``F`` features of an overview ``h×w×3`` in [0, 1]: those of `latent.tone`, the channels' mean."""
    mean: Array = tone_features(unit).mean(axis=0)
    return mean


@torch.inference_mode()
def lost_levels(estimator: FadingEstimator, seen: Array | None, strength: float = 1.0) -> Levels:
    """Return the levels to be given back to a photo; those of one that has not faded are 0 and 1.

    Args:
        estimator: trained.
        seen: the photo's overview (`latent.overview`); None for one too narrow to tell.
        strength: share of the loss that is given back, in [0, 1].
    """
    if seen is None:
        return Levels()
    lost = estimator(torch.from_numpy(fading_features(seen))[None])[0].numpy()
    return within(Levels(strength * float(lost[0]), 1 - strength * float(lost[1])), *used_range(seen))


def used_range(seen: Array) -> tuple[float, float]:
    """Return between which tones an overview ``h×w×3`` lies, all but one pixel in two hundred at either end."""
    return (
        float(np.quantile(seen.min(axis=2), _USED[0])),
        float(np.quantile(seen.max(axis=2), _USED[1])),
    )


def within(levels: Levels, darkest: float, brightest: float) -> Levels:
    """Return ``levels`` moved out of the tones that are used, and within the bounds; or none if too small."""
    black = float(np.clip(levels.black, 0, min(darkest, MOST_LOST)))
    white = float(np.clip(levels.white, max(brightest, 1 - MOST_LOST), 1))
    bounded = Levels(black, white)
    return bounded if bounded.span <= 1 - LEAST_LOST else Levels()
