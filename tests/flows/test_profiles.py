from __future__ import annotations

import pytest

from flows.profiles import PROFILES, highest_allowed, profile_named, tier_named
from oldphoto_core.errors import UsageError
from oldphoto_core.photo import Tier

ALL = (Tier.CONSERVED, Tier.RESTORED, Tier.ENHANCED)


@pytest.mark.parametrize("wanted", ALL)
def test_nobody_gets_more_than_was_asked_for(wanted: Tier) -> None:
    assert highest_allowed(wanted, PROFILES["archive"], ALL) == wanted


@pytest.mark.parametrize("wanted", ALL)
def test_conservation_never_goes_beyond_filling_damage(wanted: Tier) -> None:
    assert highest_allowed(wanted, PROFILES["conservation"], ALL) == Tier.CONSERVED


def test_missing_weights_lower_the_tier() -> None:
    assert highest_allowed(Tier.ENHANCED, PROFILES["archive"], ALL[:2]) == Tier.RESTORED
    assert highest_allowed(Tier.CONSERVED, PROFILES["archive"], (Tier.RESTORED,)) is None


def test_unknown_names_are_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="archive, tones-as-scanned, conservation"):
        profile_named("museum")
    with pytest.raises(UsageError, match="conserved, restored, enhanced"):
        tier_named("perfect")


def test_only_the_archive_profile_gives_tones_back() -> None:
    strengths = {
        name: (profile.settings.fading_strength, profile.settings.tone_strength)
        for name, profile in PROFILES.items()
    }
    assert strengths == {"archive": (1, 1), "tones-as-scanned": (0, 0), "conservation": (0, 0)}
