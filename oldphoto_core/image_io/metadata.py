"""EXIF and IPTC as printable strings, orientation, and resolution: JSON-safe, bounded, never fatal.

Damaged metadata does not make a photo unreadable; it becomes a warning.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import exifread

from oldphoto_core.errors import UnreadablePhotoError
from oldphoto_core.image_io.boundary import observe, one_line
from oldphoto_core.image_io.xmp import xmp_orientation

_MAX_TAGS = 300
_MAX_BLOCK = 4_000_000
_MAX_IPTC = 400_000
_INCH, _CENTIMETRE = 2, 3
"""EXIF's units of resolution; where it names none, inches are meant."""
_SKIPPED = (
    "Thumbnail",
    "JPEGThumbnail",
    "TIFFThumbnail",
    "MakerNote",
    "EXIF MakerNote",
    "EXIF Padding",
    "Image Padding",
    "Image ExifOffset",
    "Image GPSInfo",
    "EXIF InteroperabilityOffset",
)

_IPTC_NAMES = {
    5: "ObjectName",
    25: "Keywords",
    55: "DateCreated",
    80: "By-line",
    90: "City",
    101: "Country",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    120: "Caption",
}


@dataclass(frozen=True)
class Descriptions:
    """What EXIF and IPTC say: ``tags`` by name, the ``orientation`` (1–8), EXIF's ``resolution``, and warnings."""

    tags: dict[str, str] = field(default_factory=dict)
    orientation: int = 1
    warnings: tuple[str, ...] = ()
    resolution: tuple[float, float] | None = None


def bare_exif(block: bytes | None) -> tuple[bytes | None, str | None]:
    """Return an EXIF block as the TIFF structure that it is, without the JPEG prefix; or why there is none."""
    bare = (block or b"").removeprefix(b"Exif\0\0")
    if not bare:
        return None, None
    if bare[:4] not in (b"II*\0", b"MM\0*"):
        return None, "the EXIF metadata is damaged and is not carried over"
    if len(bare) > _MAX_BLOCK:
        return None, f"the EXIF metadata is too large ({len(bare):,} bytes) and is not carried over"
    return bare, None


def bounded_iptc(records: bytes | None) -> tuple[bytes | None, str | None]:
    """Return IPTC-IIM records as they are, or why they are left out."""
    if records and len(records) > _MAX_IPTC:
        return None, f"the IPTC metadata is too large ({len(records):,} bytes) and is not carried over"
    return records or None, None


def describe(
    exif: bytes | None, iptc: bytes | None = None, xmp: bytes | None = None, *, key: str
) -> Descriptions:
    """Read an EXIF block (a TIFF structure) and an IPTC-IIM record set into strings.

    The orientation is EXIF's; where EXIF has none, XMP's.
    """
    tags: dict[str, str] = {}
    orientation, warnings, dpi = 1, [], None
    if exif:
        try:
            observed = observe(key, lambda: exifread.process_file(io.BytesIO(exif), details=False))
        except UnreadablePhotoError:
            warnings.append("the EXIF metadata is damaged and could not be read")
        else:
            warnings.extend(f"EXIF: {remark}" for remark in observed.warnings)
            tags.update(_printable(observed.value))
            orientation, remark = _orientation(observed.value)
            warnings.extend([remark] if remark else [])
            dpi = _exif_resolution(observed.value)
    if xmp and "Image Orientation" not in tags:
        orientation = xmp_orientation(xmp) or orientation
    if iptc:
        tags.update(_iptc(iptc))
    return Descriptions(tags, orientation, tuple(warnings), dpi)


def resolution(x: Any, y: Any, *, per_centimetre: bool = False) -> tuple[float, float] | None:
    """Return (x, y) in dots per inch, or None where they are not two sensible numbers."""
    factor = 2.54 if per_centimetre else 1.0
    try:
        dpi = (round(float(x) * factor, 4), round(float(y) * factor, 4))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return dpi if all(math.isfinite(d) and 1 < d <= 100_000 for d in dpi) else None


def _printable(tags: Mapping[str, Any]) -> dict[str, str]:
    chosen = {
        one_line(name): one_line(getattr(value, "printable", value))
        for name, value in sorted(tags.items())
        if not name.startswith(_SKIPPED)
    }
    kept = [(name, text) for name, text in chosen.items() if name and text]
    return dict(kept[:_MAX_TAGS])


def _orientation(tags: Mapping[str, Any]) -> tuple[int, str | None]:
    value = _first(tags, "Image Orientation", 1)
    if isinstance(value, int) and 1 <= value <= 8:
        return value, None
    return 1, f"the EXIF orientation is {one_line(value)!r}, not 1 to 8; the picture is taken as upright"


def _exif_resolution(tags: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return (x, y) in dots per inch; None where EXIF gives no two numbers, or says that they have no unit."""
    unit = _first(tags, "Image ResolutionUnit", _INCH)
    if unit not in (_INCH, _CENTIMETRE):
        return None
    x, y = (_first(tags, f"Image {axis}Resolution", None) for axis in "XY")
    return resolution(x, y, per_centimetre=unit == _CENTIMETRE)


def _first(tags: Mapping[str, Any], name: str, otherwise: Any) -> Any:
    """Return the first value of a tag."""
    values = getattr(tags.get(name), "values", [otherwise])
    return values[0] if isinstance(values, list) and values else values


def _iptc(data: bytes) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in _iptc_fields(data):
        found.setdefault(name, []).append(one_line(value.decode("utf-8", errors="replace")))
    return {f"IPTC {name}": one_line("; ".join(values)) for name, values in found.items() if any(values)}


def _iptc_fields(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the known fields of record 2 (application); stop at the first byte that is out of place."""
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        record, dataset, size = struct.unpack_from(">BBH", data, at + 1)
        if size & 0x8000 or at + 5 + size > len(data):
            return
        if record == 2 and dataset in _IPTC_NAMES:
            yield _IPTC_NAMES[dataset], data[at + 5 : at + 5 + size]
        at += 5 + size
