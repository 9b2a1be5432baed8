"""What flags are called, and what their values mean: for whoever shows them to people."""

from __future__ import annotations

from collections.abc import Mapping

FLAG_NAMES: Mapping[str, str] = {
    "mask-share": "Much filled in",
    "everything-masked": "Nearly all masked",
    "deep-fill": "Wide patch filled in",
    "detector-uncertainty": "Detector unsure",
    "colour-drift": "Tones drifted",
    "strong-change": "Changed strongly",
    "face-refused": "Face left alone",
    "identity-drift": "Face changed",
    "decode-warnings": "Unusual file",
    "name-conflict": "Name conflict",
    "latent-distance": "Unlike the training",
    "sample-variance": "Unsteady result",
    "faces-lost": "Face lost",
    "faces-invented": "Face made up",
    "lettering": "Lettering in the mask",
    "redone": "Done again",
}
"""Every flag that a photo can have, by its code: those of :mod:`oldphoto_core.flags`, and three without a rule."""

FLAGS_WITHOUT_VALUE = ("redone", "name-conflict", "decode-warnings")
"""Flags whose value says nothing beyond their explanation."""

FLAGS_OF_SHARES = (
    "mask-share",
    "everything-masked",
    "deep-fill",
    "detector-uncertainty",
    "strong-change",
    "identity-drift",
    "sample-variance",
)
"""Flags whose value is a share in [0, 1]."""

FLAGS_OF_COUNTS = ("face-refused", "faces-lost", "faces-invented", "lettering")
"""Flags whose value counts something."""
