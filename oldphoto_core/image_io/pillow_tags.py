"""What a file that Pillow opens says of its picture: EXIF, XMP, IPTC, texts, and PNG's statements about colour.

Pillow tells a part of it; the rest is read from PNG's chunks, JPEG 2000's boxes and Photoshop's resources.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from oldphoto_core.image_io.boundary import one_line
from oldphoto_core.image_io.jp2_boxes import Jp2Facts
from oldphoto_core.image_io.jp2_texts import xml_sayings
from oldphoto_core.image_io.metadata import bare_exif, bounded_iptc, describe, resolution
from oldphoto_core.image_io.png_chunks import IPTC_RESOURCE, MAX_TEXT, PngSayings, read_sayings, text_chunk

_PSD_RESOLUTION, _PSD_EXIF, _PSD_XMP = 1005, 1058, 1060


@dataclass(frozen=True)
class FileSayings:
    """The blocks as they are, ``tags`` as printable strings, and warnings for what is not taken over."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    orientation: int = 1
    dpi: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()


def file_sayings(image: Image.Image, data: bytes, jp2: Jp2Facts, key: str) -> FileSayings:
    """Read what an opened file says; ``jp2`` holds a JPEG 2000's own part."""
    png = _as_png(image, data, jp2)
    psd = {number: content for number, _, content in getattr(image, "resources", ())}
    exif, bad_exif = bare_exif(image.info.get("exif") or png.exif or jp2.exif or psd.get(_PSD_EXIF))
    iptc, bad_iptc = bounded_iptc(_iptc(image, psd) or png.iptc or jp2.iptc)
    xmp = _packet(image) or png.xmp or jp2.xmp or psd.get(_PSD_XMP)
    described = describe(exif, iptc, xmp, key=key)
    texts = {f"Text {one_line(name)}": one_line(text) for name, text in png.texts.items()}
    remarks = (bad_exif, bad_iptc, *described.warnings, _lost(png), _unread_xmp(xmp))
    return FileSayings(
        exif=exif,
        xmp=xmp,
        iptc=iptc,
        chunks=png.chunks,
        tags=described.tags | {name: text for name, text in texts.items() if text},
        orientation=described.orientation,
        dpi=resolution(*_density(image, psd.get(_PSD_RESOLUTION, b""))),
        warnings=tuple(remark for remark in remarks if remark),
    )


def _density(image: Image.Image, resource: bytes) -> tuple[Any, Any]:
    if len(resource) >= 12:
        # Always per inch, whatever unit beside it Photoshop shows it in.
        across, down = struct.unpack_from(">I4xI", resource)
        return across / 65536, down / 65536
    dpi = image.info.get("dpi")
    return (dpi[0], dpi[1]) if isinstance(dpi, tuple) and len(dpi) == 2 else (None, None)


def _packet(image: Image.Image) -> bytes | None:
    found = image.info.get("xmp")
    return found if isinstance(found, bytes) and found else None


def _unread_xmp(xmp: bytes | None) -> str | None:
    """Return a remark where a JPEG holds more XMP than the packet that Pillow reads."""
    more = xmp is not None and b"xmpNote:HasExtendedXMP" in xmp
    return "its extended XMP (what exceeds 64 KB) is not carried over" if more else None


def _as_png(image: Image.Image, data: bytes, jp2: Jp2Facts) -> PngSayings:
    """Return what a PNG says, and of other files the texts that a PNG can say as well."""
    if image.format == "PNG":
        return read_sayings(data)
    return xml_sayings(jp2.xml, has_xmp=jp2.xmp is not None) if jp2.xml else _comment(image)


def _comment(image: Image.Image) -> PngSayings:
    """Return a JPEG's or GIF's comment as PNG says it."""
    found = image.info.get("comment")
    if image.format not in ("JPEG", "MPO", "GIF") or not isinstance(found, bytes):
        return PngSayings()
    stored = found.strip(b"\0 ")
    if len(stored) > MAX_TEXT:
        return PngSayings(lost=("Comment",))
    try:
        text = stored.decode()
    except UnicodeDecodeError:
        text = stored.decode("latin-1")
    return PngSayings((text_chunk("Comment", text),), {"Comment": text}) if text else PngSayings()


def _lost(png: PngSayings) -> str | None:
    names = ", ".join(png.lost)
    return f"damaged or too large, and not carried over: {one_line(names)}" if names else None


def _iptc(image: Image.Image, psd: dict[int, bytes]) -> bytes | None:
    """Return the IPTC-IIM records of a JPEG's or a Photoshop document's resources."""
    resources = image.info.get("photoshop")
    block = (resources if isinstance(resources, dict) else psd).get(IPTC_RESOURCE)
    return block if isinstance(block, bytes) else None
