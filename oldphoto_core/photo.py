"""What travels between the stages: a photo's pixels and what was found out about them.

Array contracts used throughout:

* pixels: ``H×W`` (grey) or ``H×W×3`` (RGB), ``uint8`` or ``uint16``;
* probability: ``H×W`` ``float32`` in [0, 1];
* mask: ``H×W`` ``bool``, ``True`` = repair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Probability = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Tier(StrEnum):
    """How far a photo was restored; each tier is a derivative of its own."""

    CONSERVED = "conserved"
    """Only defects are filled: pixels outside the dilated mask are bit-identical to the original."""
    RESTORED = "restored"
    """The full latent translation."""
    ENHANCED = "enhanced"
    """Restored, and faces refined."""


class Outcome(StrEnum):
    """What became of one input. Every input ends in exactly one of these."""

    DONE = "done"
    SKIPPED = "skipped"
    """Looked at and found to need nothing."""
    QUARANTINED = "quarantined"
    """The file itself cannot be processed (unreadable, unsupported, oversized, kills its worker)."""
    FAILED = "failed"
    """Our side failed; a later run tries again."""


class Severity(StrEnum):
    """How much a flag should worry a curator."""

    NOTICE = "notice"
    WARNING = "warning"
    SERIOUS = "serious"


@dataclass(frozen=True)
class Flag:
    """One reason to look at a result: a measured value that crossed a threshold.

    ``explanation`` is a sentence for a curator; ``rule_version`` changes whenever the rule's meaning does.
    """

    code: str
    severity: Severity
    value: float
    threshold: float
    rule_version: int
    explanation: str


@dataclass(frozen=True)
class Face:
    """A face found in the photo.

    ``box`` is (x, y, width, height) in pixels; ``landmarks`` five (x, y) points (eyes, nose, mouth corners);
    ``drift`` the landmark drift after enhancement as a share of the eye distance (None where not enhanced);
    ``applied`` whether the enhanced crop was blended in.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...] = ()
    drift: float | None = None
    applied: bool = False


@dataclass(frozen=True)
class DefectDetection:
    """Where the detector sees damage: ``H×W`` probability and the hysteresis mask made of it.

    ``drawn`` says that a person drew the mask, and means each pixel of it.
    """

    probability: Probability
    mask: Mask
    drawn: bool = False

    @property
    def coverage(self) -> float:
        """Share of the photo that is masked, in [0, 1]."""
        return int(np.count_nonzero(self.mask)) / self.mask.size if self.mask.size else 0.0


@dataclass(frozen=True)
class RestorationResult:
    """Everything that restoring one photo produced.

    ``image`` is the highest tier made; it has exactly the input's height, width, channels and dtype.
    ``tiers`` holds every tier made, by name. ``needed`` is False when the photo needed nothing
    (then ``image`` is the input itself and ``tiers`` is empty).
    """

    image: Pixels
    tier: Tier | None
    tiers: dict[Tier, Pixels]
    defect_probability: Probability
    defect_mask: Mask
    faces: tuple[Face, ...] = ()
    flags: tuple[Flag, ...] = ()
    measurements: dict[str, float] = field(default_factory=dict)
    needed: bool = True


@dataclass(frozen=True)
class PhotoHeader:
    """What the file says about itself, before its pixels are decoded.

    ``bit_depth`` is per channel (1, 8, 16, 32); ``channels`` counts colour channels and alpha as stored;
    ``orientation`` is the EXIF value 1–8. ``exif`` holds printable tag → value strings and is JSON-safe.
    ``png_chunks`` are statements (kind, content) about colours and texts that a PNG says in the same words.
    ``warnings`` are things a curator should know (mixed profiles, several pages, dubious tags).
    """

    format: str
    width: int
    height: int
    bit_depth: int
    channels: int
    mode: str
    pages: int = 1
    orientation: int = 1
    has_alpha: bool = False
    dpi: tuple[float, float] | None = None
    icc_profile: bytes | None = None
    icc_description: str | None = None
    exif_block: bytes | None = None
    xmp_block: bytes | None = None
    iptc_block: bytes | None = None
    png_chunks: tuple[tuple[bytes, bytes], ...] = ()
    exif: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return the JSON-safe part: everything but the binary blocks."""
        return {
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "bit_depth": self.bit_depth,
            "channels": self.channels,
            "mode": self.mode,
            "pages": self.pages,
            "orientation": self.orientation,
            "has_alpha": self.has_alpha,
            "dpi": list(self.dpi) if self.dpi else None,
            "icc_description": self.icc_description,
            "exif": self.exif,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class DecodedPhoto:
    """A decoded photo: pixels as stored (orientation not applied), alpha apart, and the header."""

    pixels: Pixels
    header: PhotoHeader
    alpha: Pixels | None = None
    warnings: tuple[str, ...] = ()
