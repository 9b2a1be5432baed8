"""Law: what PNG and JPEG say in chunks and segments, a derivative says too, or a warning names it."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from oldphoto_core.image_io import decode
from oldphoto_core.image_io.boundary import one_line
from oldphoto_core.image_io.png_chunks import read_sayings
from tests.oldphoto_core.image_io.image_files import (
    RECORDS,
    SRGB,
    deep_png,
    derived,
    encoded,
    png_with,
    ramp,
    through_pillow,
    through_tifffile,
)

DEEP = ramp(dtype=np.uint16)


GAMMA = (b"gAMA", struct.pack(">I", 100_000))
PRIMARIES = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
TITLE = (b"tEXt", b"Title\0Market day")
AUTHOR = (b"iTXt", b"Author\0\0\0de\0Urheber\0" + "Özlem".encode())
NOTE = (b"zTXt", b"Comment\0\0" + zlib.compress(b"torn"))
MADE_WITH = (b"tEXt", b"Software\0Scan 3.1")


@pytest.mark.parametrize("behind", [False, True])
def test_a_png_keeps_its_texts_as_they_are(behind: bool) -> None:
    data = derived(png_with(through_pillow(ramp(), "PNG"), TITLE, AUTHOR, NOTE, MADE_WITH, behind=behind))
    with Image.open(io.BytesIO(data)) as image:
        found = dict(image.info)
    assert (found["Title"], found["Author"], found["Comment"]) == ("Market day", "Özlem", "torn")
    assert found["Author"].tkey == "Urheber"
    assert found["Software"] == "oldphoto 1"
    assert found["oldphoto:master-software"] == "Scan 3.1"
    assert decode(data, key="a.png").header.exif["Text Title"] == "Market day"


def test_a_png_keeps_what_it_says_of_its_colours() -> None:
    photo = decode(png_with(through_pillow(ramp(), "PNG"), GAMMA, PRIMARIES), key="a.png")
    assert photo.warnings == ()
    with Image.open(io.BytesIO(encoded(photo))) as image:
        assert image.info["gamma"] == 1.0
        assert image.info["chromaticity"][4] == 0.21


def test_a_profile_stands_for_what_else_is_said_of_colours() -> None:
    """PNG allows a profile or the word sRGB, not both; and a profile goes into a TIFF, so nothing is lost."""
    srgb = (b"sRGB", b"\0")
    both = png_with(through_pillow(ramp(), "PNG", icc_profile=SRGB), srgb)
    assert (b"iCCP" in derived(both), b"sRGB" in derived(both)) == (True, False)
    assert b"sRGB" in derived(png_with(through_pillow(ramp(), "PNG"), srgb))
    deep = decode(png_with(deep_png(DEEP), (b"iCCP", b"p\0\0" + zlib.compress(SRGB)), GAMMA), key="a.png")
    assert (deep.header.icc_profile, deep.warnings) == (SRGB, ())


def test_nothing_is_said_of_a_photo_that_says_nothing() -> None:
    assert b"eXIf" not in derived(through_pillow(ramp(), "PNG"))


def test_an_exif_block_and_xmp_behind_a_pngs_pixels_are_found() -> None:
    exif = Image.Exif()
    exif[271] = "Kodak"
    chunks = (
        (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"),
    )
    header = decode(png_with(through_pillow(ramp(), "PNG"), *chunks, behind=True), key="a.png").header
    assert header.exif["Image Make"] == "Kodak"
    assert header.xmp_block == b"<x/>"


def test_what_a_16_bit_png_says_goes_into_a_tiff_or_is_named() -> None:
    photo = decode(png_with(deep_png(DEEP), GAMMA, PRIMARIES, TITLE, AUTHOR, NOTE, MADE_WITH), key="a.png")
    assert photo.warnings == (
        "its colours are described as only PNG does it (gAMA, cHRM), which a 16-bit derivative, a TIFF, cannot say; "
        "it may look lighter or darker",
        "texts that TIFF has no tag for are not carried over: Comment",
    )
    with tifffile.TiffFile(io.BytesIO(encoded(photo))) as tiff:
        tags = tiff.pages.first.tags
        assert (tags[269].value, tags[315].value) == ("Market day", "Özlem")
        assert tags[305].value.endswith("; master: Scan 3.1")


def test_a_text_whose_tag_is_taken_by_another_is_named() -> None:
    exif = Image.Exif()
    exif[270], exif[315] = "from the EXIF", "Kodak"
    block = (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    same, other = (b"tEXt", b"Author\0Kodak"), (b"tEXt", b"Description\0from the PNG")
    photo = decode(png_with(deep_png(DEEP), block, same, other), key="a.png")
    assert photo.warnings == ("texts that TIFF has no tag for are not carried over: Description",)


def test_a_damaged_exif_block_of_a_16_bit_png_is_named() -> None:
    block = b"II*\0\x08\0\0\0\xff\xff" + bytes(60)
    photo = decode(png_with(deep_png(DEEP), (b"eXIf", block)), key="a.png")
    assert "EXIF: too large or damaged, and not carried over: the EXIF directory" in photo.warnings
    assert set(decode(encoded(photo), key="a.tif").header.exif) == {"Image Orientation", "Image Software"}


@pytest.mark.parametrize("profile", [None, SRGB])
def test_a_tiffs_own_transfer_function_is_named_where_no_profile_says_more(profile: bytes | None) -> None:
    tags = [(301, "H", 65536, np.arange(65536, dtype=np.uint16), True)]
    data = through_tifffile(DEEP[..., 0], photometric="minisblack", iccprofile=profile, extratags=tags)
    named = [warning for warning in decode(data, key="a.tif").warnings if "TransferFunction" in warning]
    assert len(named) == (profile is None)


def test_the_colours_of_srgb_need_no_warning() -> None:
    usual = (b"gAMA", struct.pack(">I", 45455)), (b"sRGB", b"\0")
    assert decode(png_with(deep_png(DEEP), *usual), key="a.png").warnings == ()


@pytest.mark.parametrize(
    ("chunk", "name"),
    [
        ((b"tEXt", b"Novel\0" + b"x" * 1_100_000), "Novel"),
        ((b"zTXt", b"Cut\0\0" + zlib.compress(b"x" * 900)[:-6]), "Cut"),
        ((b"iTXt", b"Odd\0\0"), "Odd"),
        ((b"tEXt", b"\0nameless"), "a text without a name"),
        ((b"cICP", b"\0\0"), "cICP"),
    ],
)
def test_a_chunk_that_cannot_be_taken_over_is_named(chunk: tuple[bytes, bytes], name: str) -> None:
    photo = decode(png_with(through_pillow(ramp(), "PNG"), chunk), key="a.png")
    assert f"damaged or too large, and not carried over: {name}" in photo.warnings


class Inflaters:
    """Stands in for ``zlib.decompressobj`` and counts what is inflated."""

    def __init__(self) -> None:
        self.calls = self.size = 0
        self._make = zlib.decompressobj

    def __call__(self) -> Inflaters:
        self.calls += 1
        self._real = self._make()
        return self

    @property
    def eof(self) -> bool:
        return self._real.eof

    def decompress(self, packed: bytes, most: int) -> bytes:
        text = self._real.decompress(packed, most)
        self.size += len(text)
        return text


@pytest.fixture
def inflaters(monkeypatch: pytest.MonkeyPatch) -> Inflaters:
    counting = Inflaters()
    monkeypatch.setattr(zlib, "decompressobj", counting)
    return counting


LONG_TEXT = zlib.compress(bytes(1 << 20))
TOO_LONG = zlib.compress(bytes(2 << 20))
TORN = zlib.compress(bytes(1 << 20))[:-9] + bytes(9)


@pytest.mark.parametrize("packed", [LONG_TEXT, TOO_LONG, TORN])
@pytest.mark.parametrize(
    ("kind", "keyword", "between"),
    [
        (b"zTXt", b"Note %d", b"\0\0"),
        (b"iTXt", b"Note %d", b"\0\1\0\0\0"),
        (b"iTXt", b"XML:com.adobe.xmp", b"\0\1\0\0\0"),
    ],
)
def test_all_texts_together_are_inflated_to_four_megabytes(
    inflaters: Inflaters, kind: bytes, keyword: bytes, between: bytes, packed: bytes
) -> None:
    """Law: a file of some kilobytes cannot ask for hundreds of megabytes; what is left out is named."""
    names = [keyword.replace(b"%d", b"%d" % number) for number in range(40)]
    data = png_with(through_pillow(ramp(), "PNG"), *((kind, name + between + packed) for name in names))
    found = read_sayings(data)
    assert inflaters.size <= 4_000_000 + len(names)
    assert sum(map(len, found.texts.values())) <= 4_000_000
    kept = 3 if packed is LONG_TEXT else 0
    assert found.lost == tuple(dict.fromkeys(name.decode() for name in names[kept:]))


def test_texts_beyond_the_limits_are_not_inflated(inflaters: Inflaters) -> None:
    full = [(b"iTXt", b"Page %d\0\0\0\0\0" % number + b"x" * 999_980) for number in range(4)]
    data = png_with(
        through_pillow(ramp(), "PNG"), *full, (b"zTXt", b"Note\0\0" + zlib.compress(bytes(900)) * 20)
    )
    found = read_sayings(data)
    assert (inflaters.calls, found.lost) == (0, ("Note",))
    small = [(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b"<x/>"))] * 600
    assert read_sayings(png_with(through_pillow(ramp(), "PNG"), *small)).lost == ("XML:com.adobe.xmp",)
    assert inflaters.calls == 500


def test_of_a_long_text_only_the_beginning_is_looked_at() -> None:
    blanks = " " * 20_000
    assert one_line(blanks + "x") == ""
    assert one_line("x" + blanks) == "x…"
    assert one_line("no <_io.BytesIO object at 0x7f00>\n picture") == "no picture"


@pytest.mark.parametrize(("size", "kept"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_a_comment_is_bounded_as_a_text_is(size: int, kept: bool) -> None:
    photo = decode(through_pillow(ramp(), "GIF", comment=b"x" * size), key="a.gif")
    assert len(photo.header.png_chunks) == kept
    named = "damaged or too large, and not carried over: Comment" in photo.warnings
    assert named is not kept


def app13(records: bytes) -> bytes:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + b"\0" * (len(records) % 2)
    segment = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment


def test_iptc_and_the_comment_of_a_jpeg_go_into_its_png() -> None:
    jpeg = through_pillow(ramp(), "JPEG", comment="Müller".encode())
    data = derived(jpeg[:2] + app13(RECORDS) + jpeg[2:])
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["Comment"] == "Müller"
        # As ImageMagick and ExifTool write it: a name, the number of bytes, and Photoshop's resource in hex.
        name, size, digits = image.info["Raw profile type iptc"].split(None, 2)
        assert (name, int(size)) == ("iptc", len(bytes.fromhex(digits)))
        assert bytes.fromhex(digits)[:12] == b"8BIM\x04\x04\0\0" + struct.pack(">I", len(RECORDS))
    again = decode(data, key="a.png")
    assert again.header.iptc_block == RECORDS
    assert decode(encoded(again), key="a.png").header.iptc_block == RECORDS


@pytest.mark.parametrize("pixels", [DEEP, ramp()])
def test_iptc_within_photoshops_resources_of_a_tiff_is_kept(pixels: Any) -> None:
    resources = b"8BIM\x03\xed\x05title" + struct.pack(">I", 3) + b"abc\0" + app13(RECORDS)[18:]
    tags = [(34377, 1, len(resources), resources, True)]
    data = derived(through_tifffile(pixels, photometric="rgb", extratags=tags))
    assert decode(data, key="a").header.iptc_block == RECORDS


def test_iptc_of_a_16_bit_png_goes_into_its_tiff() -> None:
    profile = f"\niptc\n{len(RECORDS):8}\n{RECORDS.hex()}\n".encode()
    data = derived(png_with(deep_png(DEEP), (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile))))
    assert decode(data, key="a.tif").header.iptc_block == RECORDS


def test_iptc_that_is_too_large_is_named() -> None:
    records = b"\x1c\x02\x78\x7f\xff" + bytes(500_000)
    tags = [(33723, 7, len(records), records, True)]
    photo = decode(through_tifffile(DEEP, photometric="rgb", extratags=tags), key="a.tif")
    assert photo.header.iptc_block is None
    assert photo.warnings == ("the IPTC metadata is too large (500,005 bytes) and is not carried over",)


def test_exif_that_is_no_exif_is_named() -> None:
    photo = decode(through_pillow(ramp(), "JPEG", exif=b"Exif\0\0nothing at all"), key="a.jpg")
    assert "the EXIF metadata is damaged and is not carried over" in photo.warnings


def raw_profile(keyword: str, block: bytes, *, name: str = "exif") -> tuple[bytes, bytes]:
    """A block as ImageMagick writes it into a PNG: a name, the number of bytes, and hexadecimal digits."""
    lines = "\n".join(block.hex()[at : at + 72] for at in range(0, 2 * len(block), 72))
    profile = f"\n{name}\n{len(block):8}\n{lines}\n".encode()
    return b"zTXt", f"Raw profile type {keyword}".encode() + b"\0\0" + zlib.compress(profile)


def turned(orientation: int) -> bytes:
    block = Image.Exif()
    block[274], block[271] = orientation, "Kodak"
    return block.tobytes()


@pytest.mark.parametrize(("keyword", "name"), [("exif", "exif"), ("APP1", "generic profile")])
@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("pixels", [ramp(), DEEP])
def test_exif_in_a_raw_profile_of_a_png_is_exif(pixels: Any, bare: bool, keyword: str, name: str) -> None:
    block = turned(6).removeprefix(b"Exif\0\0") if bare else turned(6)
    plain = deep_png(pixels) if pixels is DEEP else through_pillow(pixels, "PNG")
    photo = decode(png_with(plain, raw_profile(keyword, block, name=name)), key="a.png")
    assert photo.warnings == ()
    for header in (photo.header, decode(encoded(photo), key="a").header):
        assert (header.orientation, header.exif["Image Make"]) == (6, "Kodak")
    assert photo.header.png_chunks == ()


@pytest.mark.parametrize("behind", [False, True])
def test_a_pngs_own_exif_counts_before_a_raw_profile(behind: bool) -> None:
    raw = raw_profile("exif", turned(6))
    data = png_with(through_pillow(ramp(), "PNG"), raw)
    own = (b"eXIf", turned(3).removeprefix(b"Exif\0\0"))
    header = decode(png_with(data, own, behind=behind), key="a.png").header
    assert (header.orientation, header.png_chunks) == (3, (raw,))


@pytest.mark.parametrize(
    "chunk",
    [
        raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 9\n4949\n")),
    ],
)
def test_a_raw_profile_that_is_no_exif_stays_a_text(chunk: tuple[bytes, bytes]) -> None:
    header = decode(png_with(through_pillow(ramp(), "PNG"), chunk), key="a.png").header
    assert (header.exif_block, header.png_chunks) == (None, (chunk,))
