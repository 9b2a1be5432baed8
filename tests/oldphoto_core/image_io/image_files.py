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

from oldphoto_core.image_io import decode, encode_derivative
from oldphoto_core.image_io.colour import srgb_profile
from oldphoto_core.image_io.ifd import EXIF, GPS, INTEROPERABILITY, Directory, Entry, add_to_tiff
from oldphoto_core.photo import DecodedPhoto

SRGB = srgb_profile()

LONG = "Müller, Fotograf\nzweite Zeile " + "x" * 9000
SHOT, CHANGED = "1998:01:01 00:00:00", "1999:01:01 00:00:00"
RECORDS = b"\x1c\x02\x69\x00\x05Title" + b"\x1c\x02\x74\x00\x06Museum"
TEXTS = {
    269: "Box 3",
    270: LONG,
    271: "Epson",
    272: "V800",
    305: "Scan 3.1",
    306: CHANGED,
    315: "Ärtist",
    33432: "© Museum",
}
LATITUDE = struct.pack("<6I", 52, 1, 31, 1, 123, 10)
LENS = struct.pack("<8I", 24, 1, 70, 1, 28, 10, 28, 10)
COMMENT = b"ASCII\0\0\0a comment"


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


def text_tag(tag: int, value: str) -> Entry:
    return Entry(tag, 2, value.encode() + b"\0")


def descriptions() -> Directory:
    """What a scanner's TIFF may say: texts, and EXIF and GPS in directories of their own."""
    exif = (
        Entry(34855, 3, b"\x64\0"),
        text_tag(36867, SHOT),
        Entry(37510, 7, COMMENT),
        Entry(42034, 5, LENS),
    )
    gps = (text_tag(1, "N"), Entry(2, 5, LATITUDE), text_tag(3, "E"))
    inter = Directory((text_tag(1, "R98"),))
    return Directory(
        tuple(text_tag(tag, value) for tag, value in TEXTS.items()),
        {EXIF: Directory(exif, {INTEROPERABILITY: inter}), GPS: Directory(gps)},
    )


def described_tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    """A TIFF with these descriptions, XMP and IPTC."""
    tags = [(700, "B", 4, b"<x/>", True), (33723, 7, len(RECORDS), RECORDS, True)]
    file = io.BytesIO(through_tifffile(pixels, photometric="rgb", software=False, extratags=tags, **options))
    add_to_tiff(file, descriptions())
    return file.getvalue()


def deep_png(pixels: NDArray[np.uint16]) -> bytes:
    return bytes(imagecodecs.png_encode(pixels))


def oriented_jpeg(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "Kodak"
    exif[270] = "Grandmother, 1923"
    return through_pillow(ramp(), "JPEG", quality=95, exif=exif, icc_profile=SRGB, dpi=(300, 300))


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Put segments (marker, content) into a JPEG, before all others."""
    added = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
        for marker, content in segments
    )
    return jpeg[:2] + added + jpeg[2:]


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


def jp2(pixels: NDArray[Any], **options: Any) -> bytes:
    options = {"level": 0, "reversible": True, "codecformat": "jp2"} | options
    return bytes(imagecodecs.jpeg2k_encode(pixels, **options))


def with_jp2_boxes(data: bytes, *boxes: tuple[bytes, bytes]) -> bytes:
    """Put boxes into a JP2's header; one for colour goes before the others of its kind."""
    at = data.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", data, at)
    image_header = 8 + struct.unpack_from(">I", data, at + 8)[0]
    added = b"".join(struct.pack(">I4s", 8 + len(content), kind) + content for kind, content in boxes)
    split = at + (image_header if boxes[0][0] == b"colr" else size)
    grown = data[:split] + added + data[split:]
    return grown[:at] + struct.pack(">I", size + len(added)) + grown[at + 4 :]


def psd(samples: NDArray[Any], mode: int, *resources: tuple[int, bytes]) -> bytes:
    """A flat Photoshop document of ``H×W×C`` samples of 8 or 16 bits; see its format for ``mode``."""
    height, width, channels = samples.shape
    blocks = b"".join(
        struct.pack(">4sHHI", b"8BIM", number, 0, len(content)) + content + bytes(len(content) % 2)
        for number, content in resources
    )
    head = struct.pack(">4sH6xHIIHH", b"8BPS", 1, channels, height, width, samples.itemsize * 8, mode)
    stored = np.moveaxis(samples, 2, 0).astype(samples.dtype.newbyteorder(">")).tobytes()
    return head + bytes(4) + struct.pack(">I", len(blocks)) + blocks + bytes(4) + b"\0\0" + stored


def ink_profile() -> bytes:
    """A small profile of CMYK inks: each darkens, and cyan, magenta and yellow each turn the colour its own way."""
    nodes = np.indices((2, 2, 2, 2)).reshape(4, 16).T
    light = 255 * (1 - nodes[:, 3]) * (4 - nodes[:, :3].sum(1)) // 4
    turns = nodes[:, :3] @ np.array([[-40, -40], [60, 0], [0, 70]]) + 128
    lab = np.column_stack([light, turns]).astype(np.uint8).tobytes()
    straight = bytes(range(256))
    head = struct.pack(">8xBBBx9I", 4, 3, 2, 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + head[4:] + straight * 4 + lab + straight * 3
    name = b"desc" + struct.pack(">4xI", 5) + b"inks\0" + bytes(78)
    index = struct.pack(">I4sII4sII", 2, b"desc", 156, len(name), b"A2B0", 156 + len(name), len(table))
    size = 156 + len(name) + len(table)
    start = struct.pack(
        ">I4xI4s4s4s12x4s28xIII", size, 0x02400000, b"prtr", b"CMYK", b"Lab ", b"acsp", 63190, 65536, 54061
    )
    return start.ljust(128, b"\0") + index + name + table


def png_with(data: bytes, *chunks: tuple[bytes, bytes], behind: bool = False) -> bytes:
    """Put chunks into a PNG, before or behind its pixels."""
    at = len(data) - 12 if behind else 33
    return data[:at] + b"".join(png_chunk(*chunk) for chunk in chunks) + data[at:]


def derived(data: bytes) -> bytes:
    return encoded(decode(data, key="a"))


def encoded(photo: DecodedPhoto) -> bytes:
    return encode_derivative(
        photo.pixels, photo.header, alpha=photo.alpha, software="oldphoto 1", recipe_id="4f2a"
    ).data


def patched_tag(data: bytes, tag: int, value: int) -> bytes:
    """Overwrite the first value of a tag on the first page of a little-endian TIFF."""
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        found = tiff.pages.first.tags[tag]
        at, code = found.valueoffset, "<I" if int(found.dtype) in (4, 13) else "<H"
    patched = bytearray(data)
    struct.pack_into(code, patched, at, value)
    return bytes(patched)
