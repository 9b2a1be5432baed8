"""Law: a file decoded by parts onto a disk gives the pixels, header and warnings of one decoded in memory."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from oldphoto_core.errors import OversizedPhotoError, UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import AsStored, DecodeLimits, decode, decode_scan, to_upright, write_derivative
from oldphoto_core.image_io.ifd import Directory, Entry, add_to_tiff
from oldphoto_core.raster import InMemory, MemoryRaster, OnDisk, whole
from tests.oldphoto_core.image_io.image_files import (
    SRGB,
    deep_png,
    ink_profile,
    noise,
    oriented_jpeg,
    patched_tag,
    ramp,
    through_pillow,
    through_tifffile,
)

DEEP = ramp(70, 91, 3, dtype=np.uint16)
GREY = ramp(70, 91, 1)


def tiff(pixels: Any = DEEP, **options: Any) -> bytes:
    options.setdefault("photometric", "rgb" if pixels.ndim == 3 else "minisblack")
    return through_tifffile(pixels, **options)


def turned(orientation: int) -> bytes:
    return tiff(compression="zlib", rowsperstrip=8, extratags=[(274, "H", 1, orientation, True)])


def with_stray_tile_length(data: bytes) -> bytes:
    """A TIFF in strips whose tag for the length of tiles holds two numbers."""
    stream = io.BytesIO(data)
    add_to_tiff(stream, Directory((Entry(323, 3, b"\x64\0\1\0"),)))
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        tiff(),
        tiff(byteorder=">"),
        tiff(rowsperstrip=9),
        tiff(compression="lzw", predictor=True, rowsperstrip=9, iccprofile=SRGB, resolution=(600, 600)),
        tiff(compression="zlib", tile=(32, 48), byteorder=">"),
        tiff(np.moveaxis(DEEP, 2, 0), planarconfig="separate", photometric="rgb"),
        tiff(np.moveaxis(DEEP, 2, 0), planarconfig="separate", compression="zlib", tile=(32, 32)),
        tiff(GREY, compression="packbits", rowsperstrip=11),
        tiff(GREY, photometric="miniswhite", compression="zlib", rowsperstrip=11),
        tiff(GREY > 100, photometric="miniswhite", rowsperstrip=11),
        tiff(ramp(70, 91, 4), photometric="separated", compression="zlib", rowsperstrip=11),
        tiff(ramp(70, 91, 4), extrasamples=["unassalpha"], compression="zlib", rowsperstrip=11),
        tiff(ramp(70, 91, 4), extrasamples=["assocalpha"], compression="zlib", rowsperstrip=11),
        tiff(
            ramp(70, 91, 4),
            photometric="separated",
            iccprofile=ink_profile(),
            compression="lzw",
            rowsperstrip=1,
        ),
        tiff(
            ramp(70, 91, 4),
            photometric="separated",
            iccprofile=ink_profile(),
            compression="lzw",
            tile=(16, 32),
        ),
        tiff(ramp(70, 91, 3), photometric="cielab", compression="lzw", rowsperstrip=1),
        with_stray_tile_length(tiff(compression="lzw", rowsperstrip=9)),
        tiff(ramp(70, 91, 3), compression="jpeg", rowsperstrip=16),
        tiff(ramp(70, 91, 3), photometric="ycbcr", compression="jpeg", tile=(32, 32)),
        through_pillow(ramp(30, 40, 3), "TIFF", compression="tiff_lzw"),
        *map(turned, range(1, 9)),
        oriented_jpeg(6),
        deep_png(DEEP),
    ],
)
def test_decoding_by_parts_is_decoding(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    expected = decode(data, key="a.tif")
    with OnDisk() as workspace:
        found = decode_scan(path, key="a.tif", workspace=workspace, memory=10**9)
        upright = to_upright(expected.pixels, expected.header.orientation)
        assert found.pixels.dtype == upright.dtype
        assert np.array_equal(whole(found.pixels), upright)
        assert (found.alpha is None) == (expected.alpha is None)
        if found.alpha is not None:
            assert np.array_equal(whole(found.alpha), expected.alpha)
    assert found.header == expected.header
    assert set(found.warnings) == set(expected.warnings)


def test_inks_in_many_small_strips_are_converted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted: list[int] = []
    convert = imagecodecs.cms_transform

    def counting(inks: NDArray[Any], *arguments: Any, **options: Any) -> NDArray[Any]:
        converted.append(inks.size)
        return convert(inks, *arguments, **options)

    monkeypatch.setattr(imagecodecs, "cms_transform", counting)
    path = tmp_path / "a.tif"
    path.write_bytes(
        tiff(
            ramp(90, 91, 4),
            photometric="separated",
            iccprofile=ink_profile(),
            compression="lzw",
            rowsperstrip=1,
        )
    )
    decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9)
    assert converted == [90 * 91 * 4]


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (tiff(compression="zlib", rowsperstrip=16)[:-900], UnreadablePhotoError, "strips or tiles"),
        (patched_tag(tiff(compression="lzw"), 279, 50), UnreadablePhotoError, "decoded"),
        (tiff(DEEP.astype(np.float32), photometric="rgb"), UnsupportedPhotoError, "measurements"),
        (b"this was never a photograph", UnreadablePhotoError, "text"),
    ],
)
def test_damage_is_told_as_in_memory(data: bytes, error: type[Exception], words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with pytest.raises(error, match=words):
        decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9)


def two_pages(number: int = 5, second: Any = None) -> bytes:
    """A file whose second page is compressed by a scheme of this number (5 is true)."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in (noise(), noise() if second is None else second):
            writer.write(page, photometric="rgb", compression="lzw", metadata=None)
    data = bytearray(buffer.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages[1].tags[259].valueoffset
    data[at : at + 2] = number.to_bytes(2, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "limits", "remark"),
    [
        (two_pages(), DecodeLimits(), None),
        (two_pages(34676), DecodeLimits(), "page 2 is of a kind that could not be checked for damage"),
        (two_pages(65001), DecodeLimits(), "page 2 is of a kind that could not be checked for damage"),
        (
            two_pages(second=np.zeros((300, 200, 3), np.uint8)),
            DecodeLimits(max_bytes=100_000),
            "the pages from number 2 on were not checked for damage",
        ),
    ],
)
def test_a_second_page_that_cannot_be_checked_is_a_remark(
    data: bytes, limits: DecodeLimits, remark: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    expected = decode(data, key="a.tif", limits=limits)
    found = decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9, limits=limits)
    assert np.array_equal(whole(found.pixels), noise())
    assert found.warnings == expected.warnings
    assert found.warnings[1:] == ((remark,) if remark else ())


