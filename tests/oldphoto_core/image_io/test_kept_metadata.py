"""Law: what a master says of its picture, its derivative says too, or a warning names it."""

from __future__ import annotations

import contextlib
import io
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from oldphoto_core.image_io import decode, decode_scan, ifd, write_derivative
from oldphoto_core.image_io.ifd import (
    EXIF,
    GPS,
    INTEROPERABILITY,
    Directory,
    Entry,
    Structure,
    add_to_tiff,
    pack_block,
    read_block,
    read_directory,
)
from oldphoto_core.image_io.tiff_writer import TiffFacts, write_tiff
from oldphoto_core.raster import InMemory, MemoryRaster
from tests.oldphoto_core.image_io.image_files import (
    CHANGED,
    COMMENT,
    LONG,
    RECORDS,
    SHOT,
    SRGB,
    TEXTS,
    deep_png,
    derived,
    described_tiff,
    descriptions,
    encoded,
    png_with,
    ramp,
    text_tag,
    through_tifffile,
)

DEEP = ramp(dtype=np.uint16)


@pytest.mark.parametrize("big", [False, True])
def test_a_16_bit_derivative_says_all_that_its_master_says(big: bool) -> None:
    data = derived(described_tiff(DEEP, bigtiff=big))
    with Image.open(io.BytesIO(data)) as image:
        for tag, value in TEXTS.items():
            if tag != 305:
                assert image.tag_v2[tag].encode("latin-1").decode() == value
        exif = image.getexif()
        shot = exif.get_ifd(EXIF)
        assert shot[36867] == SHOT
        assert shot[37510] == COMMENT
        assert shot[42034] == (24, 70, IFDRational(28, 10), IFDRational(28, 10))
        assert exif.get_ifd(GPS)[2] == (52, 31, IFDRational(123, 10))
        assert exif.get_ifd(INTEROPERABILITY)[1] == "R98"
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        tags = tiff.pages.first.tags
        assert tags[270].value == LONG
        assert tags[EXIF].value["DateTimeOriginal"] == SHOT
        assert tags[700].value == b"<x/>"
        assert tags[33723].value == RECORDS
        # The file's software is ours; the scanner's is named beside it.
        assert tags[305].value == "oldphoto 1 (recipe 4f2a); master: Scan 3.1"


def test_an_8_bit_derivative_says_all_that_its_master_says() -> None:
    again = decode(derived(described_tiff(ramp())), key="a.png")
    block = again.header.exif_block
    assert block is not None
    found = read_block(block)
    assert {one.tag: one.data for one in found.entries if one.tag != 274} == {
        one.tag: one.data for one in descriptions().entries
    }
    assert found.inner == descriptions().inner
    assert again.header.iptc_block == RECORDS
    assert again.header.exif["IPTC Headline"] == "Title"


@pytest.mark.parametrize(
    "data", [described_tiff(DEEP), described_tiff(DEEP, bigtiff=True), described_tiff(ramp())]
)
def test_a_derivative_of_a_derivative_says_the_same(data: bytes) -> None:
    first = decode(data, key="a")
    again = decode(encoded(first), key="a")
    for photo in (first, again):
        assert photo.warnings == ()
    ours = {"Image Software", "Text Software", "Text oldphoto:recipe"}
    assert {n: v for n, v in again.header.exif.items() if n not in ours} == {
        n: v for n, v in first.header.exif.items() if n not in ours
    }


def test_a_big_endian_exif_block_says_the_same_in_a_tiff() -> None:
    exif = Image.Exif()
    exif[270], exif[305] = "Großmutter".encode(), "Camera 1.0"
    exif.get_ifd(EXIF)[36867] = SHOT
    exif.get_ifd(EXIF)[33434] = IFDRational(1, 60)
    exif.get_ifd(EXIF)[37510] = b"UNICODE\0" + "é".encode("utf-16-be")
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert block.startswith(b"MM")
    data = derived(png_with(deep_png(DEEP), (b"eXIf", block)))
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        tags = tiff.pages.first.tags
        assert tags[270].value == "Großmutter"
        assert tags[305].value.endswith("; master: Camera 1.0")
        assert tags[EXIF].value["DateTimeOriginal"] == SHOT
        assert tags[EXIF].value["ExposureTime"] == (1, 60)
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif().get_ifd(EXIF)[37510] == b"UNICODE\0" + "é".encode("utf-16-le")


@pytest.mark.parametrize("big", [False, True])
def test_texts_of_a_big_endian_tiff_are_kept(big: bool) -> None:
    tags = [(315, "s", 0, "Ärtist".encode("cp1252"), True), (18246, "H", 1, 5, True)]
    data = through_tifffile(
        DEEP, photometric="rgb", byteorder=">", bigtiff=big, datetime=CHANGED, extratags=tags
    )
    with tifffile.TiffFile(io.BytesIO(derived(data))) as tiff:
        found = tiff.pages.first.tags
        assert (found[306].value, found[315].value, found[18246].value) == (CHANGED, "Ärtist", 5)


@pytest.mark.parametrize("big", [False, True])
def test_adding_tags_leaves_pixels_and_other_tags_where_they_are(big: bool) -> None:
    stream = io.BytesIO()
    write_tiff(
        stream, [DEEP[:16], DEEP[16:]], DEEP.shape, 16, TiffFacts("s", 6, SRGB), has_alpha=False, big=big
    )
    before = stream.getvalue()
    add_to_tiff(stream, Directory((*descriptions().entries, text_tag(305, "never")), descriptions().inner))
    after = stream.getvalue()
    assert after[16 : len(before)] == before[16:]
    with tifffile.TiffFile(io.BytesIO(after)) as tiff:
        page = tiff.pages.first
        assert tiff.is_bigtiff == big
        assert len(tiff.pages) == 1
        assert [tag.code for tag in page.tags] == sorted(tag.code for tag in page.tags)
        assert page.tags[305].value == "s"
        assert page.tags[EXIF].value["DateTimeOriginal"] == SHOT
        np.testing.assert_array_equal(page.asarray(), DEEP)


