"""The chunks of a PNG that say something of the picture: colour, texts, EXIF, XMP and IPTC.

Pillow reads some of them, and only those that lie before the pixels. What is taken over into another PNG is
taken over as it is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
SRGB_GAMMA = 45455
SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
"""What gAMA and cHRM say of sRGB, in 1/100,000: x and y of white, red, green and blue."""
_SIZES = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP, _IPTC = "XML:com.adobe.xmp", "Raw profile type iptc"
_EXIFS = ("Raw profile type exif", "Raw profile type APP1")
_EXIF_STARTS = (b"Exif\0\0", b"II*\0", b"MM\0*")
MAX_TEXT = 1 << 20
"""Bytes of one text."""
MAX_INFLATED = 4 << 20
"""Bytes of one compressed text or colour profile; a PNG with a larger one is not opened."""
MAX_BYTES = 4_000_000
MAX_CHUNKS = 500
"""Bytes and number of all chunks that are taken over."""
_RESOURCE = b"8BIM"
IPTC_RESOURCE = 0x0404


@dataclass(frozen=True)
class PngSayings:
    """``chunks`` to take over, in their order; ``texts`` by keyword; the blocks; and names of what is left out."""

    chunks: tuple[tuple[bytes, bytes], ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    lost: tuple[str, ...] = ()


def read_sayings(data: bytes) -> PngSayings:
    """Read a PNG's descriptive chunks, as many as fit into four megabytes, and inflate as much of their texts."""
    chunks: list[tuple[bytes, bytes]] = []
    texts: dict[str, str] = {}
    blocks: dict[str, bytes] = {}
    lost: dict[str, None] = {}
    raw_exif: tuple[bytes, tuple[bytes, bytes]] | None = None
    left, room, number = MAX_BYTES, [MAX_BYTES], 0
    for kind, content, sound in _chunks(data):
        name = keyword_of(content) if kind in _TEXTS else kind.decode("latin-1")
        fits = len(content) <= left and number < MAX_CHUNKS
        whole = sound and fits and bool(name) and len(content) == _SIZES.get(kind, len(content))
        # Looking into a text is the costly part: it comes last, and what is dropped afterwards counts as well.
        number += whole
        text = text_of(kind, content, room) if whole and kind in _TEXTS else ""
        if not whole or text is None:
            lost[name or "a text without a name"] = None
            continue
        left -= len(content)
        if kind == b"eXIf":
            blocks.setdefault("exif", content)
        elif name == _XMP:
            blocks.setdefault("xmp", text.encode())
        elif name == _IPTC and (records := _raw_iptc(text)):
            blocks.setdefault("iptc", records)
        elif name in _EXIFS and raw_exif is None and (block := _raw_exif(text)):
            raw_exif = block, (kind, content)
        elif kind in _TEXTS:
            texts.setdefault(name, text)
            chunks.append((kind, content))
        elif kind not in dict(chunks):
            chunks.append((kind, content))
    if raw_exif and "exif" in blocks:
        # The format's own chunk counts, wherever it lies; the other one is a text like any other.
        chunks.append(raw_exif[1])
    elif raw_exif:
        blocks["exif"] = raw_exif[0]
    return PngSayings(tuple(chunks), texts, **blocks, lost=tuple(lost))


def text_chunk(keyword: str, text: str) -> tuple[bytes, bytes]:
    """Return the chunk for a text: Latin-1 where that suffices, UTF-8 otherwise."""
    name = keyword.encode("latin-1", "replace")[:79]
    try:
        return b"tEXt", name + b"\0" + text.replace("\0", " ").encode("latin-1")
    except UnicodeEncodeError:
        return b"iTXt", name + b"\0\0\0\0\0" + text.replace("\0", " ").encode("utf-8", "replace")


