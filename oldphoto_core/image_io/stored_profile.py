"""The ICC profiles that Pillow does not look for: those of BMP (its fifth header) and of GIF (an application block).

See Microsoft's BITMAPV5HEADER, and "Embedding ICC profiles" of the ICC specification, annex B.
"""

from __future__ import annotations

import struct

_BMP_V5, _BMP_START = 124, 14
"""Bytes of the first BMP header that holds a profile, and where it begins."""
_EMBEDDED, _LINKED = b"DEBM", b"KNIL"
_GIF_TABLE, _GIF_EXTENSION, _GIF_APPLICATION, _GIF_PROFILE = 0x80, 0x21, 0xFF, b"ICCRGBG1012"


def stored_profile(data: bytes, format_name: str) -> tuple[bytes | None, str | None]:
    """Return the profile that a BMP or GIF holds, and a warning where it only names one.

    Raises:
        struct.error, IndexError: cut off (converted at the decoder boundary).
    """
    if format_name == "BMP":
        return _of_bmp(data)
    return (_of_gif(data), None) if format_name == "GIF" else (None, None)


def _of_bmp(data: bytes) -> tuple[bytes | None, str | None]:
    (header,) = struct.unpack_from("<I", data, _BMP_START)
    kind = data[_BMP_START + 56 :][:4]
    if header < _BMP_V5 or kind not in (_EMBEDDED, _LINKED):
        return None, None
    at, size = struct.unpack_from("<II", data, _BMP_START + 112)
    profile = data[_BMP_START + at :][:size]
    if kind == _LINKED:
        return None, "its colour profile is a file beside it, which is not read; it may look different"
    lacking = None if profile else "its colour profile is missing (beyond the end of the file)"
    return profile or None, lacking


def _of_gif(data: bytes) -> bytes | None:
    """Look through the extensions before the first picture."""
    table = data[10]
    at = 13 + (3 << (table & 7) + 1 if table & _GIF_TABLE else 0)
    while data[at] == _GIF_EXTENSION:
        label, name = data[at + 1], data[at + 3 : at + 3 + data[at + 2]]
        at += 2
        blocks: list[bytes] = []
        while size := data[at]:
            blocks.append(data[at + 1 : at + 1 + size])
            at += 1 + size
        at += 1
        if label == _GIF_APPLICATION and name == _GIF_PROFILE:
            return b"".join(blocks[1:]) or None
    return None
