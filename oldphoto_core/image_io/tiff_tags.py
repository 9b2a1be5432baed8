"""A TIFF page's tags: orientation, resolution, profile, XMP, and an EXIF block made of its descriptions.

A TIFF keeps descriptions among the tags that place its strips, so its own EXIF cannot be copied as it is.
"""

from __future__ import annotations

from typing import Any

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational
from tifffile import TiffPage

from oldphoto_core.image_io.metadata import resolution

_TEXT_TAGS = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)
_ORIENTATION, _X, _Y, _UNIT, _XMP, _IPTC, _ICC, _EXIF, _GPS = (
    274,
    282,
    283,
    296,
    700,
    33723,
    34675,
    34665,
    34853,
)
_MAX_TEXT = 4000
_IDS = {name: number for number, name in (*ExifTags.TAGS.items(), *ExifTags.GPSTAGS.items())}
_GPS_IDS = {name: number for number, name in ExifTags.GPSTAGS.items()}


def page_orientation(page: TiffPage) -> tuple[int, str | None]:
    """Return the orientation 1–8, and a warning where the tag holds something else."""
    value = _value(page, _ORIENTATION, 1)
    if isinstance(value, int) and 1 <= value <= 8:
        return int(value), None
    return 1, f"the orientation tag is {value!s:.40}, not 1 to 8; the picture is taken as upright"


def page_resolution(page: TiffPage) -> tuple[float, float] | None:
    """Return (x, y) in dots per inch; None where the file gives no unit."""
    unit = _value(page, _UNIT, 2)
    if unit not in (2, 3):
        return None
    return resolution(
        _ratio(_value(page, _X, None)), _ratio(_value(page, _Y, None)), per_centimetre=unit == 3
    )


def page_blocks(page: TiffPage) -> dict[str, bytes | None]:
    """Return the binary blocks by name: ``icc``, ``xmp``, ``iptc``."""
    return {
        name: _bytes(_value(page, tag, None)) for name, tag in (("icc", _ICC), ("xmp", _XMP), ("iptc", _IPTC))
    }


def exif_block(page: TiffPage, orientation: int) -> bytes | None:
    """Return an EXIF block (a TIFF structure) of the page's descriptive, EXIF and GPS tags."""
    exif = Image.Exif()
    for tag in _TEXT_TAGS:
        text = _value(page, tag, None)
        if isinstance(text, str) and text.strip("\0 "):
            # As bytes, because Pillow would replace what is not ASCII by question marks.
            exif[tag] = text.strip("\0")[:_MAX_TEXT].encode("utf-8", errors="replace")
    for tag, names in ((_EXIF, _IDS), (_GPS, _GPS_IDS)):
        values = _value(page, tag, None)
        if isinstance(values, dict):
            exif.get_ifd(tag).update(_plain(values, names))
    if not any(True for _ in exif) and orientation == 1:
        return None
    exif[_ORIENTATION] = orientation
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _plain(values: dict[str, Any], names: dict[str, int]) -> dict[int, Any]:
    """Keep text, whole numbers and ratios; leave out the maker's notes and other opaque bytes."""
    kept: dict[int, Any] = {}
    for name, value in values.items():
        number = names.get(name)
        if number is None:
            continue
        if isinstance(value, str) and value:
            kept[number] = value[:_MAX_TEXT]
        elif isinstance(value, int) and 0 <= value < 2**16:
            kept[number] = int(value)
        elif isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, int) for v in value):
            kept[number] = IFDRational(value[0], value[1])
    return kept


def _value(page: TiffPage, tag: int, otherwise: Any) -> Any:
    found = page.tags.get(tag)
    return otherwise if found is None else found.value


def _ratio(value: Any) -> float | None:
    if isinstance(value, tuple) and len(value) == 2 and value[1]:
        return float(value[0] / value[1])
    return float(value) if isinstance(value, int | float) else None


def _bytes(value: Any) -> bytes | None:
    """Return tifffile's value as bytes; it gives numbers where a writer chose another type."""
    if isinstance(value, bytes):
        return value or None
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace") or None
    if isinstance(value, tuple) and value and all(isinstance(v, int) and 0 <= v < 256 for v in value):
        return bytes(value)
    return None
