"""Law: a derivative shows the restored picture only, and its EXIF is otherwise the master's, byte for byte."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from oldphoto_core.image_io import decode
from oldphoto_core.image_io.thumbnail import without_thumbnail
from tests.oldphoto_core.image_io.image_files import encoded, png_with, ramp, through_pillow

THUMBNAIL = through_pillow(ramp(12, 16), "JPEG")
NOTE = b"a maker's note, which may point to places in the block"


def exif(order: str = "<", *, behind: bytes = b"") -> bytes:
    """A turned picture's block: a first directory with a note, one of a thumbnail, the thumbnail, and more bytes."""
    note_at = 8 + 2 + 2 * 12 + 4
    second = note_at + len(NOTE)
    place = second + 2 + 2 * 12 + 4
    return b"".join(
        (
            (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 2),
            struct.pack(f"{order}HHIHH", 274, 3, 1, 6, 0),
            struct.pack(f"{order}HHII", 40000, 7, len(NOTE), note_at),
            struct.pack(f"{order}I", second) + NOTE + struct.pack(f"{order}H", 2),
            struct.pack(f"{order}HHII", 513, 4, 1, place),
            struct.pack(f"{order}HHII", 514, 4, 1, len(THUMBNAIL)) + bytes(4),
            THUMBNAIL + behind,
        )
    )


def master(block: bytes) -> bytes:
    return png_with(through_pillow(ramp(), "PNG"), (b"eXIf", block))


@pytest.mark.parametrize("order", "<>")
def test_a_derivative_has_no_thumbnail_of_its_master(order: str) -> None:
    photo = decode(master(exif(order)), key="a.png")
    data = encoded(photo)
    assert THUMBNAIL not in data
    with Image.open(io.BytesIO(data)) as image:
        block = image.info["exif"].removeprefix(b"Exif\0\0")
        assert image.getexif().get_ifd(1) == {}
        assert dict(image.getexif()) == {274: 6, 40000: NOTE}
    before = exif(order)
    link = before.index(NOTE) - 4
    assert block == before[:link] + bytes(4) + before[link + 4 : -len(THUMBNAIL)]
    # The master's own says what it said: only derivatives are made without.
    assert photo.header.exif_block == before


def test_what_lies_behind_a_thumbnail_stays_in_its_place() -> None:
    block = exif(behind=b"more")
    assert len(without_thumbnail(block)) == len(block)
    assert without_thumbnail(without_thumbnail(block)) == without_thumbnail(block)


def test_a_block_without_a_thumbnail_stays_as_it_is() -> None:
    plain = Image.Exif()
    plain[274] = 6
    block = plain.tobytes().removeprefix(b"Exif\0\0")
    assert without_thumbnail(block) == block


@pytest.mark.parametrize("size", [9, 20, 35, 100, 150])
def test_a_damaged_block_is_carried_over_as_before(size: int) -> None:
    block = exif()[:size]
    with Image.open(io.BytesIO(encoded(decode(master(block), key="a.png")))) as image:
        assert image.info["exif"].removeprefix(b"Exif\0\0").startswith(block[:8])
