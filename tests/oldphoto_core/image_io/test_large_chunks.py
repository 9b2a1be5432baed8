"""Law: what a PNG says at length costs neither master nor derivative its picture."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import PngImagePlugin

from oldphoto_core.errors import OversizedPhotoError
from oldphoto_core.image_io import decode
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    encoded,
    png_with,
    ramp,
    through_pillow,
    through_tifffile,
)

USUAL, MOST = 1 << 20, 4 << 20


def profile_of(size: int) -> bytes:
    """A sound profile of ``size`` bytes, as printers' profiles have them: the rest is filling."""
    return struct.pack(">I", size) + SRGB[4:] + bytes(size - len(SRGB))


def master(format_name: str, profile: bytes) -> bytes:
    if format_name == "TIFF":
        return through_tifffile(ramp(), photometric="rgb", iccprofile=profile)
    return through_pillow(ramp(), format_name, icc_profile=profile)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("size", "remarks"), [(USUAL, 0), (USUAL + 1, 1), (MOST, 1)])
def test_a_large_profile_is_read_carried_over_and_read_again(
    format_name: str, size: int, remarks: int
) -> None:
    photo = decode(master(format_name, profile_of(size)), key="a")
    again = decode(encoded(photo), key="a.png")
    assert again.header.icc_profile == photo.header.icc_profile == profile_of(size)
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    named = [warning for warning in photo.warnings if f"colour profile ({size:,} bytes)" in warning]
    assert len(named) == remarks
    assert all("may not open the derivative" in warning for warning in named)


def test_a_profile_that_could_not_be_read_again_is_left_out_and_named() -> None:
    photo = decode(master("JPEG", profile_of(MOST + 1)), key="a.jpg")
    note = "its colour profile (4,194,305 bytes) is too large for a PNG and is not carried over"
    assert photo.warnings == (note,)
    again = decode(encoded(photo), key="a.png")
    assert again.header.icc_profile is None
    np.testing.assert_array_equal(again.pixels, photo.pixels)


@pytest.mark.parametrize("behind", [False, True])
def test_a_long_compressed_text_is_named_and_the_picture_restored(behind: bool) -> None:
    novel = (b"zTXt", b"Novel\0\0" + zlib.compress(b"x" * 2_000_000))
    photo = decode(png_with(through_pillow(ramp(), "PNG"), novel, behind=behind), key="a.png")
    assert photo.warnings == ("damaged or too large, and not carried over: Novel",)
    np.testing.assert_array_equal(photo.pixels, ramp())


@pytest.mark.parametrize("behind", [False, True])
def test_a_text_that_is_a_bomb_is_too_large_not_damaged(behind: bool) -> None:
    bomb = (b"zTXt", b"Bomb\0\0" + zlib.compress(bytes(MOST + 1)))
    with pytest.raises(OversizedPhotoError, match="inflates to more than 4,194,304 bytes"):
        decode(png_with(through_pillow(ramp(), "PNG"), bomb, behind=behind), key="a.png")


@pytest.mark.parametrize("behind", [False, True])
def test_several_long_texts_are_a_bomb_too(behind: bool) -> None:
    novels = [(b"zTXt", b"%d\0\0" % volume + zlib.compress(b"x" * 2_000_000)) for volume in range(3)]
    with pytest.raises(OversizedPhotoError, match="several megabytes"):
        decode(png_with(through_pillow(ramp(), "PNG"), *novels, behind=behind), key="a.png")


def test_the_limit_of_other_programs_in_this_process_is_left_alone() -> None:
    before = PngImagePlugin.MAX_TEXT_CHUNK
    decode(master("PNG", profile_of(2 * USUAL)), key="a.png")
    assert before == PngImagePlugin.MAX_TEXT_CHUNK
