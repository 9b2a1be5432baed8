"""Tiny real files of many kinds, made where they are needed."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.image_io.colour import srgb_profile

SRGB = srgb_profile()


def ramp(height: int = 24, width: int = 31, channels: int = 3, *, dtype: Any = np.uint8) -> NDArray[Any]:
    """A picture without symmetry: every orientation and channel order looks different."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [rows * 7 + columns * (3 + 2 * c) + 11 * c for c in range(channels)]
    stacked = np.stack(planes, axis=-1).astype(np.float64)
    scaled = stacked / stacked.max() * np.iinfo(dtype).max
    values: NDArray[Any] = np.rint(scaled).astype(dtype)
    return values[..., 0] if channels == 1 else values


def noise(height: int = 48, width: int = 61, channels: int = 3, *, seed: int = 0) -> NDArray[np.uint8]:
    """Incompressible pixels, so that every byte of the file matters."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def through_pillow(pixels: NDArray[Any] | Image.Image, format_name: str, **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def through_tifffile(pixels: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


def deep_png(pixels: NDArray[np.uint16]) -> bytes:
    return bytes(imagecodecs.png_encode(pixels))


def oriented_jpeg(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "Kodak"
    exif[270] = "Grandmother, 1923"
    return through_pillow(ramp(), "JPEG", quality=95, exif=exif, icc_profile=SRGB, dpi=(300, 300))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png_of(width: int, height: int, rows: int, *, bits: int = 8) -> bytes:
    """A grey PNG that declares ``height`` rows and holds ``rows``; every checksum is right."""
    stream = zlib.compress(
        (b"\0" + bytes(range(200, 200 + 8)) * (width * bits // 64 + 1))[: 1 + width * bits // 8] * rows
    )
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", stream), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def patched_tag(data: bytes, tag: int, value: int) -> bytes:
    """Overwrite the first value of a tag on the first page of a little-endian TIFF."""
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        found = tiff.pages.first.tags[tag]
        at, code = found.valueoffset, "<I" if int(found.dtype) == 4 else "<H"
    patched = bytearray(data)
    struct.pack_into(code, patched, at, value)
    return bytes(patched)
