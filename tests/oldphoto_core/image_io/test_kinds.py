"""Law: a sound file that is not decoded is not called damaged, and what a Photoshop document says is kept."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import decode, read_header
from tests.oldphoto_core.image_io.image_files import RECORDS, SRGB, encoded, jp2, psd, ramp, through_pillow

BITMAP, GREY, RGB, CMYK, MULTICHANNEL = 0, 1, 3, 4, 7
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
RESOLUTION = struct.pack(">IHHIHH", 600 << 16, 2, 1, 400 << 16, 2, 1)
"""600 × 400 pixels per inch, which Photoshop was asked to show per centimetre."""


def exif() -> bytes:
    block = Image.Exif()
    block[270], block[274] = "Market day", 6
    return block.tobytes().removeprefix(b"Exif\0\0")


def test_a_photoshop_document_keeps_what_it_says_of_its_picture() -> None:
    said = ((1028, RECORDS), (1005, RESOLUTION), (1039, SRGB), (1058, exif()), (1060, XMP))
    photo = decode(psd(ramp(), RGB, *said), key="a.psd")
    assert photo.warnings == ()
    np.testing.assert_array_equal(photo.pixels, ramp())
    for header in (photo.header, read_header(encoded(photo), key="a.png")):
        assert header.orientation == 6
        assert header.dpi == pytest.approx((600, 400), rel=1e-3)
        assert header.exif["Image ImageDescription"] == "Market day"
        assert (header.exif_block, header.xmp_block, header.iptc_block) == (exif(), XMP, RECORDS)
        assert header.icc_profile == SRGB


@pytest.mark.parametrize("resolution", [b"", bytes(8), bytes(16)])
def test_a_photoshop_document_may_say_no_resolution(resolution: bytes) -> None:
    assert read_header(psd(ramp(), RGB, (1005, resolution)), key="a.psd").dpi is None


@pytest.mark.parametrize(
    ("mode", "channels", "unread"), [(GREY, 2, 1), (GREY, 3, 2), (RGB, 4, 0), (RGB, 5, 2), (CMYK, 5, 1)]
)
def test_channels_beside_the_colours_are_read_as_alpha_or_named(
    mode: int, channels: int, unread: int
) -> None:
    photo = decode(psd(ramp(channels=channels), mode), key="a.psd")
    note = (
        f"channels beside its colours (transparency, selections or spot inks: {unread}) are not carried over"
    )
    assert (note in photo.warnings) == (unread > 0)
    assert (photo.alpha is not None) == (mode == RGB and channels == 4)


def deep_jpeg() -> bytes:
    return bytes(imagecodecs.jpeg8_encode(ramp(dtype=np.uint16) >> 4, bitspersample=12))


def jpeg_ls() -> bytes:
    return bytes(imagecodecs.jpegls_encode(ramp(channels=1)))


def bmp(header: bytes, rest: bytes) -> bytes:
    """A BMP whose ``rest`` (palette and pixels, or pixels) begins at once."""
    return struct.pack("<2sI4xI", b"BM", 14 + len(header) + len(rest), 14 + len(header)) + header + rest


def runs_of_16_colours() -> bytes:
    """8 × 1 pixels: a run of five, a run of three, the end."""
    head = struct.pack("<IiiHHIIiiII", 40, 8, 1, 1, 4, 2, 6, 0, 0, 0, 0)
    return bmp(head, bytes(64) + b"\5\x11\3\x22\0\1")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.bmp", runs_of_16_colours(), "16 colours in run lengths"),
        ("a.psd", psd(ramp(dtype=np.uint16), RGB), "16 bits per channel"),
        ("a.psd", psd(ramp(dtype=np.uint16)[..., :1], GREY), "16 bits per channel"),
        ("a.psd", psd(ramp(), MULTICHANNEL), "3 separate inks"),
        ("a.jpg", deep_jpeg(), "12 bits per channel"),
        ("a.jls", jpeg_ls(), "it is a JPEG-LS picture"),
        ("a.jls", jpeg_ls()[:2] + b"\xff\xfe\0\6note" + jpeg_ls()[2:], "it is a JPEG-LS picture"),
        ("a.jp2", jp2(ramp(channels=5)), "5 channels"),
        ("a.jp2", jp2(ramp(channels=5, dtype=np.uint16)), "5 channels"),
    ],
)
def test_a_sound_file_that_is_not_decoded_is_to_be_exported(name: str, data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedPhotoError, match=words) as caught:
        read_header(data, key=name)
    assert "Export it" in caught.value.remedy


def test_a_bmp_of_the_first_kind_names_no_compression() -> None:
    """Where later kinds name theirs, its pixels lie."""
    pixels = bytes([9, 9, 9, 9, 2, 0, 0, 0, 0, 9, 9, 9])
    photo = decode(bmp(struct.pack("<IHHHH", 12, 4, 1, 1, 24), pixels), key="a.bmp")
    np.testing.assert_array_equal(photo.pixels, np.frombuffer(pixels, np.uint8).reshape(1, 4, 3)[..., ::-1])


def test_a_set_bit_of_a_photoshop_bitmap_is_black() -> None:
    black = ramp(24, 32, 1) > 128
    data = bytearray(psd(np.packbits(black, axis=1)[..., None], BITMAP))
    data[18:24] = struct.pack(">IH", 32, 1)
    photo = decode(bytes(data), key="a.psd")
    np.testing.assert_array_equal(photo.pixels, np.where(black, 0, 255))
    assert photo.pixels.dtype == np.uint8


def test_one_ink_alone_is_a_grey_picture() -> None:
    grey = ramp()[..., :1]
    np.testing.assert_array_equal(decode(psd(grey, MULTICHANNEL), key="a.psd").pixels, grey[..., 0])


def test_a_depth_that_no_jpeg_can_have_is_damage() -> None:
    data = bytearray(through_pillow(ramp(), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 99
    with pytest.raises(UnreadablePhotoError):
        read_header(bytes(data), key="a.jpg")
