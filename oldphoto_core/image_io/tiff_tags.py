"""A TIFF page's tags: orientation, resolution, profile, XMP, and an EXIF block made of its descriptions.

A TIFF keeps descriptions among the tags that place its strips, so its own EXIF cannot be copied as it is. Some
writers put a thumbnail first and the descriptions there; what the picture's page lacks is taken from such a page.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import ExifTags
from tifffile import TiffPage

from oldphoto_core.image_io.ifd import (
    EXIF,
    GPS,
    Directory,
    Entry,
    Structure,
    pack_block,
    read_block,
    read_directory,
)
from oldphoto_core.image_io.metadata import resolution
from oldphoto_core.image_io.png_chunks import IPTC_RESOURCE, photoshop_resource

DESCRIPTIVE = frozenset(
    {11, 269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, 36867, *range(40091, 40096)}
)
"""The tags of a page that describe the picture: texts, times, ratings, and what Windows Explorer writes."""
SOFTWARE = 305
_ORIENTATION, _X, _Y, _UNIT, _XMP, _IPTC, _PHOTOSHOP, _ICC = 274, 282, 283, 296, 700, 33723, 34377, 34675
_NAMED = 20
"""A warning names so many tags."""
_DIRECTORIES = {EXIF: "the EXIF directory", GPS: "the GPS directory"}
_COLOUR_TAGS = {301: "TransferFunction", 318: "WhitePoint", 319: "PrimaryChromaticities"}


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


def page_blocks(page: TiffPage, thumbnails: Sequence[TiffPage] = ()) -> dict[str, bytes | None]:
    """Return the binary blocks by name: ``icc``, and ``xmp`` and ``iptc``, which a thumbnail may hold as well."""
    icc, xmp, iptc, photoshop = (_bytes(_value(page, tag, None)) for tag in (_ICC, _XMP, _IPTC, _PHOTOSHOP))
    blocks = {"icc": icc, "xmp": xmp, "iptc": iptc or photoshop_resource(photoshop or b"", IPTC_RESOURCE)}
    for thumbnail in thumbnails:
        blocks |= {
            name: block
            for name, block in page_blocks(thumbnail).items()
            if name != "icc" and blocks[name] is None
        }
    return blocks


def thumbnail_remark(page: TiffPage, thumbnails: Sequence[TiffPage]) -> str | None:
    """Return a warning where a thumbnail states how it is to be looked at, and the picture's page does not.

    It may mean its own few pixels only, so it is not the picture's; yet nobody else says so.
    """
    turned = _ORIENTATION not in page.tags and any(page_orientation(one)[0] != 1 for one in thumbnails)
    coloured = _ICC not in page.tags and any(_ICC in one.tags for one in thumbnails)
    names = [name for name, stated in (("an orientation", turned), ("a colour profile", coloured)) if stated]
    if not names:
        return None
    return f"its thumbnail states {' and '.join(names)}, the picture does not; it is not carried over"


def colour_remark(page: TiffPage) -> str | None:
    """Return a warning where the page describes its colours by tags, for a page without a profile."""
    names = [name for tag, name in _COLOUR_TAGS.items() if tag in page.tags]
    if not names:
        return None
    return f"it describes its colours by tags that are not carried over ({', '.join(names)}); it may look different"


def exif_block(
    page: TiffPage, orientation: int, thumbnails: Sequence[TiffPage] = ()
) -> tuple[bytes | None, tuple[str, ...]]:
    """Return an EXIF block of the page's descriptive, EXIF and GPS tags, and a warning for what is left out.

    What the page lacks of them is taken from the ``thumbnails``.
    """
    found = _described(page)
    for thumbnail in thumbnails:
        found = found.completed(_described(thumbnail))
    remarks = left_out(found.lost)
    if not found and orientation == 1:
        return None, remarks
    turn = Entry(_ORIENTATION, 3, orientation.to_bytes(2, "little"))
    return pack_block(replace(found, entries=(turn, *found.entries))), remarks


def descriptions(block: bytes | None) -> Directory:
    """Return what a TIFF takes over of an EXIF block; a damaged one is lost as a whole."""
    try:
        return without_blanks(read_block(block, DESCRIPTIVE)) if block else Directory()
    except (ValueError, struct.error):
        return Directory(lost=(EXIF,))


def left_out(tags: Sequence[int]) -> tuple[str, ...]:
    """Return the warning that names EXIF tags which are too large or cannot be read."""
    known = ExifTags.GPSTAGS | ExifTags.TAGS | _DIRECTORIES
    names = [known.get(tag, str(tag)) for tag in dict.fromkeys(tags)]
    if not names:
        return ()
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (f"EXIF: too large or damaged, and not carried over: {', '.join(names[:_NAMED])}{more}",)


def without_blanks(directory: Directory) -> Directory:
    """Leave out texts of nothing but spaces, which cameras write into every file."""
    return replace(directory, entries=tuple(one for one in directory.entries if one.data.strip(b"\0 ")))


def _described(page: TiffPage) -> Directory:
    file = page.parent.filehandle

    def read(at: int, size: int) -> bytes:
        file.seek(at)
        return bytes(file.read(size))

    structure = Structure(read, page.parent.byteorder, page.parent.is_bigtiff)
    return without_blanks(read_directory(structure, page.offset, DESCRIPTIVE))


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
