"""A JPEG's markers, and what its segments say that Pillow does not tell, or tells only of one segment.

See ITU-T T.81 (annex B), JFIF 1.02, and for Photoshop's resources Adobe's "Photoshop File Formats": what exceeds one
segment of 64 KB goes on in the next.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

# Within a scan, 0xFF is data before 0x00 and a restart before 0xD0–0xD7; 0xFF may be repeated as filling.
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_WITHOUT_LENGTH = (0x01, 0xD8, 0xD9)
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers that begin a frame (SOF)."""
PROGRESSIVE = 0xC2
SCAN, END = 0xDA, 0xD9
JPEG_LS = 0xF7
"""The marker of JPEG-LS's frame (SOF55); those files begin as a JPEG does."""
_JFIF, _PHOTOSHOP, _COMMENT = 0xE0, 0xED, 0xFE
_JFIF_NAME, _PHOTOSHOP_NAME = b"JFIF\0", b"Photoshop 3.0\0"
_INCH, _CENTIMETRE = 1, 2


@dataclass(frozen=True)
class JpegSayings:
    """The first picture's ``comments`` and Photoshop's ``resources``, each joined over its segments; and JFIF's
    ``density``: across, down, and whether per centimetre rather than per inch (None where it gives no unit)."""

    comments: tuple[bytes, ...] = ()
    resources: bytes = b""
    density: tuple[int, int, bool] | None = None


def jpeg_markers(data: bytes | mmap) -> Iterator[tuple[int, int]]:
    """Yield (marker, position), looking past stray bytes as decoders do."""
    at = 2
    while found := _MARKER.search(data, at):
        marker = data[found.end() - 1]
        yield marker, found.end() - 2
        at = found.end()
        if marker not in _WITHOUT_LENGTH and at + 2 <= len(data):
            at += int.from_bytes(data[at : at + 2], "big")


def is_progressive(data: bytes | mmap) -> bool:
    """Return whether a JPEG has to be held whole, as coefficients, until its last scan is read."""
    frames = (marker for marker, _ in jpeg_markers(data) if marker in FRAMES)
    return next(frames, None) == PROGRESSIVE


def read_jpeg_sayings(data: bytes) -> JpegSayings:
    """Walk the first picture's segments; those that are cut off count as far as they go."""
    comments: list[bytes] = []
    resources: list[bytes] = []
    density = None
    for marker, at in jpeg_markers(data):
        if marker == END:
            break
        if marker not in (_JFIF, _PHOTOSHOP, _COMMENT):
            continue
        content = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        if marker == _COMMENT:
            comments.append(content)
        elif content.startswith(_PHOTOSHOP_NAME):
            resources.append(content[len(_PHOTOSHOP_NAME) :])
        elif content.startswith(_JFIF_NAME):
            density = density or _density(content)
    return JpegSayings(tuple(comments), b"".join(resources), density)


def _density(jfif: bytes) -> tuple[int, int, bool] | None:
    if len(jfif) < 12 or jfif[7] not in (_INCH, _CENTIMETRE):
        return None
    across, down = struct.unpack_from(">HH", jfif, 8)
    return across, down, jfif[7] == _CENTIMETRE
