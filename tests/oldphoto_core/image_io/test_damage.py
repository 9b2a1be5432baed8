"""Laws about bad bytes: nothing but PhotoError comes out, and no pixel is made up."""

from __future__ import annotations

import contextlib
import errno
import re
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oldphoto_core.errors import OversizedPhotoError, PhotoError, UnreadablePhotoError
from oldphoto_core.image_io import DecodeLimits, decode, encode_derivative, read_header
from oldphoto_core.image_io.boundary import observe, summarised
from oldphoto_core.image_io.jpeg_segments import jpeg_markers
from tests.oldphoto_core.image_io.image_files import (
    deep_png,
    described_tiff,
    noise,
    oriented_jpeg,
    patched_tag,
    png_of,
    psd,
    ramp,
    through_pillow,
    through_tifffile,
)

_FILES: dict[str, bytes] = {
    "rgb.jpg": oriented_jpeg(6),
    "progressive.jpg": through_pillow(noise(), "JPEG", progressive=True),
    "rgb.png": through_pillow(noise(), "PNG"),
    "deep.png": deep_png(ramp(dtype=np.uint16)),
    "strips.tif": through_tifffile(noise(), photometric="rgb", compression="lzw", rowsperstrip=9),
    "tiles.tif": through_tifffile(
        ramp(dtype=np.uint16), photometric="rgb", compression="zlib", tile=(16, 16)
    ),
    "jpeg.tif": through_tifffile(noise(), photometric="ycbcr", compression="jpeg"),
    "described.tif": described_tiff(ramp(dtype=np.uint16)),
    "described.png": encode_derivative(
        ramp(), decode(described_tiff(ramp()), key="a").header, software="s", recipe_id="r"
    ).data,
    "rgb.webp": through_pillow(noise(), "WEBP"),
    "rgb.bmp": through_pillow(noise(), "BMP"),
    "grey.gif": through_pillow(noise(channels=1), "GIF"),
    "rgb.ppm": through_pillow(noise(), "PPM"),
    "rgb.tga": through_pillow(noise(), "TGA", compression="tga_rle"),
    "rgb.jp2": through_pillow(noise(), "JPEG2000"),
    "flat.psd": psd(noise(), 3, (1005, bytes(16)), (1058, b"II*\0\x08\0\0\0\0\0"), (1060, b"<x/>")),
    "deep.j2k": bytes(imagecodecs.jpeg2k_encode(ramp(40, 50, dtype=np.uint16), level=0, codecformat="j2k")),
}

_SMALL = DecodeLimits(max_pixels=1_000_000, max_bytes=8_000_000)


@pytest.mark.parametrize("name", _FILES)
def test_the_sound_files_are_sound(name: str) -> None:
    assert decode(_FILES[name], key=name, limits=_SMALL).pixels.size


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", _FILES)
def test_a_truncated_file_is_refused(name: str, share: float) -> None:
    data = _FILES[name]
    with pytest.raises(PhotoError):
        decode(data[: int(len(data) * share)], key=name, limits=_SMALL)


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(_FILES)),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12),
    in_header=st.booleans(),
)
def test_any_corruption_gives_pixels_or_a_photo_error(
    name: str, changes: list[tuple[int, int]], in_header: bool
) -> None:
    data = bytearray(_FILES[name])
    for at, value in changes:
        data[at % (min(len(data), 200) if in_header else len(data))] = value
    with contextlib.suppress(PhotoError):
        photo = decode(bytes(data), key=name, limits=_SMALL)
        assert photo.pixels.shape[:2] == (photo.header.height, photo.header.width)


@settings(max_examples=200, deadline=None)
@given(
    data=st.binary(max_size=400),
    prefix=st.sampled_from([_FILES[name][:40] for name in sorted(_FILES)] + [b""]),
)
def test_any_bytes_give_pixels_or_a_photo_error(data: bytes, prefix: bytes) -> None:
    with contextlib.suppress(PhotoError):
        decode(prefix + data, key="a", limits=_SMALL)


def test_a_png_whose_rows_end_early_is_refused_though_its_checksums_are_right() -> None:
    decode(png_of(32, 20, 20), key="a.png")
    with pytest.raises(UnreadablePhotoError, match="ends early"):
        decode(png_of(32, 20, 12), key="a.png")
    with pytest.raises(UnreadablePhotoError):
        decode(png_of(32, 20, 12, bits=16), key="a.png")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_jpeg_that_was_closed_early_is_refused(progressive: bool, share: float) -> None:
    data = through_pillow(noise(), "JPEG", progressive=progressive)
    closed = data[: int(len(data) * share)] + b"\xff\xd9"
    with pytest.raises(UnreadablePhotoError, match="ends early"):
        decode(closed, key="a.jpg")


