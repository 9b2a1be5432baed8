from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from oldphoto_core.errors import UsageError
from oldphoto_core.image_io import (
    EncodedFile,
    decode,
    encode_derivative,
    encode_jpeg_preview,
    encode_mask,
    encode_probability,
    read_header,
)
from oldphoto_core.photo import DecodedPhoto, PhotoHeader
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    oriented_jpeg,
    ramp,
    through_pillow,
    through_tifffile,
)

SOFTWARE, RECIPE = "oldphoto 0.1.0", "4f2a" * 16


def _deep_tiff(channels: int = 3, orientation: int = 6) -> bytes:
    return through_tifffile(
        ramp(channels=channels, dtype=np.uint16),
        photometric="rgb" if channels == 3 else "minisblack",
        iccprofile=SRGB if channels == 3 else None,
        resolution=(600, 600),
        resolutionunit="inch",
        description="Großmutter, 1923".encode(),
        extratags=[(274, "H", 1, orientation, True), (700, "B", 4, b"<x/>", True)],
    )


def _encoded(photo: DecodedPhoto) -> EncodedFile:
    return encode_derivative(
        photo.pixels, photo.header, alpha=photo.alpha, software=SOFTWARE, recipe_id=RECIPE
    )


@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (oriented_jpeg(6), ".png"),
        (through_pillow(ramp(channels=1), "PNG", dpi=(300, 300)), ".png"),
        (through_pillow(ramp(channels=4), "PNG", icc_profile=SRGB), ".png"),
        (through_pillow(Image.fromarray(ramp(channels=2)), "PNG"), ".png"),
        (_deep_tiff(), ".tif"),
        (_deep_tiff(channels=1, orientation=3), ".tif"),
        (
            through_tifffile(
                ramp(channels=4, dtype=np.uint16), photometric="rgb", extrasamples=["unassalpha"]
            ),
            ".tif",
        ),
        (
            through_tifffile(
                ramp(channels=2, dtype=np.uint16),
                photometric="minisblack",
                planarconfig="contig",
                extrasamples=["unassalpha"],
            ),
            ".tif",
        ),
    ],
)
def test_a_derivative_gives_back_what_it_was_made_of(data: bytes, suffix: str) -> None:
    master = decode(data, key="master")
    encoded = _encoded(master)
    again = decode(encoded.data, key="derivative")
    assert encoded.suffix == suffix
    assert encoded.media_type == {".png": "image/png", ".tif": "image/tiff"}[suffix]
    assert again.pixels.dtype == master.pixels.dtype
    np.testing.assert_array_equal(again.pixels, master.pixels)
    assert (again.alpha is None) == (master.alpha is None)
    if master.alpha is not None:
        np.testing.assert_array_equal(again.alpha, master.alpha)
    assert again.header.orientation == master.header.orientation
    assert again.header.icc_profile == master.header.icc_profile
    assert again.header.xmp_block == master.header.xmp_block
    if master.header.dpi:
        assert again.header.dpi == pytest.approx(master.header.dpi, rel=1e-3)


@pytest.mark.parametrize("data", [oriented_jpeg(6), _deep_tiff()])
def test_the_same_photo_gives_the_same_bytes(data: bytes) -> None:
    assert _encoded(decode(data, key="a")).data == _encoded(decode(data, key="a")).data


def test_a_png_names_its_software_and_recipe_and_keeps_the_exif_as_it_is() -> None:
    master = decode(oriented_jpeg(6), key="a.jpg")
    with Image.open(io.BytesIO(_encoded(master).data)) as image:
        image.load()
        assert image.info["Software"] == SOFTWARE
        assert image.info["oldphoto:recipe"] == RECIPE
        assert image.info["exif"].removeprefix(b"Exif\0\0") == master.header.exif_block
        assert image.getexif()[274] == 6


def test_a_tiff_names_its_software_and_recipe_and_has_no_time_of_its_own() -> None:
    data = _encoded(decode(_deep_tiff(), key="a.tif")).data
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        tags = tiff.pages.first.tags
        assert tags[305].value == f"{SOFTWARE} (recipe {RECIPE}); master: tifffile.py"
        assert tags[270].value == "Großmutter, 1923"
        assert 306 not in tags


def test_orientation_is_kept_where_the_master_had_no_exif_block() -> None:
    header = PhotoHeader("BMP", 31, 24, 8, 3, "RGB", orientation=5)
    data = encode_derivative(ramp(), header, software=SOFTWARE, recipe_id=RECIPE).data
    assert read_header(data, key="a.png").orientation == 5


def test_a_profile_for_other_channels_is_left_out() -> None:
    header = dataclasses.replace(decode(oriented_jpeg(1), key="a").header, icc_profile=SRGB)
    data = encode_derivative(ramp(channels=1), header, software=SOFTWARE, recipe_id=RECIPE).data
    assert read_header(data, key="a.png").icc_profile is None


@pytest.mark.parametrize(
    ("pixels", "alpha"),
    [
        (ramp().astype(np.float32), None),
        (ramp(channels=4), None),
        (ramp(), ramp(channels=1, dtype=np.uint16)),
        (ramp(), ramp(5, 5, 1)),
    ],
)
def test_arrays_that_are_no_photo_are_refused(pixels: Any, alpha: Any) -> None:
    header = PhotoHeader("PNG", 31, 24, 8, 3, "RGB")
    with pytest.raises(UsageError):
        encode_derivative(pixels, header, alpha=alpha, software=SOFTWARE, recipe_id=RECIPE)


def test_a_mask_is_0_and_255() -> None:
    mask = ramp(channels=1) > 128
    photo = decode(encode_mask(mask), key="m.png")
    np.testing.assert_array_equal(photo.pixels, np.where(mask, 255, 0))


def test_a_probability_is_kept_to_half_a_step() -> None:
    probability = np.linspace(0, 1, 24 * 31, dtype=np.float32).reshape(24, 31)
    photo = decode(encode_probability(probability), key="p.png")
    assert np.abs(photo.pixels / 255 - probability).max() <= 0.5 / 255 + 1e-6
    with pytest.raises(UsageError, match="not a number"):
        encode_probability(np.full((2, 2), np.nan, np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_preview_is_small_and_looks_the_same(dtype: Any, channels: int) -> None:
    photo = decode(encode_jpeg_preview(ramp(300, 600, channels, dtype=dtype), max_side=100), key="p.jpg")
    assert photo.pixels.shape[:2] == (50, 100)
    expected = ramp(300, 600, channels)[3::6, 3::6]
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 4
    assert decode(encode_jpeg_preview(ramp(8, 9)), key="p.jpg").pixels.shape == (8, 9, 3)
