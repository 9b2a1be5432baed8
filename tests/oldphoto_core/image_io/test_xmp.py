"""Law: XMP says the same in a derivative as in its master, in whichever Unicode it is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oldphoto_core.image_io import decode, read_header
from oldphoto_core.image_io.xmp import xmp_text
from tests.oldphoto_core.image_io.image_files import derived, ramp, through_pillow, through_tifffile

MARK = "\ufeff"
BODY = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><a tiff:Orientation='6'>Łódź, Straße</a></x:xmpmeta>"
DECLARED = "<?xml version='1.0' encoding='{0}'?><?xpacket begin='\ufeff' id='W5M0' encoding=\"{0}\"?>" + BODY
ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
NOTE = "its XMP holds bytes that are no text in Unicode; in a PNG, which has to be, they are replaced"


def tiff(packet: bytes, dtype: Any = np.uint8, **options: Any) -> bytes:
    tags = [(700, "B", len(packet), packet, True)]
    return through_tifffile(ramp(dtype=dtype), photometric="rgb", software=False, extratags=tags, **options)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("mark", ["", MARK])
@pytest.mark.parametrize("filling", [b"", bytes(1), bytes(7)])
def test_a_packet_becomes_the_same_text_in_utf_8(encoding: str, mark: str, filling: bytes) -> None:
    packet = (mark + DECLARED.format(encoding.upper())).encode(encoding) + filling
    text, whole = xmp_text(packet)
    assert text.removeprefix(MARK) == DECLARED.format("UTF-8")
    assert whole


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_png_says_in_utf_8_what_its_master_said(encoding: str) -> None:
    data = tiff((MARK + BODY).encode(encoding))
    photo = decode(data, key="a.tif")
    assert photo.warnings == ()
    block = read_header(derived(data), key="a.png").xmp_block
    assert block is not None
    assert block.decode().removeprefix(MARK) == BODY


def test_a_tiff_says_it_as_its_master_did() -> None:
    packet = (MARK + BODY).encode("utf-16")
    assert read_header(derived(tiff(packet, np.uint16)), key="a.tif").xmp_block == packet


@pytest.mark.parametrize("packet", [BODY.encode("cp1250"), BODY.encode("utf-16-le") + b"x"])
def test_bytes_that_are_no_text_are_named(packet: bytes) -> None:
    data = tiff(packet)
    assert decode(data, key="a.tif").warnings == (NOTE,)
    block = read_header(derived(data), key="a.png").xmp_block
    assert block is not None
    assert b"tiff:Orientation='6'" in block
    assert decode(tiff(packet, np.uint16), key="a.tif").warnings == ()


def test_the_orientation_in_utf_16_counts_where_exif_has_none() -> None:
    data = through_pillow(ramp(), "WEBP", xmp=BODY.encode("utf-16"))
    assert read_header(data, key="a.webp").orientation == 6
    assert read_header(derived(data), key="a.png").orientation == 6


def test_an_orientation_that_did_not_count_in_a_tiff_does_not_turn_its_png() -> None:
    data = tiff(BODY.encode())
    assert read_header(data, key="a.tif").orientation == 1
    assert read_header(derived(data), key="a.png").orientation == 1