def test_a_jpeg_that_ends_in_zeros_is_refused() -> None:
    data = through_pillow(noise(), "JPEG")
    half = len(data) // 2
    with pytest.raises(UnreadablePhotoError):
        decode(data[:half] + bytes(len(data) - half), key="a.jpg")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_with_a_flat_end_is_sound(options: dict[str, int]) -> None:
    pixels = noise(channels=1)
    pixels[24:] = 128
    assert decode(through_pillow(pixels, "JPEG", **options), key="a.jpg").pixels.shape == pixels.shape
    assert decode(through_pillow(np.full((48, 48), 255, np.uint8), "JPEG"), key="a.jpg").pixels.min() == 255


_OPTIONS: dict[str, dict[str, Any]] = {
    "full": {"quality": 97},
    "halved": {"quality": 75, "subsampling": 2},
    "tables": {"quality": 60, "optimize": True},
    "rows": {"quality": 90, "restart_marker_rows": 1},
    "blocks": {"quality": 90, "restart_marker_blocks": 3},
    "progressive": {"quality": 90, "progressive": True},
}
_PLAIN = [name for name in _OPTIONS if name != "progressive"]


def scene(channels: int = 3) -> NDArray[np.uint8]:
    """Smooth shapes and some grain, which compress as photographs do."""
    picture = ramp(208, 232, channels).astype(np.int16) + noise(208, 232, channels) // 16
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", _OPTIONS)
def test_a_sound_jpeg_is_sound_however_it_was_coded(name: str, channels: int) -> None:
    one_colour = [np.full((side, side, 3), level, np.uint8) for side in (9, 300) for level in (0, 128, 255)]
    nearly = np.full((300, 300), 128, np.uint8)
    nearly[:8, :8] = scene(1)[:8, :8]
    for pixels in (scene(channels), nearly, *one_colour):
        assert decode(through_pillow(pixels, "JPEG", **_OPTIONS[name]), key="a.jpg").warnings == ()


@pytest.mark.parametrize("kind", ["zeros", "lost", "twice"])
@pytest.mark.parametrize("name", ["full", "halved", "tables"])
def test_a_jpeg_that_a_lost_sector_puts_out_of_step_is_refused(name: str, kind: str) -> None:
    """What comes behind the damage is shifted, and the picture's lower right corner need not be flat."""
    data = through_pillow(scene(), "JPEG", **_OPTIONS[name])
    for share in (0.3, 0.5, 0.7):
        at = int(len(data) * share)
        damaged = {
            "zeros": data[:at] + bytes(512) + data[at + 512 :],
            "lost": data[:at] + data[at + 512 :],
            "twice": data[: at + 512] + data[at:],
        }[kind]
        with pytest.raises(UnreadablePhotoError, match=r"ends early|goes on behind|cannot be decoded"):
            decode(damaged, key="a.jpg")


def test_a_jpeg_is_refused_whose_data_outlasts_its_picture() -> None:
    data = through_pillow(scene(), "JPEG", quality=90)
    at = len(data) - 2
    with pytest.raises(UnreadablePhotoError, match=r"a\.jpg: its picture data goes on behind the picture"):
        decode(data[:at] + bytes(range(1, 100)) + data[at:], key="a.jpg")


@pytest.mark.parametrize("filling", [b"\0" * 100, b"\x20" * 100, b"\xff" * 100, b"\0\xff\xff", b"\x35"])
@pytest.mark.parametrize("name", _PLAIN)
def test_what_encoders_fill_up_with_is_no_damage(name: str, filling: bytes) -> None:
    data = through_pillow(scene(), "JPEG", **_OPTIONS[name])
    filled = data[:-2] + filling + data[-2:]
    np.testing.assert_array_equal(decode(filled, key="a.jpg").pixels, decode(data, key="a.jpg").pixels)


def restarts(data: bytes) -> list[int]:
    """Where a JPEG's restart markers are."""
    return [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]


