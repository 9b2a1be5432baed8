"""Does the file hold every pixel? Checks for damage that decoders paper over without a word.

* Pillow leaves rows black where a PNG's data stream ends early.
* libjpeg fills with flat grey where a JPEG's data stream ends early but an end marker follows, and shifts what
  comes after a damaged byte.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from oldphoto_core.errors import UnreadablePhotoError
from oldphoto_core.image_io.boundary import RESCAN
from oldphoto_core.image_io.jpeg_segments import END, PROGRESSIVE, SCAN, jpeg_markers
from oldphoto_core.raster import bands

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_CHUNK = 1 << 20
_ARITHMETIC = {0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_END_OF_IMAGE = b"\xff\xd9"
_RESTART = re.compile(rb"\xff+([\xd0-\xd7])")
_PADDING = bytes(range(1, 254))
_MOST_PIECES = 1 << 16
"""The last pieces that are looked at: padded, a file of nothing but restart markers would grow a hundredfold."""
_LAST_BYTES = 24
_REPLACEMENTS = (0x35, 0xCA, 0x5A, 0xFF, 0x93)
"""What the last bytes are combined with (exclusive or) to become others."""
_SECTOR = 512
_COMPARED = 1 << 18
"""Pixels that are compared at once: few enough to stay in a processor's cache."""


@dataclass(frozen=True)
class _Piece:
    """Where entropy-coded data lies: ``number`` counts a scan's pieces; ``restart`` is the marker behind (0–7)."""

    start: int
    stop: int
    number: int
    restart: int | None = None


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


def require_whole_jpeg(data: bytes, image: Image.Image, key: str) -> tuple[str, ...]:
    """Raise :class:`UnreadablePhotoError` where a JPEG's stream does not end where its picture does.

    After damage a decoder reads on out of step, and neither libjpeg nor Pillow says so: the stream ends before
    the picture, and the rest is made up, or bytes are left over. So the file is decoded once more with other
    bytes put behind its data, which a complete stream ignores; and once more with its last bytes replaced, which
    a stream that is read to its end shows.

    Args:
        data: the file.
        image: its first picture, decoded.
        key: the photo's source key.

    Returns:
        What is to be remarked of a file that is taken.
    """
    markers = _markers_of_first(data)
    if not markers or markers[-1][0] != END:
        raise UnreadablePhotoError(
            key, "its end marker is missing (cut off, or overwritten with zeros)", RESCAN
        )
    kinds = {marker for marker, _ in markers}
    # Arithmetic coding drops trailing zero bytes, so bytes added to a complete stream would count.
    if kinds & _ARITHMETIC:
        return ()
    end = markers[-1][1]
    pieces = _last_pieces(_entropy_coded(data, markers), key)
    progressive = PROGRESSIVE in kinds
    if not _shows(_padded(data, pieces, end), image):
        if progressive and _shows(_padded(data, pieces[-1:], end), image):
            # There are such files that look sound: what a scan lacks, the scans behind it may bring.
            return ("a scan of its picture data ends early, though not the last; look for blurred parts",)
        raise UnreadablePhotoError(
            key, "its picture data ends early; a decoder would make up the rest", RESCAN
        )
    # The last scan of a progressive file may say nothing that can be seen, and so may all of a picture of one colour.
    plain = progressive or image.getcolors(1) is not None
    if pieces and not plain and _outlasts(data, pieces[-1], end, image):
        raise UnreadablePhotoError(
            key,
            "its picture data goes on behind the picture: part of it is damaged, and shifts the rest",
            RESCAN,
        )
    return ()


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


def _markers_of_first(data: bytes) -> list[tuple[int, int]]:
    """Return (marker, position) of the first picture's markers; the last is its end marker where it has one."""
    markers = []
    for marker, at in jpeg_markers(data):
        markers.append((marker, at))
        if marker == END:
            break
    return markers


def _entropy_coded(data: bytes, markers: list[tuple[int, int]]) -> Iterator[_Piece]:
    """Yield the pieces of all scans, which restart markers cut up."""
    for (marker, at), (_, following) in pairwise(markers):
        if marker != SCAN:
            continue
        start = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        number = 0
        for found in _RESTART.finditer(data, start, following):
            yield _Piece(start, found.start(), number, found[1][0] - 0xD0)
            start, number = found.end(), number + 1
        yield _Piece(start, start + len(data[start:following].rstrip(b"\xff")), number)


def _last_pieces(pieces: Iterator[_Piece], key: str) -> list[_Piece]:
    """Return as many pieces as are looked at; raise where the restarts behind them are not numbered in turn."""
    last: deque[_Piece] = deque(maxlen=_MOST_PIECES)
    for piece in pieces:
        if piece.restart not in (None, piece.number % 8):
            raise UnreadablePhotoError(
                key, "parts of its picture data are missing (its restart markers are out of order)", RESCAN
            )
        last.append(piece)
    return list(last)


def _padded(data: bytes, pieces: list[_Piece], end: int) -> bytes:
    """Return the file up to ``end`` with bytes added behind pieces: in a complete stream they mean nothing.

    Behind a scan's last piece a restart is added, too, for a stream that lacks whole pieces.
    """
    parts: list[bytes] = []
    at = 0
    for piece in pieces:
        parts += [data[at : piece.stop], _PADDING]
        at = piece.stop
        if piece.restart is None:
            parts += [b"\xff", bytes([0xD0 + piece.number % 8]), _PADDING]
    return b"".join((*parts, data[at:end], _END_OF_IMAGE))


def _outlasts(data: bytes, piece: _Piece, end: int, image: Image.Image) -> bool:
    """Return whether the last bytes of a piece mean nothing: whatever is put in their place, nothing changes.

    One replacement is not enough: what it makes of a black or white border may be as black or white.
    """
    filling = data[max(piece.start, piece.stop - 1) : piece.stop]
    stop = piece.start + len(data[piece.start : piece.stop].rstrip(filling))
    # An encoder may fill up with one byte, which is no data; a lost sector of a disk is longer.
    if piece.stop - stop >= _SECTOR:
        stop = piece.stop
    start = stop - _LAST_BYTES
    if start < piece.start:
        return False
    while start > piece.start and data[start - 1] == 0xFF:
        # What follows would be taken for a marker.
        start -= 1
    for key in _REPLACEMENTS:
        other = bytes((byte ^ key) % 255 for byte in data[start:stop])
        if not _shows(data[:start] + other + data[stop:end] + _END_OF_IMAGE, image):
            return False
    return True


def _shows(data: bytes, image: Image.Image) -> bool:
    """Return whether a JPEG decodes to the same pixels; they are compared by bands, which takes little memory."""
    try:
        # Not Image.open, which would look for the further pictures of a multi-picture file.
        with JpegImageFile(io.BytesIO(data)) as again:
            again.load()
            if (again.size, again.mode) != (image.size, image.mode):
                return False
            # From below, where differences are to be expected.
            for top, bottom in reversed(list(bands(image.height, image.width, _COMPARED))):
                box = (0, top, image.width, bottom)
                if ImageChops.difference(again.crop(box), image.crop(box)).getbbox():
                    return False
            return True
    except OSError:
        return False
