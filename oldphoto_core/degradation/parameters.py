"""Draws of an operation's parameters: how strong each kind of global ageing is, and how that varies."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from oldphoto_core.degradation.recipe import Number

Sampler = Callable[[np.random.Generator], dict[str, Number]]
"""Draws the parameters of one operation."""


def pick(rng: np.random.Generator, *values: float) -> float:
    """Return one of ``values``."""
    return float(values[int(rng.integers(0, len(values)))])


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a uniform number, to four places."""
    return round(float(rng.uniform(low, high)), 4)


def low_biased(rng: np.random.Generator, low: float, high: float, power: float = 2.0) -> float:
    """Return a number that is mostly near ``low``."""
    return round(low + (high - low) * math.pow(rng.random(), power), 4)


def log_between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a log-uniform number, to six places."""
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 6)


def seed_blur(rng: np.random.Generator) -> dict[str, Number]:
    """The text's Gaussian blur."""
    return {"kernel": int(rng.choice([3, 5, 7])), "sigma": between(rng, 1.0, 5.0)}


def seed_shift(rng: np.random.Generator) -> dict[str, Number]:
    """The text's shift of the channels."""
    return {channel: between(rng, -20, 20) for channel in "rgb"}


def mild_blur(rng: np.random.Generator) -> dict[str, Number]:
    """A blur such as a good lens leaves."""
    return {"kernel": int(rng.choice([3, 3, 5, 7])), "sigma": low_biased(rng, 0.4, 2.0)}


def resample(rng: np.random.Generator) -> dict[str, Number]:
    """A small print, or a small scan, enlarged."""
    filters = {"down": int(rng.integers(0, 3)), "up": int(rng.integers(0, 2))}
    return {"factor": between(rng, 0.5, 0.95), **filters}


def fade(rng: np.random.Generator) -> dict[str, Number]:
    """Lost blacks and greyed whites."""
    levels = {"black": low_biased(rng, 0.0, 0.3), "white": 1.0 - low_biased(rng, 0.0, 0.2)}
    return {**levels, "gamma": log_between(rng, 0.75, 1.4)}


def harden(rng: np.random.Generator) -> dict[str, Number]:
    """Hard paper or a hard reproduction."""
    return {"gain": between(rng, 1.05, 1.4), "pivot": between(rng, 0.35, 0.65)}


def uneven(rng: np.random.Generator) -> dict[str, Number]:
    """Fading in clouds, mostly towards light."""
    level = between(rng, 0.6, 1.0) if rng.random() < 0.7 else between(rng, 0.0, 0.3)
    return {"cells": int(rng.integers(1, 5)), "strength": low_biased(rng, 0.08, 0.5), "level": level}


def vignette(rng: np.random.Generator) -> dict[str, Number]:
    """Dark corners, or (a third) faded borders."""
    level = between(rng, 0.0, 0.15) if rng.random() < 0.7 else between(rng, 0.8, 1.0)
    centre = {"x": between(rng, 0.35, 0.65), "y": between(rng, 0.35, 0.65)}
    return {
        **centre,
        "power": between(rng, 1.0, 3.0),
        "strength": low_biased(rng, 0.1, 0.75),
        "level": level,
    }


def halftone(rng: np.random.Generator) -> dict[str, Number]:
    """A book plate's screen."""
    turn = {"angle": pick(rng, 0.0, 0.26, 0.785, 1.31), "phase": between(rng, 0, 6)}
    return {
        "period": between(rng, 2.2, 5.0),
        **turn,
        "hardness": between(rng, 4, 14),
        "strength": low_biased(rng, 0.1, 0.5),
    }


def silver(rng: np.random.Generator) -> dict[str, Number]:
    """Silver mirroring, from faint to strong."""
    return {"power": between(rng, 2, 6), "strength": between(rng, 0.2, 0.8)}