@pytest.mark.parametrize(("first", "last"), [(2, 3), (2, 5), (2, 10), (-8, None), (-1, None)])
def test_a_jpeg_whose_pieces_are_missing_is_refused(first: int, last: int | None) -> None:
    """Restart markers are numbered 0 to 7 in turn: eight pieces can be missing in between, or the last ones."""
    data = through_pillow(scene(), "JPEG", **_OPTIONS["blocks"])
    marks = restarts(data)
    end = len(data) - 2 if last is None else marks[last]
    with pytest.raises(UnreadablePhotoError, match=r"ends early|parts of its picture data are missing"):
        decode(data[: marks[first]] + data[end:], key="a.jpg")


def test_a_jpeg_with_a_cut_piece_in_the_middle_is_refused() -> None:
    data = through_pillow(scene(), "JPEG", **_OPTIONS["rows"])
    at = restarts(data)[4]
    with pytest.raises(UnreadablePhotoError, match="ends early"):
        decode(data[: at - 60] + data[at:], key="a.jpg")


def test_a_progressive_jpeg_is_taken_with_a_warning_where_an_inner_scan_ends_early() -> None:
    """Some old encoders left out the last bits, which scans behind may bring; nobody can tell this from damage."""
    data = through_pillow(scene(), "JPEG", **_OPTIONS["progressive"])
    scans = [at for marker, at in jpeg_markers(data) if marker == 0xDA]
    tables = max(at for marker, at in jpeg_markers(data) if marker == 0xC4 and at < scans[2])
    photo = decode(data[: tables - 20] + data[tables:], key="a.jpg")
    assert photo.warnings == (
        "a scan of its picture data ends early, though not the last; look for blurred parts",
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", png_of(8, 8, 8)[:16] + struct.pack(">II", 60_000, 60_000) + png_of(8, 8, 8)[24:]),
        (
            "a.bmp",
            b"BM" + bytes(12) + struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        ),
        ("a.ppm", b"P6 60000 60000 255\n"),
        ("a.tif", patched_tag(patched_tag(through_tifffile(ramp()), 256, 60_000), 257, 60_000)),
        ("a.gif", b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b"," + bytes(9) + b"\x08\0;"),
    ],
)
def test_a_bomb_is_refused_by_its_declared_size(name: str, data: bytes) -> None:
    if name == "a.png":
        fixed = data[:29] + struct.pack(">I", imagecodecs.zlib_crc32(data[12:29])) + data[33:]
        data = fixed
    with pytest.raises(OversizedPhotoError, match="pixels, the limit is") as caught:
        decode(data, key=name)
    assert "3,600,000,000" in str(caught.value)


def test_bytes_count_as_well_as_pixels() -> None:
    data = through_tifffile(ramp(dtype=np.uint16), photometric="rgb", compression="zlib")
    with pytest.raises(OversizedPhotoError, match=r"bytes.*the limit is"):
        decode(data, key="a.tif", limits=DecodeLimits(max_bytes=24 * 31 * 6 - 1))
    with pytest.raises(OversizedPhotoError, match=r"bytes.*the limit is"):
        decode(data, key="a.tif", limits=DecodeLimits(max_bytes=100))


def test_a_tile_larger_than_its_picture_is_refused_before_it_is_allocated() -> None:
    data = through_tifffile(ramp(), photometric="rgb", compression="zlib", tile=(16, 16))
    bomb = patched_tag(patched_tag(data, 322, 60_000), 323, 60_000)
    with pytest.raises(OversizedPhotoError, match="pixels, the limit is"):
        decode(bomb, key="a.tif")


def test_an_oversized_photo_still_has_a_header() -> None:
    data = patched_tag(patched_tag(through_tifffile(ramp()), 256, 60_000), 257, 60_000)
    assert read_header(data, key="a.tif").width == 60_000


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.EIO, "worn out"), OSError(errno.ESTALE, "gone")]
)
def test_trouble_of_the_machine_is_not_called_damage(error: Exception) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        observe("a", fails)


@pytest.mark.parametrize("error", [OSError("broken data stream"), OSError(errno.EINVAL, "negative seek")])
def test_what_a_decoder_or_an_impossible_position_says_is_damage(error: Exception) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(UnreadablePhotoError):
        observe("a", fails)


def test_what_is_said_of_a_file_is_said_once_and_not_without_end() -> None:
    assert summarised(["torn", "", "bent", "torn"]) == ("torn", "bent")
    many = [f"mark {number}" for number in range(23)]
    assert summarised(many) == (*many[:20], "and 3 more warnings")
    assert summarised(many[:20]) == tuple(many[:20])
