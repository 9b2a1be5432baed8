"""Law: a resolution is the one that the file states, by both its numbers; where it states none, there is none."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from oldphoto_core.image_io import decode, read_header
from tests.oldphoto_core.image_io.image_files import (
    deep_png,
    encoded,
    jp2,
    png_with,
    ramp,
    through_pillow,
    with_jp2_boxes,
)

DEEP = ramp(dtype=np.uint16)


def exif(**tags: Any) -> bytes:
    """An EXIF block with a description, and ``x``, ``y`` and ``unit`` of a resolution where they are given."""
    block = Image.Exif()
    block[270] = "Market day"
    for name, tag in {"x": 282, "y": 283, "unit": 296}.items():
        if name in tags:
            block[tag] = tags[name]
    return block.tobytes()


def jfif(data: bytes, unit: int, across: int, down: int) -> bytes:
    """State another density in a JPEG that begins with JFIF's segment."""
    at = data.index(b"JFIF\0") + 7
    return data[:at] + struct.pack(">BHH", unit, across, down) + data[at + 5 :]


@pytest.mark.parametrize(
    ("said", "density", "dpi"),
    [
        ({}, (0, 1, 1), None),
        ({}, (0, 4, 3), None),
        ({"x": 400.0, "y": 200.0, "unit": 2}, (0, 1, 1), (400, 200)),
        ({"x": 400.0, "y": 200.0}, (0, 1, 1), (400, 200)),
        ({"x": 100.0, "y": 50.0, "unit": 3}, (0, 1, 1), (254, 127)),
        ({"x": 400.0, "y": 200.0, "unit": 1}, (0, 1, 1), None),
        ({"x": 400.0}, (0, 1, 1), None),
        ({"x": 400.0, "y": 200.0, "unit": 2}, (1, 0, 0), (400, 200)),
        ({"x": 400.0, "y": 200.0, "unit": 2}, (1, 300, 150), (300, 150)),
        ({}, (2, 100, 50), (254, 127)),
    ],
)
def test_a_jpeg_has_the_resolution_that_it_states(
    said: dict[str, Any], density: tuple[int, int, int], dpi: tuple[float, float] | None
) -> None:
    photo = decode(jfif(through_pillow(ramp(), "JPEG", exif=exif(**said)), *density), key="a.jpg")
    assert photo.header.dpi == dpi
    again = read_header(encoded(photo), key="a.png")
    assert again.dpi == (None if dpi is None else pytest.approx(dpi, rel=1e-3))


@pytest.mark.parametrize("format_name", ["WEBP", "AVIF", "PNG"])
def test_the_resolution_in_exif_counts_where_the_format_states_none(format_name: str) -> None:
    block = exif(x=400.0, y=200.0, unit=2)
    assert read_header(through_pillow(ramp(), format_name, exif=block), key="a").dpi == (400, 200)


def test_a_pngs_own_resolution_counts_before_that_in_exif() -> None:
    data = through_pillow(ramp(), "PNG", exif=exif(x=400.0, y=200.0, unit=2), dpi=(600, 600))
    assert read_header(data, key="a.png").dpi == pytest.approx((600, 600), rel=1e-3)


def with_exif(data: bytes, block: bytes) -> bytes:
    """Put an EXIF block into a JP2, before its codestream."""
    at = data.index(b"jp2c") - 4
    box = b"JpgTiffExif->JP2" + block.removeprefix(b"Exif\0\0")
    return data[:at] + struct.pack(">I4s", 8 + len(box), b"uuid") + box + data[at:]


@pytest.mark.parametrize("format_name", ["PNG", "JPEG2000"])
def test_the_resolution_in_exif_goes_into_a_tiff(format_name: str) -> None:
    block = exif(x=600.0, y=300.0, unit=2)
    png = png_with(deep_png(DEEP), (b"eXIf", block.removeprefix(b"Exif\0\0")))
    data = png if format_name == "PNG" else with_exif(jp2(DEEP), block)
    with tifffile.TiffFile(io.BytesIO(encoded(decode(data, key="a")))) as tiff:
        tags = tiff.pages.first.tags
        assert (tags[282].value, tags[283].value, tags[296].value) == ((600, 1), (300, 1), 2)


def resolution_boxes(**boxes: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """A box of resolution; each inner one by its kind, with across, down (per metre) and a power of ten for both."""
    inner = b"".join(
        struct.pack(">I4sHHHHbb", 18, kind.encode(), down, 1, across, 1, power, power)
        for kind, (across, down, power) in boxes.items()
    )
    return b"res ", inner


@pytest.mark.parametrize(
    ("boxes", "dpi"),
    [
        ({"resd": (10_000, 5_000, 0)}, (254, 127)),
        ({"resd": (100, 50, 2)}, (254, 127)),
        ({"resc": (20_000, 20_000, 0), "resd": (10_000, 5_000, 0)}, (508, 508)),
        ({"resd": (10_000, 5_000, 0), "resc": (20_000, 20_000, 0)}, (508, 508)),
        ({"resc": (60_000, 50_000, -1)}, (152.4, 127)),
        ({"resd": (0, 0, 0)}, None),
    ],
)
def test_a_jp2_is_as_fine_as_captured_or_else_as_displayed(
    boxes: dict[str, tuple[int, int, int]], dpi: tuple[float, float] | None
) -> None:
    assert read_header(with_jp2_boxes(jp2(ramp()), resolution_boxes(**boxes)), key="a.jp2").dpi == dpi


@pytest.mark.parametrize("numbers", [(1, 1), (1, 0, 1, 0, 0)])
def test_a_damaged_box_of_resolution_says_nothing(numbers: tuple[int, ...]) -> None:
    box = struct.pack(f">I4s{len(numbers)}H", 8 + 2 * len(numbers), b"resd", *numbers)
    assert read_header(with_jp2_boxes(jp2(ramp()), (b"res ", box)), key="a.jp2").dpi is None
