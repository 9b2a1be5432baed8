"""The small copy of the picture in an EXIF block: of a restored picture it is the copy of another one."""

from __future__ import annotations

import struct

from oldphoto_core.image_io.ifd import Structure, read_directory

_PLACE, _SIZE = 513, 514
"""Where the copy lies in its block, and how many bytes it has."""


def without_thumbnail(block: bytes) -> bytes:
    """Return an EXIF block without the directory behind its first one, which is a small copy of the picture.

    Nothing is moved, as maker's notes may point to places in the block; the copy itself is cut off where it lies
    last.

    Raises:
        ValueError, struct.error: the block is damaged.
    """
    order = "<" if block[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", block, 4)
    (number,) = struct.unpack_from(f"{order}H", block, first)
    link = first + 2 + 12 * number
    (second,) = struct.unpack_from(f"{order}I", block, link)
    if not second:
        return block
    structure = Structure(lambda start, size: block[start : start + size], order)
    found = read_directory(structure, second, (_PLACE, _SIZE)).entries
    place = {entry.tag: int.from_bytes(entry.data, "little") for entry in found}
    at, size = (place.get(tag, 0) for tag in (_PLACE, _SIZE))
    last = at > link and at + size == len(block)
    return block[:link] + bytes(4) + block[link + 4 : at if last else None]
