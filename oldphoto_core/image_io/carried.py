"""What a derivative takes over of its master's descriptions, and the words for what it cannot.

The master's own values are written as they are, but for the software: a file's software is the one that made
it, so that ours is named and the master's beside it.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from PIL import Image

from oldphoto_core.image_io.boundary import one_line
from oldphoto_core.image_io.ifd import Entry
from oldphoto_core.image_io.png_chunks import (
    COLOUR,
    MAX_INFLATED,
    SRGB_CHROMATICITIES,
    SRGB_GAMMA,
    iptc_chunk,
    keyword_of,
    text_of,
)
from oldphoto_core.image_io.png_writer import PngFacts
from oldphoto_core.image_io.profile import is_of_inks
from oldphoto_core.image_io.thumbnail import without_thumbnail
from oldphoto_core.image_io.tiff_tags import SOFTWARE, descriptions, left_out
from oldphoto_core.image_io.tiff_writer import TiffFacts
from oldphoto_core.image_io.xmp import xmp_orientation, xmp_text
from oldphoto_core.photo import PhotoHeader

_OWN = ("Software", "oldphoto:recipe")
_TAGS = {"Title": 269, "Description": 270, "Software": SOFTWARE, "Author": 315, "Copyright": 33432}
"""TIFF tags with the meaning of PNG's keywords."""
_ASCII = 2
_USUAL_PROFILE = 1 << 20
"""Pillow, where nobody has raised its limit, opens no PNG whose profile has more bytes."""
_SRGB_COLOURS = (
    (b"gAMA", struct.pack(">I", SRGB_GAMMA)),
    (b"cHRM", struct.pack(">8I", *SRGB_CHROMATICITIES)),
)


def png_facts(header: PhotoHeader, profile: bytes | None, software: str, recipe_id: str) -> PngFacts:
    """Return what a PNG made of this master says; ``profile`` is the pixels' own."""
    chunks = [_renamed(*chunk) for chunk in header.png_chunks if not (profile and chunk[0] == b"sRGB")]
    return PngFacts(
        icc_profile=profile if profile and len(profile) <= MAX_INFLATED else None,
        dpi=header.dpi,
        exif=_exif_with_orientation(header),
        xmp=xmp_text(header.xmp_block)[0] if header.xmp_block else None,
        texts=dict(zip(_OWN, (software, recipe_id), strict=True)),
        chunks=(*chunks, *([iptc_chunk(header.iptc_block)] if header.iptc_block else [])),
    )


def tiff_facts(header: PhotoHeader, profile: bytes | None, software: str, recipe_id: str) -> TiffFacts:
    """Return what a TIFF made of this master says; ``profile`` is the pixels' own."""
    found = descriptions(header.exif_block)
    said = {entry.tag: entry for entry in found.entries}
    for name, text in _texts(header).items():
        if name in _TAGS:
            said.setdefault(_TAGS[name], Entry(_TAGS[name], _ASCII, text.encode() + b"\0"))
    before = _text(said.pop(SOFTWARE, None))
    return TiffFacts(
        software=f"{software} (recipe {recipe_id})" + (f"; master: {before}" if before else ""),
        orientation=header.orientation,
        icc_profile=profile,
        dpi=header.dpi,
        xmp=header.xmp_block,
        iptc=header.iptc_block,
        descriptions=replace(found, entries=tuple(said.values())),
    )


def not_carried(header: PhotoHeader) -> tuple[str, ...]:
    """Return warnings for what the master says and its derivative, a PNG or above 8 bits a TIFF, cannot say."""
    if header.bit_depth <= 8 or header.mode == "P":
        return _not_in_png(header)
    if header.format == "TIFF":
        return ()
    found = descriptions(header.exif_block)
    colours = tuple(chunk for chunk in header.png_chunks if chunk[0] in COLOUR)
    remarks = list(left_out(found.lost))
    if header.icc_profile is None and any(c[0] != b"sRGB" and c not in _SRGB_COLOURS for c in colours):
        names = ", ".join(kind.decode() for kind, _ in colours)
        remarks.append(
            f"its colours are described as only PNG does it ({names}), which a 16-bit derivative, a TIFF, "
            "cannot say; it may look lighter or darker"
        )
    said = {entry.tag: _text(entry) for entry in found.entries}
    unsaid = [
        n for n, text in _texts(header).items() if said.get(_TAGS.get(n, 0), text) != text or n not in _TAGS
    ]
    if unsaid:
        remarks.append(one_line(f"texts that TIFF has no tag for are not carried over: {', '.join(unsaid)}"))
    return tuple(remarks)


def _not_in_png(header: PhotoHeader) -> tuple[str, ...]:
    unsaid = (_large_profile(header.icc_profile), _no_text(header.xmp_block))
    return tuple(remark for remark in unsaid if remark)


def _large_profile(profile: bytes | None) -> str | None:
    """Return a warning about a profile that is too large for a PNG, or for some programs that read one.

    Without its profile a picture looks wrong everywhere, so one that some programs cannot bear is kept and named;
    only one that could not even be read here any more is left out.
    """
    # One of inks is not carried over anyhow: the pixels are converted.
    if profile is None or is_of_inks(profile) or len(profile) <= _USUAL_PROFILE:
        return None
    if len(profile) > MAX_INFLATED:
        return f"its colour profile ({len(profile):,} bytes) is too large for a PNG and is not carried over"
    return (
        f"its colour profile ({len(profile):,} bytes) is carried over; programs that limit the profile of a PNG "
        f"to {_USUAL_PROFILE:,} bytes, as Pillow does, may not open the derivative"
    )


def _no_text(xmp: bytes | None) -> str | None:
    if xmp is None or xmp_text(xmp)[1]:
        return None
    return "its XMP holds bytes that are no text in Unicode; in a PNG, which has to be, they are replaced"


def _text(entry: Entry | None) -> str:
    return entry.data.decode(errors="replace").rstrip("\0 ") if entry else ""


def _texts(header: PhotoHeader) -> dict[str, str]:
    """Return the master's texts by keyword, the first of each."""
    texts: dict[str, str] = {}
    for kind, content in header.png_chunks:
        if kind not in COLOUR and (text := text_of(kind, content)):
            texts.setdefault(keyword_of(content), text)
    return texts


def _renamed(kind: bytes, content: bytes) -> tuple[bytes, bytes]:
    """Return a chunk under another name where its own is one that we write."""
    keyword = keyword_of(content) if kind not in COLOUR else ""
    if keyword not in _OWN:
        return kind, content
    name = keyword.removeprefix("oldphoto:").lower()
    return kind, f"oldphoto:master-{name}".encode() + content[len(keyword) :]


def _exif_with_orientation(header: PhotoHeader) -> bytes | None:
    """Return the photo's own EXIF, or one that holds the orientation where it has none but is turned.

    So it does where only the XMP is turned: of a TIFF that does not count, of a PNG without EXIF it would.
    """
    turned = header.orientation != 1 or xmp_orientation(header.xmp_block) not in (None, 1)
    if header.exif_block:
        return _for_another_picture(header.exif_block)
    if not turned:
        return None
    exif = Image.Exif()
    exif[274] = header.orientation
    return exif.tobytes()


def _for_another_picture(exif: bytes) -> bytes:
    """Leave out the thumbnail, which shows the picture before it was restored; what is damaged stays as it is."""
    try:
        return without_thumbnail(exif)
    except (ValueError, struct.error):
        return exif
