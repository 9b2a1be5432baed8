"""ICC profiles of other tones than sRGB's, packed by hand: what makes profiles for the program takes no part."""

from __future__ import annotations

import struct

from PIL import ImageCms

DOT_GAIN = tuple(round(65535 * (1 - ink - 0.8 * ink * (1 - ink))) for ink in (1 - n / 32 for n in range(33)))
"""The light of greys as ink on paper, whose dots have grown by a fifth in the middle."""


def curve(*values: int) -> bytes:
    """Return a ``curv`` tag: none for linear, one for a gamma in 1/256, or points from 0 to 65,535."""
    return struct.pack(f">4s4xI{len(values)}H", b"curv", len(values), *values)


def grey_profile(*values: int) -> bytes:
    """Return a profile of greys with this curve (see :func:`curve`)."""
    white = struct.pack(">iii", 63190, 65536, 54061)
    tags = {
        b"desc": struct.pack(">4s4xI", b"desc", 5) + b"grey\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + white,
        b"kTRC": curve(*values),
    }
    index, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        index += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x",
        132 + len(index) - 4 + len(content),
        0x02100000,
        b"mntr",
        b"GRAY",
        b"XYZ ",
        b"acsp",
    )
    return (head + white).ljust(128, b"\0") + index + content


def linear_profile() -> bytes:
    """Return sRGB's profile with samples that are light itself."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12):
        name, offset, size = struct.unpack_from(">4sII", data, at)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + size] = curve().ljust(size, b"\0")
    return bytes(data)