def iptc_chunk(records: bytes) -> tuple[bytes, bytes]:
    """Return the chunk that holds IPTC-IIM records as ImageMagick and ExifTool write and read them."""
    resource = _RESOURCE + struct.pack(">HHI", IPTC_RESOURCE, 0, len(records)) + records
    resource += bytes(len(resource) % 2)
    digits = resource.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    profile = f"\niptc\n{len(resource):8}\n{lines}\n".encode("ascii")
    return b"zTXt", _IPTC.encode() + b"\0\0" + zlib.compress(profile, 9)


def keyword_of(content: bytes) -> str:
    """Return the keyword of a chunk of text; empty where it has none that the format allows."""
    keyword, zero, _ = content[:80].partition(b"\0")
    return keyword.decode("latin-1") if zero else ""


def text_of(kind: bytes, content: bytes, room: list[int] | None = None) -> str | None:
    """Return the text of a chunk; None where it is damaged or too long.

    Args:
        kind: the chunk's type.
        content: what it holds.
        room: one number, the bytes that may still be inflated of all texts together; this text's are taken off.
            A megabyte when not given.
    """
    room = [MAX_TEXT] if room is None else room
    _, zero, rest = content.partition(b"\0")
    if not zero:
        return None
    try:
        if kind == b"tEXt":
            return rest.decode("latin-1") if len(rest) <= MAX_TEXT else None
        if kind == b"zTXt":
            return _inflated(rest[1:], room).decode("latin-1")
        packed, (_, _, text) = rest[0], rest[2:].split(b"\0", 2)
        return (_inflated(text, room) if packed else text).decode("utf-8")
    except (ValueError, IndexError, zlib.error):
        return None


def photoshop_resource(block: bytes, number: int) -> bytes | None:
    """Return a numbered resource of Photoshop's (``8BIM``) blocks."""
    at = 0
    while block[at : at + 4] == _RESOURCE and at + 12 <= len(block):
        (found,) = struct.unpack_from(">H", block, at + 4)
        name = 1 + block[at + 6]
        at += 6 + name + name % 2
        if at + 4 > len(block):
            return None
        (size,) = struct.unpack_from(">I", block, at)
        if found == number:
            return block[at + 4 : at + 4 + size] or None
        at += 4 + size + size % 2
    return None


def _inflated(packed: bytes, room: list[int]) -> bytes:
    inflater = zlib.decompressobj()
    most = min(MAX_TEXT, room[0])
    # A text that is thrown away was work, too; of a damaged one nobody knows how much.
    room[0] -= most
    text = inflater.decompress(packed, most + 1)
    room[0] += most - min(len(text), most)
    if len(text) > most or not inflater.eof:
        raise ValueError("a text that is too long, or cut off")
    return text


def _raw_iptc(text: str) -> bytes | None:
    """Return the IPTC records of a raw profile, bare or in a Photoshop resource."""
    block = _raw_profile(text)
    return photoshop_resource(block, IPTC_RESOURCE) if block.startswith(_RESOURCE) else block or None


def _raw_exif(text: str) -> bytes | None:
    """Return the EXIF block of a raw profile; one that is named after the JPEG segment may hold something else."""
    block = _raw_profile(text)
    return block if block.startswith(_EXIF_STARTS) else None


def _raw_profile(text: str) -> bytes:
    """Return what a raw profile (name, size, hexadecimal digits) holds; nothing where it is damaged."""
    # ImageMagick names some by two words.
    _, size, digits = (*text.replace("generic profile", "generic", 1).split(None, 2), "", "", "")[:3]
    try:
        block = bytes.fromhex(digits)
    except ValueError:
        return b""
    return block if size == str(len(block)) else b""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield the chunks that are read here with whether their checksum is right."""
    at = 8
    read: tuple[bytes, ...] = (*COLOUR, *_TEXTS, b"eXIf")
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind in read and at + 12 + size <= len(data):
            content = data[at + 8 : at + 8 + size]
            (check,) = struct.unpack_from(">I", data, at + 8 + size)
            yield kind, content, check == zlib.crc32(content, zlib.crc32(kind))
        elif kind == b"IDAT":
            # A statement about colour behind the pixels says nothing.
            read = (*_TEXTS, b"eXIf")
        at += 12 + size