def test_a_damaged_second_page_makes_a_damaged_file(tmp_path: Path) -> None:
    data = bytearray(two_pages())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        at = file.pages[1].dataoffsets[0]
    data[at : at + 400] = bytes(400)
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with pytest.raises(UnreadablePhotoError, match="page 2: "):
        decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9)


@pytest.mark.parametrize(
    ("data", "words"),
    [(tiff(compression="zlib", rowsperstrip=70), "one compressed piece"), (deep_png(DEEP), "whole")],
)
def test_what_cannot_be_read_by_parts_must_fit_into_memory(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(OversizedPhotoError, match=words) as caught:
        decode_scan(path, key="a", workspace=InMemory(), memory=50_000)
    assert "--memory" in caught.value.remedy


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_as_stored_is_the_region_of_the_stored_picture(orientation: int) -> None:
    stored = ramp(13, 9)
    raster = AsStored(MemoryRaster(to_upright(stored, orientation).copy()), orientation)
    assert raster.shape == stored.shape
    assert np.array_equal(raster.read(2, 1, 11, 8), stored[2:11, 1:8])
    raster.write(4, 3, stored[:5, :4])
    assert np.array_equal(raster.read(4, 3, 9, 7), stored[:5, :4])


@pytest.mark.parametrize("layout", [{"rowsperstrip": 50}, {"tile": (64, 64)}])
def test_planes_that_are_stored_apart_are_not_kept_until_the_last_one_comes(
    layout: dict[str, Any], tmp_path: Path
) -> None:
    # Of equal rows, so that the compressed bytes, which are read in large pieces, count for nothing.
    rows = np.arange(1500, dtype=np.uint16) * np.array([[[1]], [[2]], [[3]]], np.uint16)
    stored = np.broadcast_to(rows, (3, 1000, 1500)).copy()
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(stored, photometric="rgb", planarconfig="separate", compression="zlib", **layout))
    tracemalloc.start()
    with OnDisk() as workspace:
        scan = decode_scan(path, key="a.tif", workspace=workspace, memory=10**8)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.array_equal(whole(scan.pixels), np.moveaxis(stored, 0, 2))
    assert peak < stored.nbytes / 3


def test_twenty_megapixels_pass_from_file_to_file_in_a_fraction_of_their_memory(tmp_path: Path) -> None:
    """120 MB of pixels: read by strips, put on disk, turned, and written as a TIFF that holds the same."""
    row = np.arange(5160 * 3, dtype=np.uint16).reshape(1, 5160, 3)
    height = 3880

    def strips() -> Iterator[bytes]:
        for top in range(0, height, 40):
            yield zlib.compress((row + np.arange(top, top + 40, dtype=np.uint16)[:, None, None]).tobytes(), 1)

    tifffile.imwrite(
        tmp_path / "a.tif",
        strips(),
        shape=(height, 5160, 3),
        dtype=np.uint16,
        photometric="rgb",
        compression="zlib",
        rowsperstrip=40,
        metadata=None,
        extratags=[(274, "H", 1, 6, True)],
    )
    tracemalloc.start()
    with OnDisk() as workspace, (tmp_path / "b.tif").open("w+b") as stream:
        scan = decode_scan(tmp_path / "a.tif", key="a.tif", workspace=workspace, memory=10**8)
        assert scan.pixels.shape == (5160, height, 3)
        stored = AsStored(scan.pixels, 6)
        write_derivative(stream, stored, scan.header, software="s", recipe_id="r")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        page = tiff.pages.first
        assert page.tags[274].value == 6
        for segment, index, shape in page.segments(maxworkers=1):
            top = index[2]
            numbers = np.arange(top, top + shape[1], dtype=np.uint16)
            assert np.array_equal(segment[0], row + numbers[:, None, None])
