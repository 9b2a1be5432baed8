from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import read_header
from oldphoto_core.image_io.metadata import describe
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    deep_png,
    oriented_jpeg,
    ramp,
    through_pillow,
    through_tifffile,
)


def test_a_jpeg_tells_its_size_orientation_profile_resolution_and_exif() -> None:
    header = read_header(oriented_jpeg(6), key="a.jpg")
    assert (header.format, header.width, header.height) == ("JPEG", 31, 24)
    assert (header.bit_depth, header.channels, header.mode) == (8, 3, "RGB")
    assert header.orientation == 6
    assert header.icc_profile == SRGB
    assert header.icc_description
    assert header.dpi == (300, 300)
    assert header.exif["Image Make"] == "Kodak"
    assert header.exif["Image ImageDescription"] == "Grandmother, 1923"
    assert header.warnings == ()


def test_a_tiff_tells_the_same_and_its_depth() -> None:
    data = through_tifffile(
        ramp(dtype=np.uint16),
        photometric="rgb",
        iccprofile=SRGB,
        resolution=(400, 400),
        resolutionunit="inch",
        description="Grandmother, 1923",
        extratags=[(274, "H", 1, 8, True), (271, "s", 0, "Epson", True), (700, "B", 3, b"<x>", True)],
    )
    header = read_header(data, key="a.tif")
    assert (header.format, header.width, header.height, header.bit_depth) == ("TIFF", 31, 24, 16)
    assert (header.orientation, header.dpi, header.icc_profile) == (8, (400, 400), SRGB)
    assert header.exif["Image Make"] == "Epson"
    assert header.exif["Image ImageDescription"] == "Grandmother, 1923"
    assert header.xmp_block == b"<x>"


def test_resolution_per_centimetre_becomes_per_inch() -> None:
    data = through_tifffile(ramp(channels=1), resolution=(100, 100), resolutionunit="centimeter")
    assert read_header(data, key="a.tif").dpi == (254, 254)


def test_the_depth_that_pillow_hides_is_told() -> None:
    assert read_header(deep_png(ramp(dtype=np.uint16)), key="a.png").bit_depth == 16
    assert read_header(b"P6 1 1 65535\n" + bytes(6), key="a.ppm").bit_depth == 16


def test_a_summary_is_json() -> None:
    exif = Image.Exif()
    exif[270] = "bell \x07 and newline \n and a very long text " + "x" * 5000
    header = read_header(through_pillow(ramp(), "JPEG", exif=exif), key="a.jpg")
    text = json.dumps(header.summary(), ensure_ascii=False)
    assert json.loads(text)["exif"]["Image ImageDescription"].startswith("bell and newline and")
    assert "\\u0007" not in text
    assert len(header.exif["Image ImageDescription"]) <= 300


def test_an_orientation_that_exif_does_not_know_is_a_warning() -> None:
    header = read_header(oriented_jpeg(9), key="a.jpg")
    assert header.orientation == 1
    assert any("orientation" in warning for warning in header.warnings)


def test_an_orientation_without_a_value_is_a_warning() -> None:
    found = describe(b"II*\0" + struct.pack("<IHHHIII", 8, 1, 274, 3, 0, 0, 0), key="a.jpg")
    assert found.orientation == 1
    assert "not 1 to 8" in found.warnings[0]


def test_the_orientation_in_xmp_counts_where_exif_has_none() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="3"/>')
    header = read_header(through_pillow(ramp(), "PNG", pnginfo=text), key="a.png")
    assert header.orientation == 3


def test_damaged_exif_and_profile_are_warnings_not_errors() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    header = read_header(through_pillow(ramp(), "JPEG", exif=exif, icc_profile=b"nothing"), key="a.jpg")
    assert header.orientation == 1
    assert header.icc_profile is None
    assert any("profile" in warning for warning in header.warnings)


def test_iptc_is_read_from_a_jpeg() -> None:
    caption = "Großmutter, 1923".encode()
    records = b"\x1c\x02\x78" + struct.pack(">H", len(caption)) + caption
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) % 2)
    segment = b"Photoshop 3.0\0" + resource
    jpeg = through_pillow(ramp(), "JPEG")
    data = jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
    assert read_header(data, key="a.jpg").exif["IPTC Caption"] == "Großmutter, 1923"


def test_a_misleading_name_is_a_warning() -> None:
    header = read_header(through_pillow(ramp(), "PNG"), key="folder/a.TIF")
    assert header.format == "PNG"
    assert header.warnings == ("named .tif, but the content is PNG",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "zero bytes"),
        (b"Dear diary,\nthe scanner was broken today.\n", "text file"),
        ("Größe: 10×15 cm\n".encode(), "text file"),
        (bytes(5000), "nothing but zero bytes"),
        (bytes(range(7, 200)), "not a picture"),
    ],
)
def test_what_is_no_picture_is_unreadable_and_says_why(data: bytes, words: str) -> None:
    with pytest.raises(UnreadablePhotoError, match=words) as caught:
        read_header(data, key="box 3/a.jpg")
    assert str(caught.value).startswith("box 3/a.jpg: ")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "camera raw"),
        (b"II*\0\x10\0\0\0CR\x02\0", "camera raw"),
        (b"8BPS\0\x02" + bytes(30), "PSB"),
        (b"\xff\x0a" + bytes(30), "JPEG XL"),
        (b"Pf\n2 2\n-1.0\n" + bytes(16), "floating-point"),
    ],
)
def test_known_kinds_that_are_not_decoded_are_unsupported(data: bytes, words: str) -> None:
    with pytest.raises(UnsupportedPhotoError, match=words) as caught:
        read_header(data, key="a")
    assert "TIFF" in caught.value.remedy
