"""Does the file hold every pixel? Checks for damage that decoders paper over without a word.

* Pillow leaves rows black where a PNG's data stream ends early.
* libjpeg fills with flat grey where a JPEG's data stream ends early but an end marker follows.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from mmap import mmap

import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from oldphoto_core.errors import UnreadablePhotoError
from oldphoto_core.image_io.boundary import RESCAN

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_CHUNK = 1 << 20
# Within a scan, 0xFF is data before 0x00 and a restart before 0xD0–0xD7; 0xFF may be repeated as filling.
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_WITHOUT_LENGTH = (0x01, 0xD8, 0xD9)
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's markers that begin a frame (SOF)."""
_PROGRESSIVE = 0xC2
_ARITHMETIC = {0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_END_OF_IMAGE = b"\xff\xd9"


def require_whole_png(data: bytes, key: str) -> None:
    """Raise :class:`UnreadablePhotoError` where the first picture's data stream lacks rows."""
    expected = _png_stream_size(data)
    inflater = zlib.decompressobj()
    found = 0
    for piece in _png_data(data):
        waiting = piece
        while waiting and found < expected and not inflater.eof:
            found += len(inflater.decompress(waiting, _CHUNK))
            waiting = inflater.unconsumed_tail
    found += len(inflater.flush()) if found < expected else 0
    if found < expected:
        raise UnreadablePhotoError(
            key, f"its picture data ends early ({found:,} of {expected:,} bytes)", RESCAN
        )


def require_whole_jpeg(data: bytes, pixels: NDArray[np.uint8], key: str) -> None:
    """Raise :class:`UnreadablePhotoError` where the last rows were filled in by the decoder.

    A filled-in end is flat, or merely blurred in a progressive file. In these cases the file is decoded once
    more with other bytes put before its end marker: a complete stream ignores them, a cut one decodes them.
    """
    end = _jpeg_end(data)
    if end is None:
        raise UnreadablePhotoError(
            key, "its end marker is missing (cut off, or overwritten with zeros)", RESCAN
        )
    corner = pixels[-8:, -8:]
    markers = {marker for marker, _ in jpeg_markers(data[:end])}
    suspicious = _PROGRESSIVE in markers or (corner == corner[-1:, -1:]).all()
    # Arithmetic coding drops trailing zero bytes, so bytes added to a complete stream would count.
    if not suspicious or markers & _ARITHMETIC:
        return
    padded = data[:end] + bytes(range(1, 254)) * 4 + _END_OF_IMAGE
    # Not Image.open, which would look for the further pictures of a multi-picture file.
    with JpegImageFile(io.BytesIO(padded)) as image:
        again = np.asarray(image)
    if again.shape != pixels.shape or not np.array_equal(again, pixels):
        raise UnreadablePhotoError(
            key, "its picture data ends early; a decoder would make up the rest", RESCAN
        )


def is_progressive(data: bytes | mmap) -> bool:
    """Return whether a JPEG has to be held whole, as coefficients, until its last scan is read."""
    frames = (marker for marker, _ in jpeg_markers(data) if marker in FRAMES)
    return next(frames, None) == _PROGRESSIVE


def jpeg_markers(data: bytes | mmap) -> Iterator[tuple[int, int]]:
    """Yield (marker, position), looking past stray bytes as decoders do."""
    at = 2
    while found := _MARKER.search(data, at):
        marker = data[found.end() - 1]
        yield marker, found.end() - 2
        at = found.end()
        if marker not in _WITHOUT_LENGTH and at + 2 <= len(data):
            at += int.from_bytes(data[at : at + 2], "big")


def _png_stream_size(data: bytes) -> int:
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    pixel_bits = bits * _PNG_SAMPLES[colour]
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes)
    return sum(h * (1 + (w * pixel_bits + 7) // 8) for w, h in sizes if w > 0 and h > 0)


def _png_data(data: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            yield data[at + 8 : at + 8 + size]
        at += 12 + size


def _jpeg_end(data: bytes) -> int | None:
    """Return where the first picture's end marker is, skipping what lies inside other segments."""
    for marker, at in jpeg_markers(data):
        if marker == 0xD9:
            return at
    return None
