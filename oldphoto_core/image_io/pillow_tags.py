"""What a file that Pillow opens says of its picture: EXIF, XMP, IPTC, texts, and PNG's statements about colour.

Pillow tells a part of it; the rest is read from PNG's chunks, JPEG 2000's boxes and Photoshop's resources.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from PIL import Image

from oldphoto_core.image_io.boundary import one_line
from oldphoto_core.image_io.jp2_boxes import Jp2Facts
from oldphoto_core.image_io.jp2_texts import xml_sayings
from oldphoto_core.image_io.jpeg_segments import JpegSayings, read_jpeg_sayings
from oldphoto_core.image_io.metadata import bare_exif, bounded_iptc, describe, resolution
from oldphoto_core.image_io.png_chunks import (
    IPTC_RESOURCE,
    MAX_BYTES,
    MAX_CHUNKS,
    MAX_TEXT,
    PngSayings,
    photoshop_resource,
    read_sayings,
    text_chunk,
)

_JPEGS = ("JPEG", "MPO")
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
    jpeg = read_jpeg_sayings(data) if image.format in _JPEGS else JpegSayings()
    png = _as_png(image, data, jp2, jpeg)
    psd = {number: content for number, _, content in getattr(image, "resources", ())}
    exif, bad_exif = bare_exif(image.info.get("exif") or png.exif or jp2.exif or psd.get(_PSD_EXIF))
    iptc, bad_iptc = bounded_iptc(_iptc(image, jpeg, psd) or png.iptc or jp2.iptc)
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
        dpi=_density(image, jpeg, jp2, psd.get(_PSD_RESOLUTION, b"")) or described.resolution,
        warnings=tuple(remark for remark in remarks if remark),
    )


def _density(
    image: Image.Image, jpeg: JpegSayings, jp2: Jp2Facts, resource: bytes
) -> tuple[float, float] | None:
    """Return (x, y) in dots per inch as the format itself, rather than EXIF, states it."""
    if len(resource) >= 12:
        # Always per inch, whatever unit beside it Photoshop shows it in.
        across, down = struct.unpack_from(">I4xI", resource)
        return resolution(across / 65536, down / 65536)
    if image.format in _JPEGS:
        # Pillow makes 72 of what is not said, and of EXIF's two numbers takes one for both.
        return resolution(*jpeg.density[:2], per_centimetre=jpeg.density[2]) if jpeg.density else None
    dpi = jp2.dpi or image.info.get("dpi")
    return resolution(*dpi) if isinstance(dpi, tuple) and len(dpi) == 2 else None


def _packet(image: Image.Image) -> bytes | None:
    found = image.info.get("xmp")
    return found if isinstance(found, bytes) and found else None


def _unread_xmp(xmp: bytes | None) -> str | None:
    """Return a remark where a JPEG holds more XMP than the packet that Pillow reads."""
    more = xmp is not None and b"xmpNote:HasExtendedXMP" in xmp
    return "its extended XMP (what exceeds 64 KB) is not carried over" if more else None


def _as_png(image: Image.Image, data: bytes, jp2: Jp2Facts, jpeg: JpegSayings) -> PngSayings:
    """Return what a PNG says, and of other files the texts that a PNG can say as well."""
    if image.format == "PNG":
        return read_sayings(data)
    return xml_sayings(jp2.xml, has_xmp=jp2.xmp is not None) if jp2.xml else _commented(image, jpeg)


def _commented(image: Image.Image, jpeg: JpegSayings) -> PngSayings:
    """Return a JPEG's or GIF's comments, each as a text of its own, as a PNG says them."""
    found = jpeg.comments
    if image.format == "GIF" and isinstance(comment := image.info.get("comment"), bytes):
        found = (comment,)
    stored = [bare for one in found if (bare := one.strip(b"\0 "))]
    texts: list[str] = []
    left = MAX_BYTES
    for one in stored:
        if len(one) <= min(left, MAX_TEXT) and len(texts) < MAX_CHUNKS:
            texts.append(_decoded(one))
            left -= len(one)
    return PngSayings(
        tuple(text_chunk("Comment", text) for text in texts),
        {"Comment": "; ".join(texts)} if texts else {},
        lost=("Comment",) if len(texts) < len(stored) else (),
    )


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _lost(png: PngSayings) -> str | None:
    names = ", ".join(png.lost)
    return f"damaged or too large, and not carried over: {one_line(names)}" if names else None


def _iptc(image: Image.Image, jpeg: JpegSayings, psd: dict[int, bytes]) -> bytes | None:
    """Return the IPTC-IIM records of a JPEG's or a Photoshop document's resources."""
    if joined := photoshop_resource(jpeg.resources, IPTC_RESOURCE):
        return joined
    # Pillow takes each segment for itself, as writers do that leave a segment's end out of step.
    resources = image.info.get("photoshop")
    block = (resources if isinstance(resources, dict) else psd).get(IPTC_RESOURCE)
    return block if isinstance(block, bytes) else None
