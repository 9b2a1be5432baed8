"""Restoration profiles: named decisions about how far an archive lets its photographs be changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from oldphoto_core.errors import UsageError
from oldphoto_core.photo import Tier
from oldphoto_core.settings import RestoreSettings

TIER_ORDER = (Tier.CONSERVED, Tier.RESTORED, Tier.ENHANCED)
"""From the least to the most that is changed."""


@dataclass(frozen=True)
class Profile:
    """``highest`` caps the tier that may be made; ``settings`` are the restorer's."""

    name: str
    purpose: str
    highest: Tier
    settings: RestoreSettings = field(default_factory=RestoreSettings)


_TONES_AS_SCANNED = RestoreSettings(fading_strength=0.0, tone_strength=0.0)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "archive", "everything that the weights allow, each tier flagged and reviewable", Tier.ENHANCED
        ),
        Profile(
            "tones-as-scanned",
            "as archive, but faded or shifted tones stay as they are",
            Tier.ENHANCED,
            _TONES_AS_SCANNED,
        ),
        Profile(
            "conservation",
            "fills damage only; every other pixel stays as it was scanned",
            Tier.CONSERVED,
            _TONES_AS_SCANNED,
        ),
    )
}


def profile_named(name: str) -> Profile:
    """Return a profile.

    Raises:
        UsageError: no profile has this name.
    """
    if name not in PROFILES:
        raise UsageError(f"No profile is called {name!r}. Choose one of: {', '.join(PROFILES)}.")
    return PROFILES[name]


def tier_named(name: str) -> Tier:
    """Return a tier.

    Raises:
        UsageError: no tier has this name.
    """
    try:
        return Tier(name)
    except ValueError:
        names = ", ".join(tier.value for tier in TIER_ORDER)
        raise UsageError(f"No tier is called {name!r}. Choose one of: {names}.") from None


def highest_allowed(wanted: Tier, profile: Profile, available: tuple[Tier, ...]) -> Tier | None:
    """Return the highest tier that was asked for, that the profile allows and that the weights can make.

    None when the weights can make no tier that is low enough.
    """
    cap = min(TIER_ORDER.index(wanted), TIER_ORDER.index(profile.highest))
    possible = [tier for tier in TIER_ORDER[: cap + 1] if tier in available]
    return possible[-1] if possible else None