def test_by_parts_the_same_is_said_and_written(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(described_tiff(DEEP, compression="zlib", rowsperstrip=8))
    photo = decode(path.read_bytes(), key="a.tif")
    scan = decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9)
    assert scan.header == photo.header
    with (tmp_path / "b.tif").open("w+b") as stream:
        write_derivative(stream, scan.pixels, scan.header, software="oldphoto 1", recipe_id="4f2a")
    assert (tmp_path / "b.tif").read_bytes() == encoded(photo)


def test_what_is_too_large_or_beyond_the_end_is_named() -> None:
    file = io.BytesIO(through_tifffile(DEEP, photometric="rgb"))
    add_to_tiff(
        file, Directory((), {EXIF: Directory((text_tag(36867, SHOT), Entry(37510, 7, bytes(3_100_000))))})
    )
    data = bytearray(file.getvalue())
    photo = decode(bytes(data), key="a.tif")
    assert photo.header.exif["EXIF DateTimeOriginal"] == SHOT
    assert photo.warnings == ("EXIF: too large or damaged, and not carried over: UserComment",)
    row = data.rindex(struct.pack("<HH", 36867, 2))
    data[row + 8 : row + 12] = b"\xff\xff\xff\x7f"
    photo = decode(bytes(data), key="a.tif")
    assert photo.warnings == (
        "EXIF: too large or damaged, and not carried over: DateTimeOriginal, UserComment",
    )


def test_a_directory_that_points_to_itself_ends() -> None:
    block = bytearray(b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, EXIF, 4, 1, 8, 0))
    assert not read_block(bytes(block))
    with pytest.raises((ValueError, struct.error)):
        read_block(b"II*\0\x08\0\0\0\xff\xff")


def table(*rows: tuple[int, int, int, int]) -> bytes:
    """A little-endian directory of these rows: tag, type, count, value."""
    return struct.pack("<H", len(rows)) + b"".join(struct.pack("<HHII", *row) for row in rows) + bytes(4)


def test_pointers_to_the_same_directory_are_followed_once() -> None:
    """Law: the work grows with the file, however its directories refer to each other."""
    many = 60
    size = len(table(*[(0, 0, 0, 0)] * many))
    exif, leaf = 8 + size, 8 + 2 * size
    rows = (
        # The first pointer leads to the next directory; the others are repeated, or lead to one that was read.
        [(EXIF, 4, 1, exif), *[(EXIF, 4, 1, leaf), (GPS, 4, 1, exif)] * (many // 2)][:many],
        [(INTEROPERABILITY, 4, 1, leaf)] * many,
        [(1, 99, 1, 0)] * many,
    )
    block = b"II*\0\x08\0\0\0" + b"".join(table(*some) for some in rows)
    reads: Counter[int] = Counter()

    def read(at: int, size: int) -> bytes:
        reads[at] += 1
        return block[at : at + size]

    found = read_directory(Structure(read, "<"), 8)
    # The number of rows and the rows, of each directory.
    assert reads == {at + more: 1 for at in (8, exif, leaf) for more in (0, 2)}
    assert sorted(found.lost) == [1, EXIF, GPS]


def test_of_a_repeated_tag_the_first_is_kept_and_another_is_named() -> None:
    rows = ((271, 2, 2, ord("A")), (271, 2, 2, ord("A")), (272, 2, 2, ord("B")), (272, 2, 2, ord("C")))
    found = read_block(b"II*\0\x08\0\0\0" + table(*rows))
    assert found == Directory((text_tag(271, "A"), text_tag(272, "B")), lost=(272,))


def test_the_rows_of_a_directory_are_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags without a value take no bytes but those of their rows."""
    empty = [(tag, 7, 0, 0) for tag in range(40000, 40010)]
    inner = 8 + len(table((0, 0, 0, 0)))
    block = b"II*\0\x08\0\0\0" + table((EXIF, 4, 1, inner)) + table(*empty)
    assert len(read_block(block).inner[EXIF].entries) == 10
    monkeypatch.setattr(ifd, "_MAX_BYTES", 100)
    assert read_block(block) == Directory(lost=(EXIF,))


def test_a_stream_that_is_no_longer_empty_is_a_tiff_from_its_beginning() -> None:
    """A temporary file is handed over open: writing leaves it at its end, complete."""
    stream = io.BytesIO()
    photo = decode(described_tiff(DEEP), key="a.tif")
    write_derivative(stream, MemoryRaster(photo.pixels), photo.header, software="s", recipe_id="r")
    assert stream.tell() == len(stream.getvalue())


@given(data=st.binary(max_size=300), at=st.integers(0, 200), value=st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_any_block_can_be_read_or_is_called_damaged(data: bytes, at: int, value: int) -> None:
    sound = bytearray(pack_block(descriptions()))[:600]
    sound[at] = value
    for block in (b"II*\0" + data, b"MM\0*" + data, bytes(sound)):
        with contextlib.suppress(ValueError, struct.error):
            found = read_block(block)
            again = read_block(pack_block(found))
            assert sorted(again.entries, key=repr) == sorted(found.entries, key=repr)
            assert again.inner.keys() == found.inner.keys()
