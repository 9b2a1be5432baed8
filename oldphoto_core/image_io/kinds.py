"""Sound files of a format that is read, but of a kind that is not, told apart from damaged ones.

Pillow says of both that it cannot identify them, or reads a part of them without a word.
"""

from __future__ import annotations

import struct

from oldphoto_core.errors import UnsupportedPhotoError
from oldphoto_core.image_io.boundary import EXPORT
from oldphoto_core.image_io.jp2_boxes import OTHER_SPACE, Jp2Facts
from oldphoto_core.image_io.jpeg_segments import FRAMES, JPEG_LS, jpeg_markers

_PSD_COLOURS = {0: 1, 1: 1, 2: 1, 3: 3, 4: 4, 8: 1, 9: 3}
"""Channels of Photoshop's modes: bitmap, grey, palette, RGB, CMYK, duotone, Lab."""
_PSD_RGB, _PSD_MULTICHANNEL = 3, 7
_BMP_HEADER_WITH_COMPRESSION = 40
"""Bytes of the first of a BMP's headers that names a compression; the one before is shorter."""
_BMP_RLE4 = 2
_JP2_READ = (None, OTHER_SPACE, 15, 16, 17, 18)
"""JPEG 2000's enumerated colour spaces that are read as they are meant, if there is one: bits (1 is white), sRGB,
grey, and sYCC."""
_JP2_CMYK = 12
_JP2_SPACES = {
    0: "bits of which 1 is black",
    9: "PhotoYCC",
    11: "CMY",
    _JP2_CMYK: "CMYK",
    13: "YCCK",
    14: "CIELab",
    19: "CIEJab",
    20: "e-sRGB",
    21: "ROMM-RGB",
    24: "e-sYCC",
}
"""Names of others (ISO/IEC 15444-2, annex M), whose samples would pass for sRGB."""


def require_known_kind(data: bytes, format_name: str, jp2: Jp2Facts, key: str) -> None:
    """Raise :class:`UnsupportedPhotoError` for a sound file that is not decoded; ``jp2`` are a JPEG 2000's facts."""
    problem = None
    if format_name == "PSD":
        problem = _psd_problem(*_psd_header(data))
    elif format_name == "JPEG":
        problem = _jpeg_problem(data)
    elif format_name == "BMP" and _bmp_compression(data) == _BMP_RLE4:
        # Pillow before version 13 loses the last pixel of each run of odd length, without a word.
        problem = "it is a BMP of 16 colours in run lengths, which are not decoded reliably"
    elif len(jp2.depths) > 4:
        problem = f"it has {len(jp2.depths)} channels; at most four are understood"
    else:
        problem = _jp2_colour_problem(jp2)
    if problem is not None:
        raise UnsupportedPhotoError(key, problem, EXPORT)


def unread_colours(jp2: Jp2Facts) -> str | None:
    """Return a remark where a JPEG 2000 describes its colours in none of the ways that are read."""
    if jp2.colour_space != OTHER_SPACE:
        return None
    return "its colours are described in a way that is not read here; taken as sRGB, it may look different"


def unread_channels(data: bytes, format_name: str) -> str | None:
    """Return a remark where a Photoshop document has channels beside its colours that are not read."""
    if format_name != "PSD":
        return None
    channels, _, mode = _psd_header(data)
    colours = _PSD_COLOURS.get(mode, channels)
    # A fourth channel beside RGB is read as alpha.
    more = channels - colours if (mode, channels) != (_PSD_RGB, 4) else 0
    if more < 1:
        return None
    return f"channels beside its colours (transparency, selections or spot inks: {more}) are not carried over"


def _jp2_colour_problem(jp2: Jp2Facts) -> str | None:
    space = jp2.colour_space
    if space in _JP2_READ or (space == _JP2_CMYK and len(jp2.depths) == 4):
        return None
    name = f"{_JP2_SPACES[space]}, " if space in _JP2_SPACES else ""
    return f"its colours are in a space that is not converted here ({name}number {space})"


def _bmp_compression(data: bytes) -> int:
    size, compression = struct.unpack_from("<I12xI", data.ljust(34, b"\0"), 14)
    return compression if size >= _BMP_HEADER_WITH_COMPRESSION else 0


def _psd_problem(channels: int, bits: int, mode: int) -> str | None:
    if bits > 8:
        return f"it is a Photoshop document of {bits} bits per channel, of which at most 8 are decoded here"
    if mode == _PSD_MULTICHANNEL and channels > 1:
        return f"it is a Photoshop document of {channels} separate inks, whose colours are not known here"
    return None


def _psd_header(data: bytes) -> tuple[int, int, int]:
    """Return (channels, bits, mode)."""
    channels, bits, mode = struct.unpack_from(">H8xHH", data, 12)
    return channels, bits, mode


def _jpeg_problem(data: bytes) -> str | None:
    """Judge by the first frame; one that is missing, or of a number of bits that no JPEG has, is damage."""
    kinds = FRAMES | {JPEG_LS}
    marker, at = next(((marker, at) for marker, at in jpeg_markers(data) if marker in kinds), (0, len(data)))
    if marker == JPEG_LS:
        return "it is a JPEG-LS picture, which is not decoded here"
    bits = int.from_bytes(data[at + 4 : at + 5])
    if 2 <= bits <= 16 and bits != 8:
        return f"it is a JPEG of {bits} bits per channel, of which only 8 are decoded here"
    return None
