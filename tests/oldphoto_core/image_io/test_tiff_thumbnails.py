"""Law: a TIFF's thumbnail is never taken for the photo without a word, and what is said beside it is not lost."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from oldphoto_core.errors import PhotoError, UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import decode, decode_scan, read_header
from oldphoto_core.image_io.ifd import EXIF, GPS, Directory, Entry, add_to_tiff
from oldphoto_core.raster import InMemory, whole
from review.pictures.blocks import open_picture
from tests.oldphoto_core.image_io.image_files import (
    RECORDS,
    SRGB,
    derived,
    descriptions,
    noise,
    patched_tag,
    ramp,
    text_tag,
)

PICTURE = noise(48, 61)
DEEP = ramp(48, 61, dtype=np.uint16)
THUMBNAIL = ramp(6, 8)
RAW = ramp(48, 60, 1, dtype=np.uint16)
CFA, LINEAR_RAW = 32803, 34892
MOSAIC = [(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'

Written = tuple[NDArray[Any], dict[str, Any]]


def written(*pages: Written) -> bytes:
    """A TIFF of pages; those behind one with ``subifds=n`` lie below it."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for pixels, options in pages:
            writer.write(pixels, **{"photometric": "rgb", "metadata": None} | options)
    return buffer.getvalue()


def thumbnail(below: int = 0, **options: Any) -> Written:
    return THUMBNAIL, {"subfiletype": 1, "subifds": below} | options


def everywhere(data: bytes, tmp_path: Path) -> NDArray[Any]:
    """Decode in memory, by parts and for the desk; they agree."""
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    photo = decode(data, key="a.tif")
    scan = decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9)
    assert (scan.header, set(scan.warnings)) == (photo.header, set(photo.warnings))
    np.testing.assert_array_equal(whole(scan.pixels), photo.pixels)
    with open_picture(path, key="a.tif") as shown:
        assert (shown.height, shown.width) == photo.pixels.shape[:2]
    return photo.pixels


def refused(data: bytes, error: type[PhotoError], words: str, tmp_path: Path) -> str:
    """Ask for the header, the pixels, their parts and the desk's view; return the remedy."""
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    with pytest.raises(error, match=words):
        read_header(path, key="a.tif")
    with pytest.raises(error, match=words):
        decode_scan(path, key="a.tif", workspace=InMemory(), memory=10**9)
    with pytest.raises(error, match=words), open_picture(path, key="a.tif"):
        pass
    with pytest.raises(error, match=words) as caught:
        decode(data, key="a.tif")
    return caught.value.remedy


@pytest.mark.parametrize("reduced", [1, 0])
@pytest.mark.parametrize("before", [(), ((PICTURE, {"subfiletype": 1}),)], ids=["raw", "preview and raw"])
@pytest.mark.parametrize("kind", [CFA, LINEAR_RAW])
def test_a_camera_raw_below_a_thumbnail_is_a_camera_raw(
    kind: int, before: tuple[Written, ...], reduced: int, tmp_path: Path
) -> None:
    raw = (RAW if kind == CFA else DEEP, {"photometric": kind, "extratags": MOSAIC})
    data = written(thumbnail(1 + len(before), subfiletype=reduced), *before, raw)
    assert "Develop it" in refused(data, UnsupportedPhotoError, "camera raw", tmp_path)


@pytest.mark.parametrize("pixels", [PICTURE, DEEP], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "rowsperstrip": 7}, {"tile": (16, 32)}])
def test_a_picture_below_a_thumbnail_is_the_photo(
    pixels: NDArray[Any], options: dict[str, Any], tmp_path: Path
) -> None:
    preview = (THUMBNAIL, {"subfiletype": 1})
    data = written(thumbnail(2), preview, (pixels, options))
    np.testing.assert_array_equal(everywhere(data, tmp_path), pixels)
    header = read_header(data, key="a.tif")
    assert (header.pages, header.warnings) == (1, ())


def test_of_two_pictures_below_thumbnails_the_first_is_restored_and_the_other_is_said(tmp_path: Path) -> None:
    data = written(thumbnail(1), (PICTURE, {}), thumbnail(1), (PICTURE[::-1], {}))
    np.testing.assert_array_equal(everywhere(data, tmp_path), PICTURE)
    assert "it holds 2 pictures; only the first is restored" in decode(data, key="a.tif").warnings


def test_a_damaged_second_picture_below_a_thumbnail_makes_a_damaged_file() -> None:
    packed = {"compression": "zlib"}
    data = bytearray(written(thumbnail(2), (PICTURE, packed), (PICTURE[::-1], packed)))
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        below = tiff.pages.first.pages
        assert below is not None
        at = below[1].dataoffsets[0]
    data[at + 40 : at + 240] = bytes(200)
    with pytest.raises(UnreadablePhotoError, match=r"page 1\.2: "):
        decode(bytes(data), key="a.tif")


