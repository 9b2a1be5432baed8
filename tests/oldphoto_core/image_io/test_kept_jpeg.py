"""Law: what a JPEG says over several segments, its derivative says too, or a warning names it."""

from __future__ import annotations

import struct

import pytest

from oldphoto_core.image_io import decode, read_header
from tests.oldphoto_core.image_io.image_files import (
    RECORDS,
    encoded,
    ramp,
    through_pillow,
    with_segments,
)

PHOTOSHOP, COMMENT = 0xED, 0xFE
NAME = b"Photoshop 3.0\0"
IPTC, THUMBNAIL = 0x0404, 0x040C


def resource(number: int, content: bytes) -> bytes:
    return struct.pack(">4sHHI", b"8BIM", number, 0, len(content)) + content + bytes(len(content) % 2)


def spread(resources: bytes) -> bytes:
    """A JPEG whose resources of Photoshop's take as many segments as they need."""
    parts = [NAME + resources[at : at + 65_000] for at in range(0, len(resources), 65_000)]
    return with_segments(through_pillow(ramp(), "JPEG"), *((PHOTOSHOP, part) for part in parts))


def keywords(size: int) -> bytes:
    """IPTC records of ``size`` bytes and a little more."""
    return b"".join(b"\x1c\x02\x19\0\x0bkeyword%04d" % number for number in range(size // 16 + 1))


@pytest.mark.parametrize(
    ("resources", "records"),
    [
        (resource(THUMBNAIL, bytes(66_000)) + resource(IPTC, RECORDS), RECORDS),
        (resource(IPTC, keywords(82_000)), keywords(82_000)),
        (resource(IPTC, RECORDS) + resource(THUMBNAIL, bytes(66_000)), RECORDS),
    ],
)
def test_iptc_is_whole_where_photoshops_resources_exceed_a_segment(resources: bytes, records: bytes) -> None:
    photo = decode(spread(resources), key="a.jpg")
    assert photo.header.iptc_block == records
    assert photo.warnings == ()
    assert decode(encoded(photo), key="a.png").header.iptc_block == records


def test_iptc_in_a_segment_of_its_own_is_found_behind_one_that_lacks_its_last_byte() -> None:
    odd = resource(THUMBNAIL, b"odd")[:-1]
    segments = ((PHOTOSHOP, NAME + odd), (PHOTOSHOP, NAME + resource(IPTC, RECORDS)))
    data = with_segments(through_pillow(ramp(), "JPEG"), *segments)
    assert read_header(data, key="a.jpg").iptc_block == RECORDS


def test_every_comment_of_a_jpeg_becomes_a_text() -> None:
    comments = (b"plate 12, Main street\0", "Müller".encode(), b"  ", "Scanner Größe".encode("latin-1"))
    data = with_segments(through_pillow(ramp(), "JPEG"), *((COMMENT, one) for one in comments))
    photo = decode(data, key="a.jpg")
    assert photo.warnings == ()
    again = read_header(encoded(photo), key="a.png")
    found = [chunk for chunk in again.png_chunks if chunk[1].startswith(b"Comment\0")]
    assert [text.split(b"\0", 1)[1].decode("latin-1") for _, text in found] == [
        "plate 12, Main street",
        "Müller",
        "Scanner Größe",
    ]
    assert photo.header.exif["Text Comment"] == "plate 12, Main street; Müller; Scanner Größe"


@pytest.mark.parametrize(("size", "kept"), [(8, 500), (60_000, 66)])
def test_comments_are_bounded_as_the_texts_of_a_png_are(size: int, kept: int) -> None:
    data = with_segments(through_pillow(ramp(), "JPEG"), *[(COMMENT, b"x" * size)] * 600)
    header = read_header(data, key="a.jpg")
    assert len(header.png_chunks) == kept
    assert header.warnings == ("damaged or too large, and not carried over: Comment",)
