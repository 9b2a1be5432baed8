"""The depth that Pillow would drop: PNG, JPEG 2000 and Netpbm with more than 8 bits per channel.

Samples of 9 to 15 bits are spread over 16.
"""

from __future__ import annotations

import re
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io.colour import spread_bits, spread_levels

_SPACE = rb"(?:\s|#[^\n\r]*[\n\r])+"
_NETPBM_HEADER = re.compile(rb"P([1-6])" + _SPACE + rb"(\d+)" + _SPACE + rb"(\d+)" + _SPACE + rb"(\d+)\s")
_HEADER_BYTES = 1 << 20
"""A Netpbm file's comments may be of any length, before its depth."""


def read_deep(data: bytes, format_name: str, bits: int, key: str) -> NDArray[np.uint16]:
    """Decode ``H×W`` or ``H×W×C`` samples of 9 to 16 ``bits``; alpha, where there is any, comes last.

    Raises:
        PhotoError: signed samples, or fewer of them than declared.
    """
    samples: NDArray[Any]
    if format_name == "PNG":
        samples = imagecodecs.png_decode(data)
    elif format_name == "JPEG2000":
        samples = imagecodecs.jpeg2k_decode(data)
    else:
        samples = _netpbm(data, key)
    if samples.dtype != np.uint16:
        raise UnsupportedPhotoError(
            key, f"its samples are {samples.dtype}, not unsigned 16-bit", "Export it as 16-bit TIFF"
        )
    return np.asarray(samples if format_name == "PPM" else spread_bits(samples, bits), np.uint16)


def netpbm_maximum(data: bytes, key: str) -> int:
    """Return the largest sample value that a PPM or PGM declares.

    Raises:
        UnreadablePhotoError: its header ends nowhere, or not within a megabyte.
    """
    return int(_netpbm_header(data, key)[4])


def _netpbm_header(data: bytes, key: str) -> re.Match[bytes]:
    match = _NETPBM_HEADER.match(data[:_HEADER_BYTES])
    if match is None:
        raise UnreadablePhotoError(
            key,
            "its header is damaged, or has more than a megabyte of comments",
            "Copy it again from the original",
        )
    return match


def _netpbm(data: bytes, key: str) -> NDArray[np.uint16]:
    match = _netpbm_header(data, key)
    kind, width, height, maximum = (int(group) for group in match.groups())
    channels = 3 if kind in (3, 6) else 1
    count = width * height * channels
    if kind in (5, 6):
        samples: NDArray[Any] = np.frombuffer(
            data, ">u2", count=min(count, (len(data) - match.end()) // 2), offset=match.end()
        )
    else:
        samples = np.array(data[match.end() :].split()[:count], dtype=np.uint32)
    if samples.size < count or (samples.size and int(samples.max()) > maximum):
        raise UnreadablePhotoError(
            key,
            f"it holds {samples.size:,} of {count:,} samples, or samples above its maximum {maximum}",
            "Copy it again from the original",
        )
    shape = (height, width, channels) if channels == 3 else (height, width)
    return spread_levels(samples, maximum).reshape(shape)
