from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import decode
from oldphoto_core.image_io.colour import spread_bits
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    deep_png,
    jp2,
    oriented_jpeg,
    png_chunk,
    ramp,
    through_pillow,
    with_jp2_boxes,
)


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png_keeps_every_bit(channels: int) -> None:
    pixels = ramp(channels=channels, dtype=np.uint16)
    photo = decode(deep_png(pixels), key="a.png")
    assert photo.pixels.dtype == np.uint16
    np.testing.assert_array_equal(photo.pixels, pixels)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bit_png_keeps_its_alpha_apart(channels: int) -> None:
    samples = ramp(channels=channels, dtype=np.uint16)
    photo = decode(deep_png(samples), key="a.png")
    np.testing.assert_array_equal(photo.alpha, samples[..., -1])
    np.testing.assert_array_equal(photo.pixels, samples[..., 0] if channels == 2 else samples[..., :3])


@pytest.mark.parametrize("codecformat", ["jp2", "j2k"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_jpeg_2000_keeps_every_bit(codecformat: str, channels: int) -> None:
    pixels = ramp(40, 50, channels, dtype=np.uint16)
    data = bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat=codecformat))
    photo = decode(data, key="a.jp2")
    np.testing.assert_array_equal(photo.pixels, pixels)


@pytest.mark.parametrize("bits", range(1, 8))
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_jpeg_2000_of_few_bits_is_spread_as_tiff_is(bits: int, channels: int) -> None:
    shape = (16, 17) if channels == 1 else (16, 17, channels)
    values = np.random.default_rng(bits).integers(0, 2**bits, shape).astype(np.uint8)
    values[0, 0], values[0, 1] = 0, 2**bits - 1
    data = jp2(values, bitspersample=bits)
    photo = decode(data, key="a.jp2")
    found = photo.pixels if photo.alpha is None else np.dstack([photo.pixels, photo.alpha])
    np.testing.assert_array_equal(found, spread_bits(values, bits))
    assert (found.min(), found.max()) == (0, 255)
    assert photo.warnings == (() if bits == 1 else (f"{bits} bits per channel were spread over 8",))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_jpeg_2000_of_few_bits_with_a_palette_has_its_colours(bits: int) -> None:
    indices = (np.arange(16 * 16) % 2**bits).astype(np.uint8).reshape(16, 16)
    colours = np.random.default_rng(0).permutation(256 * 3)[: 3 * 2**bits].astype(np.uint8).reshape(-1, 3)
    palette = struct.pack(">HB", 2**bits, 3) + bytes([7, 7, 7]) + colours.tobytes()
    channels = b"".join(struct.pack(">HBB", 0, 1, at) for at in range(3))
    coloured = jp2(indices, bitspersample=bits).replace(struct.pack(">I", 17), struct.pack(">I", 16), 1)
    data = with_jp2_boxes(coloured, (b"pclr", palette), (b"cmap", channels))
    np.testing.assert_array_equal(decode(data, key="a.jp2").pixels, colours[indices])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_jpeg_2000_in_luma_and_chroma_becomes_rgb(dtype: Any) -> None:
    full = int(np.iinfo(dtype).max)
    data = bytearray(jp2(np.full((16, 16, 3), (full // 2, full // 3, full * 3 // 5), dtype)))
    at = data.index(b"colr") + 7
    data[at : at + 4] = struct.pack(">I", 18)
    y, cb, cr = 1 / 2, 1 / 3 - 1 / 2, 3 / 5 - 1 / 2
    expected = np.array([y + 1.402 * cr, y - 0.344 * cb - 0.714 * cr, y + 1.772 * cb])
    found = decode(bytes(data), key="a.jp2").pixels[0, 0] / full
    assert np.abs(found - expected).max() < 0.01


@pytest.mark.parametrize("method", [2, 3])
def test_a_jpeg_2000_profile_of_either_method_is_kept(method: int) -> None:
    data = with_jp2_boxes(jp2(ramp(dtype=np.uint16)), (b"colr", bytes([method, 0, 0]) + SRGB))
    assert decode(data, key="a.jp2").header.icc_profile == SRGB


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("plain", [False, True])
def test_16_bit_netpbm_keeps_every_bit(channels: int, plain: bool) -> None:
    pixels = ramp(channels=channels, dtype=np.uint16)
    number = (2 if channels == 1 else 3) + (0 if plain else 3)
    content = " ".join(map(str, pixels.ravel())).encode() if plain else pixels.astype(">u2").tobytes()
    data = f"P{number}\n# scanned 1998\n31 24\n65535\n".encode() + content
    np.testing.assert_array_equal(decode(data, key="a.ppm").pixels, pixels)


def test_netpbm_with_long_comments_keeps_every_bit_or_is_refused() -> None:
    pixels = ramp(channels=1, dtype=np.uint16)

    def pgm(comment: int) -> bytes:
        return b"P5\n#" + b"x" * comment + b"\n31 24\n65535\n" + pixels.astype(">u2").tobytes()

    np.testing.assert_array_equal(decode(pgm(10_000), key="a.pgm").pixels, pixels)
    with pytest.raises(UnreadablePhotoError, match="comments"):
        decode(pgm(2_000_000), key="a.pgm")


@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("TGA", {}),
        ("TGA", {"compression": "tga_rle"}),
        ("WEBP", {"lossless": True}),
        ("JPEG2000", {"irreversible": False}),
    ],
)
def test_lossless_formats_give_the_pixels_back(format_name: str, options: dict[str, Any]) -> None:
    pixels = ramp()
    photo = decode(through_pillow(pixels, format_name, **options), key=f"a.{format_name.lower()}")
    np.testing.assert_array_equal(photo.pixels, pixels)
    assert photo.alpha is None


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_give_what_pillow_sees(format_name: str) -> None:
    if format_name == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF decoder")
    data = through_pillow(ramp(), format_name, quality=80)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(decode(data, key="a").pixels, np.asarray(image.convert("RGB")))


def test_pixels_are_returned_as_stored_and_the_orientation_beside_them() -> None:
    data = oriented_jpeg(6)
    photo = decode(data, key="a.jpg")
    assert photo.pixels.shape == (24, 31, 3)
    assert photo.header.orientation == 6
    assert photo.header.icc_profile == SRGB


def test_8_bit_alpha_is_kept_apart_and_colours_under_it_stay() -> None:
    samples = ramp(channels=4)
    samples[0, :, 3] = 0
    photo = decode(through_pillow(samples, "PNG"), key="a.png")
    np.testing.assert_array_equal(photo.pixels, samples[..., :3])
    np.testing.assert_array_equal(photo.alpha, samples[..., 3])


def test_grey_with_alpha_stays_grey() -> None:
    samples = ramp(channels=2)
    photo = decode(through_pillow(Image.fromarray(samples), "PNG"), key="a.png")
    np.testing.assert_array_equal(photo.pixels, samples[..., 0])
    np.testing.assert_array_equal(photo.alpha, samples[..., 1])


def test_a_transparent_colour_becomes_alpha() -> None:
    pixels = np.array([[5, 6], [7, 5]], np.uint8)
    photo = decode(through_pillow(pixels, "PNG", transparency=5), key="a.png")
    np.testing.assert_array_equal(photo.pixels, pixels)
    np.testing.assert_array_equal(photo.alpha, [[0, 255], [255, 0]])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits_becomes_alpha(bits: int) -> None:
    values = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    packed = np.packbits(np.unpackbits(values.T, axis=1)[:, 8 - bits :]).tobytes()
    header = struct.pack(">IIBBBBB", values.size, 1, bits, 0, 0, 0, 0)
    key = (b"tRNS", struct.pack(">H", 1))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(*chunk)
        for chunk in ((b"IHDR", header), key, (b"IDAT", zlib.compress(b"\0" + packed)), (b"IEND", b""))
    )
    photo = decode(data, key="a.png")
    np.testing.assert_array_equal(photo.pixels, spread_bits(values, bits))
    np.testing.assert_array_equal(photo.alpha, np.where(values == 1, 0, 255))


def test_a_palette_becomes_its_colours_and_a_grey_palette_grey() -> None:
    coloured = Image.fromarray(ramp()).quantize(16)
    photo = decode(through_pillow(coloured, "PNG"), key="a.png")
    np.testing.assert_array_equal(photo.pixels, np.asarray(coloured.convert("RGB")))
    grey = Image.fromarray(ramp(channels=1)).quantize(16)
    assert decode(through_pillow(grey, "PNG"), key="a.png").pixels.ndim == 2


def test_one_bit_png_becomes_black_and_white() -> None:
    bilevel = Image.fromarray(ramp(channels=1)).convert("1")
    photo = decode(through_pillow(bilevel, "PNG"), key="a.png")
    np.testing.assert_array_equal(photo.pixels, np.asarray(bilevel.convert("L")))


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP"])
def test_the_first_picture_of_an_animation_is_restored_with_a_warning(format_name: str) -> None:
    frames = [Image.fromarray(ramp()), Image.fromarray(ramp()[::-1].copy())]
    data = through_pillow(frames[0], format_name, save_all=True, append_images=frames[1:], lossless=True)
    photo = decode(data, key="a")
    assert photo.header.pages == 2
    assert "it holds 2 pictures; only the first is restored" in photo.warnings
    assert np.abs(photo.pixels.astype(int) - ramp()).mean() < 12


def test_inks_are_converted_through_their_own_profile_or_said_to_be_approximate() -> None:
    image = Image.fromarray(ramp()).convert("CMYK")
    photo = decode(through_pillow(image, "JPEG", quality=100, subsampling=0), key="a.jpg")
    assert photo.pixels.shape == (24, 31, 3)
    assert photo.header.mode == "CMYK"
    assert any("approximately" in warning for warning in photo.warnings)
    assert np.abs(photo.pixels.astype(int) - ramp()).max() < 20


def test_a_profile_for_other_channels_is_not_carried_over() -> None:
    photo = decode(through_pillow(ramp(channels=1), "JPEG", icc_profile=SRGB), key="a.jpg")
    assert photo.header.icc_profile is None
    assert any("profile" in warning for warning in photo.warnings)


def test_a_layered_photoshop_document_is_unsupported() -> None:
    layer = b"\0\x01" + bytes(16) + b"\0\0" + b"8BIMnorm\xff\0\0\0" + b"\0\0\0\x0c" + bytes(8) + b"\x03abc"
    section = len(layer).to_bytes(4, "big") + layer
    head = b"8BPS\0\x01" + bytes(6) + b"\0\x01\0\0\0\x02\0\0\0\x02\0\x08\0\x01" + bytes(8)
    data = head + len(section).to_bytes(4, "big") + section + b"\0\0" + bytes(4)
    with pytest.raises(UnsupportedPhotoError, match="layered"):
        decode(data, key="a.psd")


def test_what_a_decoder_remarks_becomes_a_warning_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    png = through_pillow(ramp(), "PNG")
    odd = png[:33] + png_chunk(b"acTL", bytes(8)) + png[33:]
    photo = decode(odd, key="a.png")
    assert any("APNG" in warning for warning in photo.warnings)
    assert capfd.readouterr() == ("", "")


def test_bit_spreading_keeps_the_order_of_values() -> None:
    for bits in (1, 2, 4, 10, 12, 14):
        values: NDArray[Any] = np.arange(2**bits)
        spread = spread_bits(values, bits)
        assert (np.diff(spread.astype(np.int64)) > 0).all()
