"""Numbers, times and codes in the words of a curator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from oldphoto_core.flag_words import FLAG_NAMES, FLAGS_OF_SHARES

DECISION_NAMES: Mapping[str, str] = {
    "undecided": "Undecided",
    "replaced": "Replaced",
    "approve": "Approved",
    "reject": "Rejected",
    "redo": "To be redone",
    "undo": "Undone",
}
TIER_NAMES: Mapping[str, str] = {"conserved": "Conserved", "restored": "Restored", "enhanced": "Enhanced"}
MEASUREMENT_NAMES: Mapping[str, tuple[str, str]] = {
    "megapixels": ("Size", "MP"),
    "mask_share": ("Taken for damage", "%"),
    "mask_components": ("Separate defects", ""),
    "uncertain_share": ("Detector unsure", "%"),
    "fill_depth": ("Deepest fill, of the longer side", "%"),
    "mean_change": ("Mean change", "%"),
    "colour_drift": ("Colour drift outside damage", "ΔE"),
    "faces_found": ("Faces found", ""),
    "faces_enhanced": ("Faces refined", ""),
    "faces_refused": ("Faces left alone", ""),
    "face_drift_max": ("Largest face drift", "%"),
    "faces_lost": ("Faces lost", ""),
    "faces_invented": ("Faces made up", ""),
    "lettering": ("Letters in the mask, about", ""),
    "latent_distance": ("Distance from the training (usual: 0.5)", ""),
    "sample_deviation": ("Unsteadiness of the result", "%"),
    "fading": ("Range of tones given back", "%"),
    "tone_shift": ("Tone given back, largest channel", "%"),
}
"""Measurements → (words, unit); ``%`` marks shares in [0, 1]."""

EVENT_NAMES: Mapping[str, str] = {
    "ingestion": "Taken in",
    "message digest calculation": "Digest calculated",
    "validation": "File examined",
    "fixity check": "Fixity checked",
    "modification": "Changed",
    "creation": "Derivatives made",
    "quarantine": "Quarantined",
    "unquarantine": "Released from quarantine",
    "appraisal": "Decided",
    "recovery": "Recovered",
}


def flag_name(code: str) -> str:
    """Return a flag's short name: ``mask-share`` → ``Much filled in``."""
    return FLAG_NAMES.get(code, code.replace("-", " ").replace("_", " ").capitalize())


def decision_name(decision: str) -> str:
    """Return a decision in words."""
    return DECISION_NAMES.get(str(decision), str(decision))


def tier_name(tier: str | None) -> str:
    """Return a tier's name."""
    return TIER_NAMES.get(tier or "", (tier or "Restored").capitalize())


def event_name(kind: str) -> str:
    """Return a PREMIS event type in plain words."""
    return EVENT_NAMES.get(kind, kind.capitalize())


def measurement_name(name: str) -> str:
    """Return what a measurement says."""
    known = MEASUREMENT_NAMES.get(name)
    return known[0] if known else name.replace("_", " ").replace("-", " ").capitalize()


def measurement_value(value: float, name: str) -> str:
    """Return a measured value with its unit: shares as percentages."""
    unit = MEASUREMENT_NAMES.get(name, ("", ""))[1]
    if unit == "%":
        return f"{percent(value)}"
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"
    return f"{number} {unit}".strip()


def flag_value(value: float | None, code: str) -> str:
    """Return a flag's value or threshold as a curator reads it."""
    if value is None:
        return "–"
    if code in FLAGS_OF_SHARES:
        return percent(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"


def percent(value: float) -> str:
    """Return a share in [0, 1] as a percentage with a sensible number of digits."""
    shown = value * 100
    if 0 < shown < 0.01:
        return "< 0.01 %"
    return (
        f"{shown:.0f} %"
        if shown >= 10
        else f"{shown:.1f} %"
        if shown >= 0.1 or shown == 0
        else f"{shown:.2f} %"
    )


def size(number: int | None) -> str:
    """Return a number of bytes: ``3.4 MB``."""
    if number is None:
        return "–"
    amount, unit = float(number), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"


def when(moment: datetime | None) -> str:
    """Return a time for the eye: ``3 Apr 2026, 14:05`` (UTC)."""
    return f"{moment.astimezone(UTC):%-d %b %Y, %H:%M}" if moment else "–"


def machine_time(moment: datetime | None) -> str:
    """Return a time for a ``datetime`` attribute."""
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""


def count(number: int) -> str:
    """Return a number with thin groups: ``12 345``."""
    return f"{number:,}".replace(",", "\u2009")


def file_name(key: str) -> str:
    """Return the last part of a key."""
    return key.rpartition("/")[2] or key


def folder_name(key: str) -> str:
    """Return a key without its last part; empty at the top."""
    return key.rpartition("/")[0]


FILTERS: Mapping[str, Callable[..., Any]] = {
    "flag_name": flag_name,
    "decision_name": decision_name,
    "tier_name": tier_name,
    "event_name": event_name,
    "measurement_name": measurement_name,
    "measurement_value": measurement_value,
    "flag_value": flag_value,
    "percent": percent,
    "size": size,
    "when": when,
    "machine_time": machine_time,
    "count_words": count,
    "file_name": file_name,
    "folder_name": folder_name,
}
