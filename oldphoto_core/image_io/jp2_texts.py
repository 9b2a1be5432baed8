"""What a JPEG 2000 says in XML boxes: XMP where it is that by another name, a text of its own otherwise.

The boxes may hold any XML (ISO/IEC 15444-1, annex I.7.1); newspapers' programmes put Dublin Core in RDF there.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from xml.etree import ElementTree

from oldphoto_core.image_io.png_chunks import MAX_TEXT, PngSayings
from oldphoto_core.image_io.xmp import xmp_text

_KEYWORD = "XML"
_MAX_TEXTS = 4
"""Texts of one file that are taken over; more than two have not been seen."""
_XMP_ROOTS = ("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF", "{adobe:ns:meta/}xmpmeta")


def xml_sayings(boxes: Iterable[bytes], *, has_xmp: bool) -> PngSayings:
    """Return the first box that is RDF as XMP, where the file ``has_xmp`` not yet, and the others as texts."""
    xmp: bytes | None = None
    texts: dict[str, str] = {}
    lost: dict[str, None] = {}
    for number, box in enumerate(boxes, 1):
        keyword = _KEYWORD if number == 1 else f"{_KEYWORD} {number}"
        if not has_xmp and xmp is None and _root(box) in _XMP_ROOTS:
            xmp = box
            continue
        text, whole = xmp_text(box)
        if not whole or len(box) > MAX_TEXT or len(texts) == _MAX_TEXTS:
            lost[keyword] = None
        elif text.strip():
            texts[keyword] = text.replace("\0", " ")
    chunks = tuple((b"iTXt", name.encode() + b"\0\0\0\0\0" + text.encode()) for name, text in texts.items())
    return PngSayings(chunks, texts, xmp=xmp, lost=tuple(lost))


def _root(box: bytes) -> str | None:
    """Return the name of the outermost element; None where it is no XML."""
    try:
        # Only as far as the first element: what is in it is for whoever reads the derivative.
        _, element = next(ElementTree.iterparse(io.BytesIO(box.rstrip(b"\0")), events=("start",)))
    except (ElementTree.ParseError, StopIteration, ValueError, LookupError):
        return None
    return str(element.tag)
