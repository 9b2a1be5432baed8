"""What Pillow does not tell of a JPEG 2000 file: its bit depths, colour space, and XMP, EXIF, IPTC and XML.

See ISO/IEC 15444-1, annex A.5.1 (SIZ) and annex I (boxes).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_UUIDS = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
    b"JpgTiffExif->JP2": "exif",
}
_ENUMERATED, _ICC_METHODS = b"\x01", (b"\x02", b"\x03")
"""Of a ``colr`` box: a number for a known space; a restricted profile (JP2), and any profile (JPX)."""
OTHER_SPACE = -1
"""Colours that are described by another method than these."""
_NESTED, _MOST_XML = 4, 100
"""So deep boxes that associate others are looked into, and for so many boxes of XML; a file may hold millions."""


@dataclass(frozen=True)
class Jp2Facts:
    """Size in pixels, bits of each component, and ICC profile, XMP, EXIF, IPTC and resolution where there are any.

    Where there is no profile, ``colour_space`` is the number of an enumerated one (``EnumCS``), or
    :data:`OTHER_SPACE`. ``xml`` holds the contents of the XML boxes.
    """

    size: tuple[int, int] | None = None
    depths: tuple[int, ...] = (8,)
    icc_profile: bytes | None = None
    colour_space: int | None = None
    xml: tuple[bytes, ...] = ()
    xmp: bytes | None = None
    exif: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None

    @property
    def bits(self) -> int:
        """Bits of the deepest component."""
        return max(self.depths)


def read_jp2_facts(data: bytes) -> Jp2Facts:
    """Walk the boxes of a JP2 file, or take ``data`` as a bare codestream.

    Raises:
        ValueError, struct.error, IndexError: cut off (converted at the decoder boundary).
    """
    icc, space, dpi = None, None, None
    blocks: dict[str, bytes] = {}
    xml: list[bytes] = []
    codestream = data
    if not data.startswith(b"\xff\x4f"):
        for kind, content in _boxes(data):
            if kind == b"jp2h":
                icc, space = _colours(content)
                dpi = _resolution(content)
            elif kind == b"uuid" and content[:16] in _UUIDS:
                blocks.setdefault(_UUIDS[content[:16]], content[16:])
            elif kind in (b"xml ", b"asoc"):
                xml += islice(_xml(kind, content), _MOST_XML - len(xml))
            elif kind == b"jp2c":
                codestream = content
    siz = codestream.index(b"\xff\x51", 0, 16)
    right, bottom, left, top = struct.unpack_from(">IIII", codestream, siz + 6)
    return Jp2Facts(
        (right - left, bottom - top), _depths(codestream, siz), icc, space, tuple(xml), **blocks, dpi=dpi
    )


def _colours(header: bytes) -> tuple[bytes | None, int | None]:
    """Return the first profile that a header box holds; where it holds none, the first enumerated space."""
    found = [content for kind, content in _boxes(header) if kind == b"colr"]
    profiles = (content[3:] for content in found if content[:1] in _ICC_METHODS)
    if (profile := next(profiles, None)) is not None:
        return profile, None
    spaces = (int.from_bytes(content[3:7]) for content in found if content[:1] == _ENUMERATED)
    return None, next(spaces, OTHER_SPACE if found else None)


def _xml(kind: bytes, content: bytes, depth: int = _NESTED) -> Iterator[bytes]:
    """Yield the XML of a box, or of those that a box associates (``asoc``)."""
    if kind == b"xml ":
        yield content
    elif kind == b"asoc" and depth:
        for inner in _boxes(content):
            yield from _xml(*inner, depth - 1)


def _resolution(header: bytes) -> tuple[float, float] | None:
    """Return (x, y) in dots per inch: as captured, else as meant for display."""
    found = {kind: content for k, c in _boxes(header) if k == b"res " for kind, content in _boxes(c)}
    box = found.get(b"resc") or found.get(b"resd")
    if box is None or len(box) < 10:
        return None
    down, of_down, across, of_across, tens_down, tens_across = struct.unpack_from(">HHHHbb", box)
    if 0 in (of_down, of_across):
        return None
    return 0.0254 * across / of_across * 10.0**tens_across, 0.0254 * down / of_down * 10.0**tens_down


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            start = at + 16
        end = len(data) if size == 0 else at + size
        if end <= at + 7:
            return
        yield kind, data[start:end]
        at = end


def _depths(codestream: bytes, siz: int) -> tuple[int, ...]:
    """Return each component's bits from the SIZ segment."""
    (count,) = struct.unpack_from(">H", codestream, siz + 38)
    return tuple((codestream[siz + 40 + 3 * i] & 0x7F) + 1 for i in range(min(count, 64))) or (8,)
