"""Law: inks are inks in whichever format they lie, and come out through the profile that they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.errors import UnsupportedPhotoError
from oldphoto_core.image_io import decode, read_header
from oldphoto_core.image_io.colour import srgb_profile
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    encoded,
    ink_profile,
    jp2,
    ramp,
    through_pillow,
    through_tifffile,
    with_jp2_boxes,
)

INKS = ramp(channels=4)
BROKEN = srgb_profile()[:16] + b"CMYK" + srgb_profile()[20:]
"""A readable profile of inks that holds no colours of inks."""


def jpeg_2000(profile: bytes, pixels: NDArray[Any] = INKS, *, method: int = 2) -> bytes:
    return with_jp2_boxes(jp2(pixels), (b"colr", bytes([method, 0, 0]) + profile))


def tiff(profile: bytes) -> bytes:
    return through_tifffile(INKS, photometric="separated", iccprofile=profile)


@pytest.mark.parametrize("method", [2, 3])
def test_a_jpeg_2000_of_inks_with_a_profile_is_as_a_tiff_of_them(method: int) -> None:
    photo = decode(jpeg_2000(ink_profile(), method=method), key="a.jp2")
    assert (photo.header.mode, photo.header.channels, photo.header.has_alpha) == ("CMYK", 4, False)
    assert photo.alpha is None
    assert photo.warnings == ("CMYK inks were converted to sRGB through the embedded profile",)
    np.testing.assert_array_equal(photo.pixels, decode(tiff(ink_profile()), key="a.tif").pixels)
    assert decode(encoded(photo), key="a.png").header.icc_profile == SRGB


def test_a_jpeg_2000_of_16_bit_inks_is_unsupported() -> None:
    data = jpeg_2000(ink_profile(), ramp(channels=4, dtype=np.uint16))
    assert read_header(data, key="a.jp2").mode == "CMYK"
    with pytest.raises(UnsupportedPhotoError, match="4 channels of 16 bits"):
        decode(data, key="a.jp2")


def test_alpha_beside_an_rgb_profile_stays_alpha() -> None:
    photo = decode(jpeg_2000(SRGB), key="a.jp2")
    np.testing.assert_array_equal(photo.alpha, INKS[..., 3])
    np.testing.assert_array_equal(photo.pixels, INKS[..., :3])


@pytest.mark.parametrize("data", [jpeg_2000(BROKEN), tiff(BROKEN)], ids=["jp2", "tif"])
def test_inks_whose_profile_cannot_be_used_are_not_damaged(data: bytes) -> None:
    photo = decode(data, key="a")
    note = "CMYK inks whose CMYK profile cannot be used were converted to RGB approximately"
    assert photo.warnings == (note,)


def test_inks_whose_profile_cannot_be_read_are_not_damaged() -> None:
    unreadable = bytes(16) + b"CMYK" + bytes(200)
    photo = decode(through_pillow(Image.fromarray(INKS, "CMYK"), "JPEG", icc_profile=unreadable), key="a.jpg")
    assert len(photo.warnings) == 2
    assert "unreadable" in photo.warnings[0]
    assert "approximately" in photo.warnings[1]
