"""How often and how strongly photos are aged: the two profiles, and the sampling of a recipe from one.

A recipe runs in the order in which a photograph ages: the picture itself (grey, lens, grain, print), its
tones, then the damage, then what passes over everything (the scanner's blur, grain and compression).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oldphoto_core.degradation.parameters import (
    Sampler,
    between,
    fade,
    halftone,
    harden,
    log_between,
    low_biased,
    mild_blur,
    resample,
    seed_blur,
    seed_shift,
    silver,
    uneven,
    vignette,
)
from oldphoto_core.degradation.recipe import DegradationRecipe, Number, Operation


@dataclass(frozen=True)
class DegradationProfile:
    """Named settings of the sampling; shares are probabilities in [0, 1].

    ``global_steps`` are (operator, probability, sampler of its parameters), applied in random order;
    ``damage_kinds`` are (structured operation, weight). ``damage_share`` bounds the log-uniform share of
    the picture that damage covers; ``large_hole`` is how often one of up to 15 % is torn. What shows through a hole
    is grey as often as ``grey_paper`` says and dark as often as ``dark_paper``, else pale.
    ``optics_first`` is how often blur and resampling come before all else: grain is sharper than the lens.
    """

    name: str
    identity: float
    undamaged: float
    grey: float
    toned: float
    global_steps: tuple[tuple[str, float, Sampler], ...]
    damage_kinds: tuple[tuple[str, float], ...]
    damage_share: tuple[float, float] = (0.001, 0.08)
    large_hole: float = 0.05
    grey_paper: float = 0.0
    dark_paper: float = 0.15
    optics_first: float = 0.0
    final_blur: float = 0.6
    final_grain: float = 0.6
    undamaged_grain: float = 0.0
    final_impulses: float = 0.0
    final_jpeg: float = 0.0


SEED_PROFILE = DegradationProfile(
    name="seed",
    identity=0.0,
    undamaged=0.35,
    grey=0.0,
    toned=0.0,
    global_steps=(
        ("gaussian-noise", 0.7, lambda rng: {"sigma": between(rng, 5, 50)}),
        ("gaussian-blur", 0.7, seed_blur),
        ("jpeg", 0.7, lambda rng: {"quality": int(rng.integers(40, 101))}),
        ("rgb-shift", 0.7, seed_shift),
        ("box-blur", 0.7, lambda rng: {"kernel": int(rng.choice([3, 5]))}),
    ),
    damage_kinds=(
        ("specks", 1.0), ("scratches", 1.5), ("film-lines", 0.6), ("cracks", 0.7), ("creases", 0.6),
        ("blobs", 0.6), ("hole", 1.0), ("stain", 0.4), ("film-scratches", 1.5), ("film-hair", 0.6),
        ("film-dirt", 0.7), ("film-lint", 0.4), ("film-spots", 0.5), ("film-sprinkles", 0.4),
        ("film-smut", 0.3), ("film-stain", 0.4), ("film-hairshort", 0.5), ("film-dots", 0.3),
    ),
)  # fmt: skip
"""The text's recipe (section 4.2): five unstructured operations, each dropped with 30 %, in random order."""

ARCHIVE_PROFILE = DegradationProfile(
    name="archive",
    identity=0.15,
    undamaged=0.35,
    grey=0.5,
    toned=0.3,
    global_steps=(
        ("gaussian-noise", 0.35, lambda rng: {"sigma": low_biased(rng, 2, 25)}),
        ("film-grain", 0.55, lambda rng: {"sigma": low_biased(rng, 2, 25), "size": low_biased(rng, 0.3, 1.3)}),
        ("speckle", 0.15, lambda rng: {"sigma": low_biased(rng, 3, 30)}),
        ("gaussian-blur", 0.35, mild_blur),
        ("box-blur", 0.06, lambda rng: {"kernel": 3}),
        ("resample", 0.22, resample),
        ("jpeg", 0.3, lambda rng: {"quality": int(rng.integers(40, 99))}),
        ("fade", 0.5, fade),
        ("harden", 0.3, harden),
        ("rgb-shift", 0.3, lambda rng: {channel: between(rng, -12, 12) for channel in "rgb"}),
        ("uneven-fade", 0.25, uneven),
        ("vignette", 0.25, vignette),
        ("halftone", 0.1, halftone),
        ("silver-mirror", 0.05, silver),
    ),
    damage_kinds=(
        ("specks", 4.0), ("scratches", 2.0), ("film-lines", 0.7), ("cracks", 0.7), ("creases", 0.7),
        ("blobs", 1.3), ("hole", 0.7), ("stain", 0.7), ("film-scratches", 1.0), ("film-hair", 0.6),
        ("film-dirt", 1.2), ("film-lint", 0.5), ("film-spots", 1.2), ("film-sprinkles", 0.5),
        ("film-smut", 0.6), ("film-stain", 0.4), ("film-hairshort", 0.7), ("film-dots", 0.8),
    ),
    optics_first=0.75,
    final_blur=0.35,
    final_grain=0.55,
    undamaged_grain=0.5,
    final_impulses=0.03,
    final_jpeg=0.5,
)  # fmt: skip
"""What scans of real archives look like: broader, mostly milder; half grey, many toned; 15 % untouched."""

