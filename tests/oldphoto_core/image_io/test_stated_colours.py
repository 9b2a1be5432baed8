"""Law: how a file states its colours and alpha decides what its samples mean; nothing passes for sRGB unsaid."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.errors import UnsupportedPhotoError
from oldphoto_core.image_io import decode, read_header
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    encoded,
    jp2,
    noise,
    ramp,
    through_pillow,
    with_jp2_boxes,
)

PICTURE = ramp()
ENUMERATED, VENDOR = 1, 4


def in_space(number: int, pixels: NDArray[Any] = PICTURE) -> bytes:
    """A JPEG 2000 whose samples are said to be of an enumerated colour space."""
    data = bytearray(jp2(pixels, mct=False))
    at = data.index(b"colr") + 7
    data[at : at + 4] = struct.pack(">I", number)
    return bytes(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("number", "name"),
    [
        (21, "ROMM-RGB"),
        (20, "e-sRGB"),
        (14, "CIELab"),
        (12, "CMYK"),
        (24, "e-sYCC"),
        (0, "1 is black"),
        (99, "99"),
    ],
)
def test_a_jpeg_2000_in_a_space_that_is_not_converted_is_to_be_exported(
    number: int, name: str, dtype: Any
) -> None:
    with pytest.raises(UnsupportedPhotoError, match=rf"{name}.*number {number}|number {name}") as caught:
        read_header(in_space(number, ramp(dtype=dtype)), key="a.jp2")
    assert caught.value.remedy.startswith("Export it")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("number", "channels"), [(15, 1), (16, 3), (17, 1)])
def test_a_jpeg_2000_in_a_usual_space_is_taken_as_it_is(number: int, channels: int, dtype: Any) -> None:
    pixels = ramp(channels=channels, dtype=dtype)
    photo = decode(in_space(number, pixels), key="a.jp2")
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert photo.warnings == ()


def test_a_jpeg_2000_of_inks_without_a_profile_is_converted_and_said() -> None:
    photo = decode(in_space(12, ramp(channels=4)), key="a.jp2")
    assert photo.warnings == ("CMYK inks without a CMYK profile were converted to RGB approximately",)


def test_a_profile_says_more_than_the_number_beside_it() -> None:
    data = with_jp2_boxes(in_space(21), (b"colr", bytes([2, 0, 0]) + SRGB))
    assert decode(data, key="a.jp2").header.icc_profile == SRGB


def test_colours_that_are_described_by_another_method_are_named() -> None:
    data = bytearray(jp2(PICTURE))
    data[data.index(b"colr") + 4] = VENDOR
    assert "taken as sRGB" in read_header(bytes(data), key="a.jp2").warnings[0]


def bmp(kind: bytes, profile: bytes, *, at: int | None = None) -> bytes:
    """A BMP with the fifth header and a profile, or a profile's name, behind its pixels."""
    pixels = noise(4, 8)[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 124, 8, 4, 1, 24, 0, len(pixels), 11811, 11811, 0, 0)
    head += bytes(16) + kind + bytes(48)
    head += struct.pack("<IIII", 4, 124 + len(pixels) if at is None else at, len(profile), 0)
    size = 14 + len(head) + len(pixels) + len(profile)
    return struct.pack("<2sI4xI", b"BM", size, 14 + len(head)) + head + pixels + profile


def gif(*extensions: tuple[int, bytes, bytes]) -> bytes:
    """A GIF with application blocks (label, name, content) before its picture."""
    data = through_pillow(Image.fromarray(PICTURE).quantize(64), "GIF")
    start = 13 + (3 << (data[10] & 7) + 1)
    added = b"".join(
        bytes([0x21, label, len(name)]) + name + in_blocks(content) + b"\0"
        for label, name, content in extensions
    )
    return data[:start] + added + data[start:]


def in_blocks(content: bytes) -> bytes:
    pieces = (content[at : at + 255] for at in range(0, len(content), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces)


LOOP, PROFILE = (0xFF, b"NETSCAPE2.0", b"\1\0\0"), (0xFF, b"ICCRGBG1012", SRGB)
REMARK = (0xFE, b"ICCRGBG1012", b"a comment that is no profile")


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.bmp", bmp(b"DEBM", SRGB)), ("a.gif", gif(PROFILE)), ("a.gif", gif(LOOP, REMARK, PROFILE, LOOP))],
)
def test_the_profile_of_a_bmp_or_gif_is_kept(name: str, data: bytes) -> None:
    photo = decode(data, key=name)
    assert (photo.header.icc_profile, photo.warnings) == (SRGB, ())
    assert read_header(encoded(photo), key="a.png").icc_profile == SRGB


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bmp(b"KNIL", b"C:\\scanner.icm\0"), "a file beside it"),
        (bmp(b"DEBM", SRGB, at=1 << 20), "missing"),
        (bmp(b"DEBM", SRGB[:40]), "unreadable"),
        (gif((0xFF, b"ICCRGBG1012", SRGB[:40])), "unreadable"),
    ],
)
def test_a_profile_that_is_not_there_or_damaged_is_named(data: bytes, words: str) -> None:
    header = read_header(data, key="a")
    assert header.icc_profile is None
    assert len(header.warnings) == 1
    assert words in header.warnings[0]


@pytest.mark.parametrize("data", [bmp(b"BGRs", b""), bmp(b" niW", b""), gif(LOOP), gif(REMARK), gif()])
def test_a_bmp_or_gif_without_a_profile_has_none(data: bytes) -> None:
    header = read_header(data, key="a")
    assert (header.icc_profile, header.warnings) == (None, ())


def targa(fourth: int, declared: int) -> bytes:
    head = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 31, 24, 32, 0x20 | declared)
    return head + np.dstack([PICTURE[..., ::-1], np.full((24, 31), fourth, np.uint8)]).tobytes()


@pytest.mark.parametrize(
    ("fourth", "declared", "kept"), [(0, 0, False), (0, 8, True), (7, 0, True), (7, 8, True)]
)
def test_a_byte_of_nothing_that_a_targa_does_not_call_alpha_is_none(
    fourth: int, declared: int, kept: bool
) -> None:
    photo = decode(targa(fourth, declared), key="a.tga")
    np.testing.assert_array_equal(photo.pixels, PICTURE)
    assert (photo.alpha is not None) == kept
