from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import decode
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    noise,
    patched_tag,
    ramp,
    through_pillow,
    through_tifffile,
)

RGB16 = ramp(dtype=np.uint16)
GREY16 = ramp(channels=1, dtype=np.uint16)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"rowsperstrip": 5},
        {"tile": (16, 16)},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "tile": (16, 16)},
        {"bigtiff": True},
    ],
)
def test_16_bit_rgb_keeps_every_bit(byteorder: Any, compression: Any, layout: dict[str, Any]) -> None:
    stored = np.moveaxis(RGB16, -1, 0) if "planarconfig" in layout else RGB16
    data = through_tifffile(stored, photometric="rgb", byteorder=byteorder, compression=compression, **layout)
    photo = decode(data, key="a.tif")
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photo.pixels, RGB16)
    assert (photo.alpha, photo.warnings) == (None, ())


@pytest.mark.parametrize("value", [0, 9])
def test_an_orientation_that_tiff_does_not_know_is_a_warning(value: int) -> None:
    photo = decode(through_tifffile(ramp(), extratags=[(274, "H", 1, value, True)]), key="a.tif")
    assert photo.header.orientation == 1
    assert photo.warnings[0].startswith(f"the orientation tag is {value}, not 1 to 8")


def test_a_resolution_of_so_many_per_nothing_is_none() -> None:
    data = bytearray(through_tifffile(ramp(), resolution=(300, 300)))
    assert decode(bytes(data), key="a.tif").header.dpi == (300, 300)
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        at = tiff.pages.first.tags["XResolution"].valueoffset
    data[at + 4 : at + 8] = bytes(4)
    assert decode(bytes(data), key="a.tif").header.dpi is None


@pytest.mark.parametrize(("values", "block"), [(tuple(b"<x/>"), b"<x/>"), ((300, 60), None)])
def test_a_block_that_was_written_as_numbers_is_its_bytes(
    values: tuple[int, ...], block: bytes | None
) -> None:
    tag = (700, "H", len(values), values, True)
    assert decode(through_tifffile(ramp(), extratags=[tag]), key="a.tif").header.xmp_block == block


@pytest.mark.parametrize("pixels", [GREY16, ramp(channels=1), ramp()])
def test_grey_stays_grey_and_8_bits_stay_8(pixels: NDArray[Any]) -> None:
    photo = decode(through_tifffile(pixels, compression="zlib", predictor=True), key="a.tif")
    assert photo.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(photo.pixels, pixels)


@pytest.mark.parametrize("pixels", [GREY16, ramp(channels=1)])
def test_white_is_zero_is_inverted(pixels: NDArray[Any]) -> None:
    full = np.iinfo(pixels.dtype).max
    data = through_tifffile(full - pixels, photometric="miniswhite")
    np.testing.assert_array_equal(decode(data, key="a.tif").pixels, pixels)


@pytest.mark.parametrize("compression", ["raw", "group4", "packbits"])
def test_one_bit_becomes_black_and_white_in_8_bits(compression: str) -> None:
    bilevel = Image.fromarray(ramp(channels=1)).convert("1")
    photo = decode(through_pillow(bilevel, "TIFF", compression=compression), key="a.tif")
    assert photo.header.bit_depth == 1
    assert photo.pixels.dtype == np.uint8
    np.testing.assert_array_equal(photo.pixels, np.asarray(bilevel.convert("L")))


def test_a_palette_becomes_its_colours() -> None:
    indexed = Image.fromarray(ramp()).quantize(17)
    photo = decode(through_pillow(indexed, "TIFF"), key="a.tif")
    np.testing.assert_array_equal(photo.pixels, np.asarray(indexed.convert("RGB")))