WEAR_PROFILE = replace(
    ARCHIVE_PROFILE,
    name="wear",
    identity=0.0,
    undamaged=0.15,
    grey=0.0,
    toned=0.0,
    global_steps=(),
    undamaged_grain=0.1,
    final_grain=0.25,
    final_jpeg=0.3,
)
"""Damage alone, for photographs that time has already aged."""

HEAVY_WEAR_PROFILE = replace(
    WEAR_PROFILE,
    name="heavy wear",
    undamaged=0.0,
    damage_kinds=(
        ("scratches", 2.5), ("film-scratches", 2.0), ("cracks", 2.0), ("creases", 1.5), ("film-lines", 1.0),
        ("blobs", 1.0), ("hole", 0.7), ("specks", 1.0), ("film-hair", 0.6), ("film-dirt", 0.7),
        ("film-spots", 0.5), ("stain", 0.3),
    ),
    damage_share=(0.03, 0.25),
    large_hole=0.15,
)  # fmt: skip
"""Photographs that were folded, scratched and torn: what sparse damage does not teach."""

LOSSES_PROFILE = replace(
    WEAR_PROFILE,
    name="losses",
    undamaged=0.0,
    damage_kinds=(
        ("hole", 3.0), ("blobs", 2.0), ("film-stain", 0.5), ("film-smut", 0.5), ("stain", 0.3), ("cracks", 0.4),
        ("scratches", 0.4),
    ),
    damage_share=(0.003, 0.15),
    large_hole=0.25,
    grey_paper=0.2,
    dark_paper=0.3,
)  # fmt: skip
"""Losses, as conservators say: corners, paper and emulsion that are gone. Broad, flat, of any tone."""

PROFILES: dict[str, DegradationProfile] = {p.name: p for p in (SEED_PROFILE, ARCHIVE_PROFILE)}
"""The profiles by name."""


def sample_recipe(seed: int, profile: DegradationProfile, *, structured: bool = True) -> DegradationRecipe:
    """Draw a recipe from ``profile``; ``seed`` (≥ 0) alone decides it.

    ``structured=False`` leaves out physical damage. The photo's own ageing keeps its steps and their parameters, with
    another noise; what passes over the photo in the end is drawn as for one that has no damage.
    """
    rng = np.random.default_rng((seed, 0x01D))
    grey = rng.random() < profile.grey
    steps = [_grey_step(rng)] if grey else []
    luck = float(rng.random())
    if luck >= profile.identity:
        toning = _toning(rng, grey) if rng.random() < profile.toned else None
        # Colour may enter a grey photo's pixels only once it is toned; until then every field is mono.
        before = _global_steps(rng, profile, grey)
        damaged = luck >= max(profile.undamaged, profile.identity)
        coloured = not grey or (toning is not None and rng.random() < 0.5)
        damage = _damage_steps(rng, profile, mono=not coloured) if damaged else []
        final = _final_steps(rng, profile, grey, damaged and structured)
        tone_first = not grey or coloured
        middle = damage if structured else []
        tones = [toning] if toning else []
        steps += before + (tones + middle if tone_first else middle + tones) + final
    operations = tuple(Operation(name, params, int(rng.integers(0, 2**31 - 1))) for name, params in steps)
    return DegradationRecipe(seed=seed, profile=profile.name, operations=operations)


Step = tuple[str, dict[str, Number]]


def _grey_step(rng: np.random.Generator) -> Step:
    """Old emulsions saw blue more than red: the weights vary from orthochromatic to panchromatic."""
    red = between(rng, 0.12, 0.36)
    return "grey", {"r": red, "g": round(between(rng, 0.45, 0.6), 4)}


def _toning(rng: np.random.Generator, grey: bool) -> Step:
    """Sepia and selenium for grey photos (half of them strong), a gentle yellowing for coloured ones."""
    warm = between(rng, 0.05, 0.3 if grey else 0.2)
    dark = {"sr": round(0.5 * warm, 4), "sg": round(0.25 * warm, 4), "sb": 0.0}
    light = {"lr": 1.0, "lg": round(1.0 - 0.35 * warm, 4), "lb": round(1.0 - warm, 4)}
    strength = between(rng, 0.5, 1.0)
    return "tone", {**dark, **light, "strength": strength, "keep": 0.0 if grey else between(rng, 0.4, 1.0)}


_FIELDS = {"gaussian-noise", "film-grain", "speckle", "jpeg", "silver-mirror"}
"""Operators that have a ``mono`` parameter."""
_OPTICS = {"gaussian-blur", "box-blur", "resample"}