def test_a_picture_below_a_thumbnail_that_cannot_be_read_is_to_be_exported() -> None:
    luma = written(thumbnail(1), (PICTURE[:, :60], {"photometric": "ycbcr", "compression": None}))
    with pytest.raises(UnsupportedPhotoError, match="below a thumbnail") as caught:
        decode(luma, key="a.tif")
    assert caught.value.remedy.startswith("Export it")


def test_smaller_versions_alone_are_to_be_exported(tmp_path: Path) -> None:
    data = written(thumbnail(1), (PICTURE, {"subfiletype": 1}))
    assert "Export it" in refused(data, UnsupportedPhotoError, "smaller versions", tmp_path)


def test_a_thumbnail_whose_picture_is_cut_off_is_damage(tmp_path: Path) -> None:
    data = patched_tag(written(thumbnail(1), (PICTURE, {})), 330, 1 << 30)
    refused(data, UnreadablePhotoError, "missing", tmp_path)


def test_a_lone_thumbnail_is_restored_with_a_warning(tmp_path: Path) -> None:
    data = written(thumbnail())
    np.testing.assert_array_equal(everywhere(data, tmp_path), THUMBNAIL)
    assert "marked as a smaller version" in decode(data, key="a.tif").warnings[0]


@pytest.mark.parametrize("marked", [1, 0])
@pytest.mark.parametrize("lost", [False, True])
def test_a_pyramid_stays_the_picture_at_its_base(marked: int, lost: bool, tmp_path: Path) -> None:
    levels = [(PICTURE[::step, ::step], {"subfiletype": marked, "tile": (16, 16)}) for step in (2, 4)]
    data = written((PICTURE, {"subifds": 2, "tile": (16, 16)}), *levels)
    data = patched_tag(data, 330, 1 << 30) if lost else data
    np.testing.assert_array_equal(everywhere(data, tmp_path), PICTURE)
    header = read_header(data, key="a.tif")
    assert (header.pages, header.warnings) == (1, ())


def described(pixels: NDArray[Any], *, below: bool, **picture: Any) -> bytes:
    """A TIFF that says everything on its thumbnail, which comes first."""
    tags = [(700, 1, len(XMP), XMP, True), (33723, 7, len(RECORDS), RECORDS, True)]
    stream = io.BytesIO(written(thumbnail(int(below), software=False, extratags=tags), (pixels, picture)))
    add_to_tiff(stream, descriptions())
    return stream.getvalue()


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("pixels", [PICTURE, DEEP], ids=["8 bits", "16 bits"])
def test_what_is_said_beside_the_thumbnail_is_said_of_the_picture(pixels: NDArray[Any], below: bool) -> None:
    data = described(pixels, below=below)
    photo = decode(data, key="a.tif")
    assert photo.warnings == ()
    for header in (photo.header, read_header(derived(data), key="a")):
        assert (header.xmp_block, header.iptc_block) == (XMP, RECORDS)
        assert header.exif["Image Artist"] == "Ärtist"
        assert header.exif["EXIF DateTimeOriginal"] == "1998:01:01 00:00:00"
        assert header.exif["GPS GPSLatitudeRef"] == "N"


def test_what_the_picture_says_itself_comes_first() -> None:
    own = [(315, 2, 0, "Miller", True), (700, 1, 4, b"<x/>", True)]
    header = read_header(described(PICTURE, below=False, extratags=own), key="a.tif")
    assert (header.exif["Image Artist"], header.exif["Image Copyright"]) == ("Miller", "© Museum")
    assert (header.xmp_block, header.iptc_block) == (b"<x/>", RECORDS)


def test_how_a_thumbnail_is_to_be_looked_at_is_not_the_pictures_but_said() -> None:
    turned = (274, "H", 1, 6, True)
    stated = {"extratags": [turned], "iccprofile": SRGB, "resolution": (72, 72)}
    header = read_header(written(thumbnail(**stated), (PICTURE, {})), key="a.tif")
    assert (header.orientation, header.icc_profile, header.dpi) == (1, None, None)
    assert header.warnings == (
        "its thumbnail states an orientation and a colour profile, the picture does not; it is not carried over",
    )
    own = {"extratags": [(274, "H", 1, 1, True)], "iccprofile": SRGB}
    assert read_header(written(thumbnail(**stated), (PICTURE, own)), key="a.tif").warnings == ()


def test_descriptions_of_a_thumbnail_that_are_damaged_or_too_large_are_named() -> None:
    def both(said: Directory) -> tuple[str, ...]:
        stream = io.BytesIO(written(thumbnail(), (PICTURE, {"description": "x" * 2_000_000})))
        add_to_tiff(stream, said)
        header = read_header(stream.getvalue(), key="a.tif")
        assert header.exif["Image ImageDescription"].startswith("xxx")
        return header.warnings

    large = Directory((text_tag(315, "y" * 2_000_000),), {GPS: Directory((text_tag(1, "N"),))})
    assert both(large) == ("EXIF: too large or damaged, and not carried over: Artist, the GPS directory",)
    lost = both(Directory((Entry(EXIF, 4, bytes(4)),)))
    assert lost[0] == "EXIF: too large or damaged, and not carried over: the EXIF directory"