@pytest.mark.parametrize(("bits", "dtype"), [(4, np.uint8), (10, np.uint16), (12, np.uint16)])
def test_odd_depths_are_spread_over_the_whole_range(bits: int, dtype: Any) -> None:
    values = np.arange(2**bits, dtype=dtype).reshape(2 ** (bits // 2), -1)
    photo = decode(through_tifffile(values, bitspersample=bits, photometric="minisblack"), key="a.tif")
    assert photo.pixels.dtype == dtype
    assert (photo.pixels.min(), photo.pixels.max()) == (0, np.iinfo(dtype).max)
    assert np.unique(photo.pixels).size == 2**bits
    assert any("spread" in warning for warning in photo.warnings)


@pytest.mark.parametrize("colours", [1, 3])
def test_straight_alpha_is_kept_apart(colours: int) -> None:
    pixels, alpha = ramp(channels=colours, dtype=np.uint16), ramp(channels=1, dtype=np.uint16)[::-1]
    data = through_tifffile(
        np.dstack([pixels, alpha]),
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    )
    photo = decode(data, key="a.tif")
    np.testing.assert_array_equal(photo.pixels, pixels)
    np.testing.assert_array_equal(photo.alpha, alpha)
    assert photo.header.has_alpha


def test_premultiplied_alpha_is_divided_out_and_said() -> None:
    alpha = np.full((4, 5), 128, np.uint8)
    data = through_tifffile(
        np.dstack([np.full((4, 5, 3), 64, np.uint8), alpha]), photometric="rgb", extrasamples=["assocalpha"]
    )
    photo = decode(data, key="a.tif")
    assert (photo.pixels == 128).all()
    assert any("alpha" in warning for warning in photo.warnings)


def test_a_channel_without_a_meaning_is_left_out_and_said() -> None:
    data = through_tifffile(
        np.dstack([RGB16, GREY16]), photometric="rgb", planarconfig="contig", extrasamples=["unspecified"]
    )
    photo = decode(data, key="a.tif")
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, RGB16)
    assert any("infrared" in warning for warning in photo.warnings)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_without_a_profile_are_converted_and_said(dtype: Any) -> None:
    full = np.iinfo(dtype).max
    inks = np.zeros((2, 3, 4), dtype)
    inks[0, 1] = (full, 0, 0, 0)
    inks[0, 2] = (0, 0, 0, full)
    photo = decode(through_tifffile(inks, photometric="separated"), key="a.tif")
    assert photo.pixels.dtype == dtype
    np.testing.assert_array_equal(photo.pixels[0], [[full] * 3, [0, full, full], [0, 0, 0]])
    assert photo.header.icc_profile == SRGB
    assert any("approximately" in warning for warning in photo.warnings)


def test_lab_is_converted_and_said() -> None:
    lab = Image.frombytes("LAB", (4, 4), bytes([255, 0, 0]) * 8 + bytes([0, 0, 0]) * 8)
    photo = decode(through_pillow(lab, "TIFF"), key="a.tif")
    assert (photo.pixels[:2] > 250).all()
    assert (photo.pixels[2:] < 5).all()
    assert any("L*a*b*" in warning for warning in photo.warnings)


def test_the_first_page_is_restored_and_the_others_are_said() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in (RGB16, RGB16[::-1], RGB16[:, ::-1]):
            writer.write(page, photometric="rgb", metadata=None)
    photo = decode(buffer.getvalue(), key="a.tif")
    np.testing.assert_array_equal(photo.pixels, RGB16)
    assert photo.header.pages == 3
    assert "it holds 3 pictures; only the first is restored" in photo.warnings


def test_a_thumbnail_before_the_picture_is_not_the_picture() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(ramp(6, 8), photometric="rgb", metadata=None, subfiletype=1)
        writer.write(RGB16, photometric="rgb", metadata=None)
    photo = decode(buffer.getvalue(), key="a.tif")
    np.testing.assert_array_equal(photo.pixels, RGB16)
    assert photo.header.pages == 1


def test_a_damaged_later_page_makes_a_damaged_file() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in (noise(), noise(seed=1)):
            writer.write(page, photometric="rgb", metadata=None, compression="zlib")
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        second = tiff.pages[1]
        start = second.dataoffsets[0] + 40
    data[start : start + 200] = bytes(200)
    with pytest.raises(UnreadablePhotoError, match="page 2"):
        decode(bytes(data), key="a.tif")


@pytest.mark.parametrize(
    ("pixels", "options", "words"),
    [
        (ramp(channels=1).astype(np.float32), {}, "float32"),
        (ramp(channels=1).astype(np.int16), {}, "int16"),
        (ramp(channels=1).astype(np.uint32), {}, "32 bits"),
        (ramp(channels=6), {"photometric": "rgb", "planarconfig": "contig"}, "6 channels"),
        (ramp(channels=1), {"photometric": "cfa"}, "camera raw"),
    ],
)
def test_kinds_that_are_no_photographs_are_unsupported(
    pixels: NDArray[Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnsupportedPhotoError, match=words):
        decode(through_tifffile(pixels, **options), key="a.tif")


@pytest.mark.parametrize(
    ("number", "words"), [(34676, "SGILOG, number 34676"), (60_123, "number 60123"), (65000, "65000")]
)
def test_a_compression_without_a_decoder_is_no_damage(number: int, words: str) -> None:
    data = patched_tag(through_tifffile(RGB16, photometric="rgb", compression="zlib"), 259, number)
    with pytest.raises(UnsupportedPhotoError, match=words) as caught:
        decode(data, key="a.tif")
    assert caught.value.remedy.startswith("Export it")


def test_a_predictor_without_a_decoder_is_no_damage() -> None:
    data = through_tifffile(RGB16, photometric="rgb", compression="zlib", predictor=True)
    with pytest.raises(UnsupportedPhotoError, match="differences"):
        decode(patched_tag(data, 317, 77), key="a.tif")


@pytest.mark.parametrize("value", [0, 3])
def test_channels_that_lie_neither_together_nor_apart_are_not_guessed(value: int) -> None:
    data = patched_tag(through_tifffile(RGB16, photometric="rgb", compression="zlib"), 284, value)
    with pytest.raises(UnreadablePhotoError, match="together or apart"):
        decode(data, key="a.tif")


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "jpeg"])
def test_a_strip_beyond_the_end_is_not_made_up(compression: Any) -> None:
    data = through_tifffile(noise(), photometric="rgb", compression=compression, rowsperstrip=16)
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages.first
        end = page.dataoffsets[-1] + page.databytecounts[-1] // 2
    with pytest.raises(UnreadablePhotoError, match="strips or tiles"):
        decode(data[:end], key="a.tif")


def test_an_empty_strip_is_not_filled_with_zeros() -> None:
    data = through_tifffile(noise(), photometric="rgb", compression="zlib")
    with pytest.raises(UnreadablePhotoError, match="empty"):
        decode(patched_tag(data, 279, 0), key="a.tif")


def test_a_short_strip_is_not_completed() -> None:
    data = through_tifffile(noise(), photometric="rgb", compression="lzw")
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        half = tiff.pages.first.databytecounts[0] // 2
    with pytest.raises(UnreadablePhotoError):
        decode(patched_tag(data, 279, half), key="a.tif")
