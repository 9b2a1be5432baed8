"""PNG files written row by row: the one encoder for a snapshot's mask and for a glass plate's picture.

No library at hand writes PNG from bands of rows with a compiled compressor (Pillow, OpenCV and imagecodecs want
the whole picture, pypng filters in Python); the format itself is a few chunks around one zlib stream. Each row
is stored as its difference from the one above (filter "Up"), which NumPy computes for a whole band at once; with
zlib's level 1 that is three times as fast as Pillow's level 4, and smaller on grainy photographs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_UP = 2
_LEVEL = 1


@dataclass(frozen=True)
class PngFacts:
    """What a PNG says beside its pixels: profile, resolution in dots per inch, EXIF, texts, XMP, further chunks."""

    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: str | None = None
    texts: dict[str, str] = field(default_factory=dict)
    chunks: tuple[tuple[bytes, bytes], ...] = ()


def write_png(
    stream: BinaryIO, bands: Iterable[NDArray[Any]], width: int, height: int, channels: int, facts: PngFacts
) -> None:
    """Write an 8-bit PNG.

    Args:
        stream: where to; only written to, in order.
        bands: ``uint8`` ``h×W`` or ``h×W×channels``, from top to bottom; equal bands give equal bytes.
        width, height: the picture's size; the bands' rows add up to ``height``.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        facts: what is written before the pixels.
    """
    stream.write(_SIGNATURE)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    _chunk(stream, b"IHDR", header)
    for kind, content in _fact_chunks(facts):
        _chunk(stream, kind, content)
    packer = zlib.compressobj(_LEVEL)
    above: NDArray[np.uint8] = np.zeros(width * channels, np.uint8)
    rows = 0
    for band in bands:
        flat = np.ascontiguousarray(band, np.uint8).reshape(len(band), width * channels)
        _chunk(stream, b"IDAT", packer.compress(_filtered(flat, above).data))
        above = flat[-1].copy()
        rows += len(flat)
    if rows != height:
        raise ValueError(f"{rows} rows were given for a PNG of {height}")
    _chunk(stream, b"IDAT", packer.flush())
    _chunk(stream, b"IEND", b"")


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return each row with its filter's number and the difference, modulo 256, from the row above it."""
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    np.subtract(rows[0], above, out=filtered[0, 1:])
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered


def _fact_chunks(facts: PngFacts) -> Iterable[tuple[bytes, bytes]]:
    if facts.icc_profile:
        yield b"iCCP", b"ICC Profile\0\0" + zlib.compress(facts.icc_profile, 9)
    if facts.dpi:
        across, down = (round(dots / 0.0254) for dots in facts.dpi)
        yield b"pHYs", struct.pack(">IIB", across, down, 1)
    if facts.exif:
        yield b"eXIf", facts.exif.removeprefix(b"Exif\0\0")
    for name, text in facts.texts.items():
        yield b"tEXt", name.encode("latin-1") + b"\0" + text.encode("latin-1", "replace")
    if facts.xmp:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + facts.xmp.encode()
    yield from facts.chunks


def _chunk(stream: BinaryIO, kind: bytes, content: bytes) -> None:
    """Write one chunk; an empty one of data is left out."""
    if kind == b"IDAT" and not content:
        return
    stream.write(struct.pack(">I", len(content)) + kind)
    stream.write(content)
    stream.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))
