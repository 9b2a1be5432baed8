"""The rules that ask a curator to look: a measured value, a threshold, a version each.

A rule is data; applying the rules needs nothing but the measurements, so that thresholds can change without
restoring anything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from oldphoto_core.errors import UsageError
from oldphoto_core.photo import Flag, Severity


@dataclass(frozen=True)
class Rule:
    """Raise ``code`` when ``measurement`` is at or above ``threshold``."""

    code: str
    measurement: str
    threshold: float
    severity: Severity
    explanation: str
    version: int = 1


RULES: tuple[Rule, ...] = (
    Rule(
        "mask-share",
        "mask_share",
        0.08,
        Severity.WARNING,
        "A large part of the photo was taken for damage and filled in. Check that nothing real was painted over.",
    ),
    Rule(
        "everything-masked",
        "mask_share",
        0.95,
        Severity.SERIOUS,
        "Nearly the whole photo was taken for damage: the fill had nothing intact to go by.",
    ),
    Rule(
        "deep-fill",
        "fill_depth",
        0.02,
        Severity.NOTICE,
        "A wide patch was filled in; what its middle shows is made up. Check that it was damage.",
    ),
    Rule(
        "detector-uncertainty",
        "uncertain_share",
        0.05,
        Severity.NOTICE,
        "The detector could not decide about many places. Damage may be left, or detail may be masked.",
    ),
    Rule(
        "colour-drift",
        "colour_drift",
        6.0,
        Severity.WARNING,
        "The tones outside the damage changed visibly (mean ΔE). Compare with the original before approving.",
    ),
    Rule(
        "strong-change",
        "mean_change",
        0.06,
        Severity.NOTICE,
        "The photo was changed strongly as a whole. Check that texture and fine detail survived.",
    ),
    Rule(
        "face-refused",
        "faces_refused",
        1.0,
        Severity.NOTICE,
        "Refining a face changed the person too much, so that face was left as it was.",
    ),
    Rule(
        "identity-drift",
        "face_drift_max",
        # Beyond `CheckSettings.drift` a face is refused.
        0.05,
        Severity.WARNING,
        "A refined face moved by a visible share of its eye distance. Compare the person with the original.",
        version=2,
    ),
    Rule(
        "faces-lost",
        "faces_lost",
        1.0,
        Severity.WARNING,
        "A face that is plain in the original is not found in the result. Look whether it was painted over.",
    ),
    Rule(
        "faces-invented",
        "faces_invented",
        1.0,
        Severity.WARNING,
        "The result shows a face where the original has none to be seen. Look whether it was made up.",
    ),
    Rule(
        "lettering",
        "lettering",
        5.0,
        Severity.WARNING,
        "Marks that were filled in stand in rows like writing. Check that no caption or signature was removed.",
    ),
    Rule(
        "latent-distance",
        "latent_distance",
        0.9,
        Severity.NOTICE,
        "The picture is unlike the photographs that the networks learnt from (a drawing, a page, a negative?). "
        "They may do anything with it.",
    ),
    Rule(
        "sample-variance",
        "sample_deviation",
        0.022,
        Severity.NOTICE,
        "Restoring the same places again gave visibly different results. Trust the original where they differ.",
        version=2,
    ),
)


def with_thresholds(thresholds: Mapping[str, float]) -> tuple[Rule, ...]:
    """Return the rules of these codes with other thresholds.

    Raises:
        UsageError: no rule has such a code.
    """
    known = {rule.code: rule for rule in RULES}
    for code in thresholds:
        if code not in known:
            raise UsageError(f"There is no flag rule {code!r}. Choose one of: {', '.join(known)}.")
    return tuple(replace(known[code], threshold=value) for code, value in thresholds.items())


def assess(measurements: Mapping[str, float], rules: tuple[Rule, ...] = RULES) -> tuple[Flag, ...]:
    """Return the flags that the measurements raise; a rule whose measurement is missing raises nothing."""
    return tuple(
        Flag(rule.code, rule.severity, value, rule.threshold, rule.version, rule.explanation)
        for rule in rules
        if (value := measurements.get(rule.measurement)) is not None and value >= rule.threshold
    )
