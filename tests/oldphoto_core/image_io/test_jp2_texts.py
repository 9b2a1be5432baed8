"""Law: what a JPEG 2000 says in XML boxes, a derivative says too, or a warning names it."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from oldphoto_core.image_io import decode, read_header
from tests.oldphoto_core.image_io.image_files import derived, encoded, jp2, ramp

RDF = (
    b'<?xml version="1.0" encoding="UTF-8"?><!-- <x:xmpmeta> --><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    b"<rdf:Description><dc:title>The National Forum</dc:title></rdf:Description></rdf:RDF>"
)
METS = '<mets title="Müller, Łódź"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></mets>'
PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def xml(content: str | bytes) -> bytes:
    return box(b"xml ", content if isinstance(content, bytes) else content.encode())


def with_boxes(*boxes: bytes, dtype: Any = np.uint8) -> bytes:
    data = jp2(ramp(dtype=dtype))
    at = data.index(b"jp2c") - 4
    return data[:at] + b"".join(boxes) + data[at:]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("content", [RDF, RDF + b"\0", PACKET])
def test_rdf_in_an_xml_box_is_xmp(content: bytes, dtype: Any) -> None:
    data = with_boxes(xml(content), dtype=dtype)
    photo = decode(data, key="a.jp2")
    assert (photo.header.xmp_block, photo.warnings) == (content, ())
    again = read_header(encoded(photo), key="a").xmp_block
    assert again is not None
    assert again.rstrip(b"\0") == content.rstrip(b"\0")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_other_xml_is_a_text_of_a_png(encoding: str) -> None:
    data = with_boxes(xml(METS.encode(encoding)), xml(""), box(b"asoc", box(b"lbl ", b"gml") + xml("<gml/>")))
    header = read_header(data, key="a.jp2")
    assert (header.xmp_block, header.warnings) == (None, ())
    assert (header.exif["Text XML"], header.exif["Text XML 3"]) == (METS, "<gml/>")
    with Image.open(io.BytesIO(derived(data))) as image:
        assert (image.info["XML"], image.info["XML 3"]) == (METS, "<gml/>")


def test_other_xml_of_a_16_bit_file_is_named() -> None:
    data = with_boxes(xml(METS), xml("<second/>"), dtype=np.uint16)
    assert read_header(data, key="a.jp2").warnings == (
        "texts that TIFF has no tag for are not carried over: XML, XML 2",
    )


@pytest.mark.parametrize("before", [xml(PACKET), box(b"uuid", XMP_UUID + PACKET)], ids=["xml", "uuid"])
def test_of_several_the_xmp_of_the_file_stays_and_rdf_is_a_text(before: bytes) -> None:
    header = read_header(with_boxes(before, xml(RDF)), key="a.jp2")
    assert (header.xmp_block, header.warnings) == (PACKET, ())
    assert any("The National Forum" in text for text in header.exif.values())


def test_xmp_of_its_own_counts_wherever_it_lies() -> None:
    header = read_header(with_boxes(xml(RDF), box(b"uuid", XMP_UUID + PACKET)), key="a.jp2")
    assert (header.xmp_block, header.exif["Text XML"]) == (PACKET, RDF.decode())


@pytest.mark.parametrize(
    ("boxes", "lost"),
    [
        ((xml(b"<a>\xff\xfe\xfa</a>"),), "XML"),
        ((xml("<a>" + "x" * (1 << 20) + "</a>"),), "XML"),
        ((xml("<a/>"),) * 6, "XML 5, XML 6"),
    ],
)
def test_xml_that_is_damaged_or_too_much_is_named(boxes: tuple[bytes, ...], lost: str) -> None:
    header = read_header(with_boxes(*boxes), key="a.jp2")
    assert header.warnings == (f"damaged or too large, and not carried over: {lost}",)


@pytest.mark.parametrize(
    "content", ["no markup at all", "<unfinished", '<?xml version="1.0" encoding="no-such"?><a/>']
)
def test_what_is_no_xml_is_a_text(content: str) -> None:
    header = read_header(with_boxes(xml(content)), key="a.jp2")
    assert (header.exif["Text XML"], header.xmp_block, header.warnings) == (content, None, ())
