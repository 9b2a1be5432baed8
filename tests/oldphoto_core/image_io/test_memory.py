"""Law: decoding takes no more memory than was judged by the header, and a conversion little more than its result."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.errors import OversizedPhotoError
from oldphoto_core.image_io import colour, decode, decode_scan, read_header
from oldphoto_core.memory import in_memory_bytes
from oldphoto_core.raster import InMemory
from tests.oldphoto_core.image_io.image_files import jp2, through_pillow, through_tifffile

SIDE = 2000


def blocks(channels: int, dtype: Any = np.uint8, side: int = SIDE) -> NDArray[Any]:
    """Large squares of many values: quickly made, and small once compressed."""
    shape = (side // 100, side // 100, channels)
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return values.repeat(100, 0).repeat(100, 1)


def peak_of(action: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _inks(pixels: NDArray[Any]) -> NDArray[Any]:
    return colour.cmyk_to_rgb(pixels, None)[0]


def _divided(pixels: NDArray[Any]) -> NDArray[Any]:
    return colour.straight_alpha(pixels[..., :3], pixels[..., 3])


def _lab(pixels: NDArray[Any]) -> NDArray[Any]:
    return colour.lab_to_rgb(pixels[..., :3], signed=True)


def _spread(pixels: NDArray[Any]) -> NDArray[Any]:
    return colour.spread_bits(pixels >> 4, pixels.itemsize * 8 - 4)


def _levels(pixels: NDArray[Any]) -> NDArray[Any]:
    return colour.spread_levels(pixels, int(pixels.max()))


CONVERSIONS = [
    (_inks, np.uint8),
    (_inks, np.uint16),
    (_divided, np.uint8),
    (_divided, np.uint16),
    (_lab, np.uint8),
    (_spread, np.uint8),
    (_spread, np.uint16),
    (_levels, np.uint16),
]


@pytest.mark.parametrize(("convert", "dtype"), CONVERSIONS)
def test_a_conversion_takes_little_more_than_its_result(
    convert: Callable[[NDArray[Any]], NDArray[Any]], dtype: Any
) -> None:
    pixels = blocks(4, dtype)
    before = pixels.copy()
    peak = peak_of(lambda: convert(pixels))
    assert peak < 3 * pixels.nbytes
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(("convert", "dtype"), CONVERSIONS)
def test_a_large_picture_is_converted_as_its_parts_are(
    convert: Callable[[NDArray[Any]], NDArray[Any]], dtype: Any
) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (900, 700, 4), dtype, endpoint=True)
    pixels[0, 0] = pixels[450, 0] = np.iinfo(dtype).max
    parts = [convert(pixels[:450]), convert(pixels[450:])]
    np.testing.assert_array_equal(convert(pixels), np.concatenate(parts))


def test_inks_and_premultiplied_colours_follow_their_formulas() -> None:
    values = np.random.default_rng(1).integers(0, 256, (40, 50, 4), np.uint8)
    wide = values.astype(np.int64)
    np.testing.assert_array_equal(_inks(values), ((255 - wide[..., :3]) * (255 - wide[..., 3:]) + 127) // 255)
    alpha = np.maximum(wide[..., 3:], 1)
    straight = np.minimum((wide[..., :3] * 255 + alpha // 2) // alpha, 255)
    np.testing.assert_array_equal(_divided(values), np.where(wide[..., 3:] == 0, 0, straight))


def _pillow(mode: str, format_name: str, **options: Any) -> bytes:
    image = Image.fromarray(blocks(len(mode)).squeeze(), mode)
    return through_pillow(image, format_name, **options)


def _palette(**options: Any) -> bytes:
    return through_pillow(Image.fromarray(blocks(3)).quantize(16), "PNG", **options)


def _tiff(**options: Any) -> bytes:
    return through_tifffile(blocks(4), compression="zlib", rowsperstrip=100, **options)


FILES: dict[str, Callable[[], bytes]] = {
    "inks.jpg": lambda: _pillow("CMYK", "JPEG"),
    "inks.tif": lambda: _tiff(photometric="separated"),
    "premultiplied.tif": lambda: _tiff(photometric="rgb", extrasamples=["assocalpha"]),
    "palette.png": _palette,
    "transparent-palette.png": lambda: _palette(transparency=bytes(range(16))),
    "transparent-grey.png": lambda: _pillow("L", "PNG", transparency=5),
    "progressive.jpg": lambda: _pillow("RGB", "JPEG", progressive=True),
    "12-bit.jp2": lambda: jp2(blocks(3, np.uint16) >> 4, bitspersample=12),
}


@pytest.mark.parametrize("name", FILES)
def test_decoding_takes_no_more_than_was_judged(name: str, tmp_path: Path) -> None:
    """Of what Pillow and the codecs take by themselves Python knows nothing: a quarter is left to them."""
    data = FILES[name]()
    header = read_header(data, key=name)
    peak = peak_of(lambda: decode(data, key=name, header=header))
    assert peak < 0.75 * in_memory_bytes(header, len(data))
    if header.format == "TIFF":
        return
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OversizedPhotoError, match="can only be decoded whole"):
        decode_scan(tmp_path / name, key=name, workspace=InMemory(), memory=peak * 4 // 3)


@pytest.mark.parametrize(
    ("name", "options"), [("plain.jpg", {}), ("plain.png", {}), ("plain.jpg", {"optimize": True})]
)
def test_plain_pictures_are_judged_by_the_little_that_they_take(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(_pillow("RGB", "JPEG" if name.endswith("jpg") else "PNG", **options))
    memory = path.stat().st_size + 5 * 3 * SIDE**2
    assert decode_scan(path, key=name, workspace=InMemory(), memory=memory).pixels.shape == (SIDE, SIDE, 3)
    with pytest.raises(OversizedPhotoError, match="can only be decoded whole"):
        decode_scan(path, key=name, workspace=InMemory(), memory=memory - 1)