def _global_steps(rng: np.random.Generator, profile: DegradationProfile, grey: bool) -> list[Step]:
    chosen: list[Step] = []
    mono_grain = grey or rng.random() < 0.5
    for name, probability, sampler in profile.global_steps:
        use, params = rng.random() < probability, sampler(rng)
        if not use or (grey and name == "rgb-shift"):
            continue
        if name in _FIELDS and profile.grey > 0:
            params["mono"] = int(grey or (mono_grain and name != "jpeg"))
        chosen.append((name, params))
    order = [chosen[i] for i in rng.permutation(len(chosen))]
    return (
        sorted(order, key=lambda step: step[0] not in _OPTICS)
        if rng.random() < profile.optics_first
        else order
    )


def _damage_steps(rng: np.random.Generator, profile: DegradationProfile, *, mono: bool) -> list[Step]:
    """Share the sampled area between one to four kinds of damage."""
    total = log_between(rng, *profile.damage_share)
    names = [name for name, _ in profile.damage_kinds]
    weights = np.array([weight for _, weight in profile.damage_kinds])
    count = int(rng.choice([1, 2, 3, 4], p=[0.3, 0.35, 0.25, 0.1]))
    kinds = rng.choice(len(names), size=count, replace=False, p=weights / weights.sum())
    shares = rng.dirichlet(np.ones(count)) * total
    steps = [
        _damage_step(rng, names[k], round(float(s), 6), profile, mono)
        for k, s in zip(kinds, shares, strict=True)
    ]
    if rng.random() < profile.large_hole:
        steps.append(_damage_step(rng, "hole", between(rng, 0.03, 0.15), profile, mono))
    return steps


def _damage_step(
    rng: np.random.Generator, name: str, share: float, profile: DegradationProfile, mono: bool
) -> Step:
    share = max(share, 0.0003)
    bent = between(rng, 0.01, 0.06) if rng.random() < 0.4 else 0.0
    if name == "hole":
        tint = _paper_tint(rng, profile, mono)
        edge = {
            "feather": low_biased(rng, 0.4, 4.0),
            "lip": between(rng, 0.3, 1.0) if rng.random() < 0.5 else 0.0,
        }
        return "damage-hole", {"share": max(share, 0.002), **tint, **edge, "elastic": bent, "mono": int(mono)}
    if name == "stain":
        ring = int(rng.random() < 0.4)
        return "damage-stain", {
            "share": max(share, 0.01), "strength": between(rng, 0.2, 0.9), "ring": ring, "mono": int(mono)
        }  # fmt: skip
    look = _look(rng, mono)
    soft = low_biased(rng, 0.3, 1.5) if rng.random() < 0.5 else 0.0
    wear = between(rng, 0.2, 0.8) if rng.random() < 0.4 else 0.0
    return f"damage-{name}", {"share": share, **look, "elastic": bent, "soft": soft, "wear": wear}


def _paper_tint(rng: np.random.Generator, profile: DegradationProfile, mono: bool) -> dict[str, Number]:
    luck = float(rng.random())
    if luck < 1 - profile.dark_paper - profile.grey_paper:
        light = between(rng, 0.7, 1.0)
    elif luck < 1 - profile.dark_paper:
        light = between(rng, 0.3, 0.7)
    else:
        light = between(rng, 0.03, 0.3)
    warm = 0.0 if mono else between(rng, 0.0, 0.15)
    return {"r": light, "g": round(light * (1 - 0.4 * warm), 4), "b": round(light * (1 - warm), 4)}


def _look(rng: np.random.Generator, mono: bool) -> dict[str, Number]:
    """Bright (the layer modes) or dark (multiply, darken) damage, of any opacity."""
    bright = rng.random() < 0.6
    mode = int(rng.choice([0, 1, 2, 5] if bright else [3, 4, 5]))
    level = between(rng, 0.65, 1.0) if bright else low_biased(rng, 0.0, 0.35)
    warm = 0.0 if mono or rng.random() < 0.6 else between(rng, 0.0, 0.25)
    tint = {"r": level, "g": round(level * (1 - 0.4 * warm), 4), "b": round(level * (1 - warm), 4)}
    return {**tint, "mode": mode, "opacity": round(1.0 - 0.7 * float(rng.random()) ** 1.5, 4)}


def _final_steps(
    rng: np.random.Generator, profile: DegradationProfile, grey: bool, damaged: bool
) -> list[Step]:
    """What passes over the damage as well, so that it does not look pasted on."""
    steps: list[Step] = []
    mono = int(grey or rng.random() < 0.5)
    if rng.random() < profile.final_blur and damaged:
        steps.append(("gaussian-blur", {"kernel": 3, "sigma": between(rng, 0.35, 0.8)}))
    if rng.random() < (profile.final_grain if damaged else profile.undamaged_grain):
        grain = {"sigma": low_biased(rng, 1, 10), "size": between(rng, 0.3, 0.8), "mono": mono}
        steps.append(("film-grain", grain))
    # Impulses come after every blur: blurred ones could not be told from dust, which the mask must hold.
    if rng.random() < profile.final_impulses:
        steps.append(("salt-and-pepper", {"share": log_between(rng, 0.0002, 0.004)}))
    if rng.random() < profile.final_jpeg:
        steps.append(("jpeg", {"quality": int(rng.integers(55, 99)), "mono": int(grey)}))
    return steps
