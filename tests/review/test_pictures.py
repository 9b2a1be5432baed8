"""Pictures for the browser: the stored pixels, upright, at every size, whatever file they lie in."""

from __future__ import annotations

import hashlib
import io
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from oldphoto_core.errors import FixityError, PhotoError
from oldphoto_core.image_io import Display, decode, from_upright, to_upright
from review.files import DeskFiles
from review.pictures import TILE_OVERLAP, TILE_SIZE, PictureRequest, PictureShelf
from review.pictures.tiles import Paint, crop, cut_tile
from tests.colour_profiles import grey_profile

HEIGHT, WIDTH = 700, 901


@pytest.fixture
def shelf(tmp_path: Path) -> PictureShelf:
    return PictureShelf(DeskFiles([str(tmp_path)], tmp_path / "cache"), tmp_path / "cache", 1 << 30)


def deep_picture() -> NDArray[np.uint16]:
    values = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint64) * 7919 % 65536
    return values.astype(np.uint16).reshape(HEIGHT, WIDTH, 3)


def shown(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """What a screen shows of stored samples."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pixels.astype(np.uint8)


def request_for(path: Path, **more: Any) -> PictureRequest:
    return PictureRequest("photo", str(path), hashlib.sha256(path.read_bytes()).hexdigest(), **more)


WAYS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (128, 256)},
    "strips": {"rowsperstrip": 33, "compression": "zlib"},
    "one strip": {"rowsperstrip": HEIGHT},
    "planes apart": {"planarconfig": "separate"},
    "big-endian": {"byteorder": ">"},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_deep_tiff_is_shown_pixel_for_pixel(way: str, shelf: PictureShelf, tmp_path: Path) -> None:
    pixels, options = deep_picture(), dict(WAYS[way])
    file = tmp_path / "scan.tif"
    stored = np.moveaxis(pixels, 2, 0) if "planarconfig" in options else pixels
    order = options.pop("byteorder", None)
    tifffile.imwrite(file, stored, photometric="rgb", byteorder=order, **options)
    assert np.array_equal(shelf.pyramid(request_for(file)).levels[0], shown(pixels))


def test_a_large_strip_is_read_where_it_lies(
    shelf: PictureShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, file = deep_picture(), tmp_path / "scan.tif"
    tifffile.imwrite(file, pixels, photometric="rgb", rowsperstrip=HEIGHT)
    monkeypatch.setattr("review.pictures.blocks._LARGEST_SEGMENT", 1000)
    assert np.array_equal(shelf.pyramid(request_for(file)).levels[0], shown(pixels))


def test_white_is_zero_is_shown_as_it_looks(shelf: PictureShelf, tmp_path: Path) -> None:
    grey = deep_picture()[..., 0]
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, grey, photometric="miniswhite")
    assert np.array_equal(shelf.pyramid(request_for(file)).levels[0], 255 - shown(grey))


@pytest.mark.parametrize("way", ["strips", "where it lies", "decoded whole"])
def test_greys_are_shown_through_their_profile(
    way: str, shelf: PictureShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linear: 13 of 255 is the first tone, and half of the light is 188."""
    grey, profile = deep_picture()[..., 0], grey_profile()
    file = tmp_path / "scan.tif"
    if way == "decoded whole":
        file = tmp_path / "scan.png"
        Image.fromarray(shown(grey)).save(file, icc_profile=profile)
    else:
        tifffile.imwrite(file, grey, photometric="minisblack", rowsperstrip=HEIGHT, iccprofile=profile)
    if way == "where it lies":
        monkeypatch.setattr("review.pictures.blocks._LARGEST_SEGMENT", 1000)
    level = shelf.pyramid(request_for(file)).levels[0]
    assert level.shape == grey.shape
    for stored, tone in ((0, 0), (257, 13), (128 * 257, 188), (65535, 255)):
        assert set(level[shown(grey) == stored // 257].tolist()) & {tone}
    assert np.array_equal(level, Display(profile).convert(shown(grey) if file.suffix == ".png" else grey))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_is_shown_by_the_gamma_that_it_states(
    channels: int, shelf: PictureShelf, tmp_path: Path
) -> None:
    pixels = shown(deep_picture()) if channels == 3 else shown(deep_picture())[..., 0]
    linear = PngImagePlugin.PngInfo()
    linear.add(b"gAMA", (100_000).to_bytes(4, "big"))
    file = tmp_path / "scan.png"
    Image.fromarray(pixels).save(file, pnginfo=linear)
    level = shelf.pyramid(request_for(file)).levels[0]
    assert set(level[pixels == 128].tolist()) == {188}


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_a_thumbnail_is_of_the_tones_of_the_picture(suffix: str, tmp_path: Path) -> None:
    """Also where a tile is narrower than the distance of the pixels that are taken."""
    file = tmp_path / f"scan.{suffix}"
    grey = np.full((HEIGHT, WIDTH), 128, np.uint8)
    if suffix == "tif":
        tifffile.imwrite(file, grey, photometric="minisblack", tile=(16, 16), iccprofile=grey_profile())
    else:
        Image.fromarray(grey).save(file, icc_profile=grey_profile())
    shelf = PictureShelf(DeskFiles([str(tmp_path)], tmp_path / "cache"), tmp_path / "cache", 1 << 30)
    for side in (400, 10):
        small = np.asarray(Image.open(io.BytesIO(shelf.thumbnail(request_for(file), side))))
        assert np.abs(small.astype(int) - 188).max() <= 1


def test_what_was_shown_otherwise_is_made_anew(shelf: PictureShelf, tmp_path: Path) -> None:
    """A cache outlives the program that filled it; masks are shown as ever."""
    file = tmp_path / "scan.png"
    Image.fromarray(shown(deep_picture())).save(file)
    earlier = request_for(file).sha256 + "-1"
    assert request_for(file).name != earlier
    assert request_for(file, keep_largest=True).name == earlier + "m"


def test_the_scan_is_the_page_that_is_restored(shelf: PictureShelf, tmp_path: Path) -> None:
    pixels, file = deep_picture(), tmp_path / "scan.tif"
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(shown(pixels)[::20, ::20], photometric="rgb", subfiletype=1)
        tiff.write(pixels, photometric="rgb", rowsperstrip=33)
    assert np.array_equal(shelf.pyramid(request_for(file)).levels[0], shown(pixels))


@pytest.mark.parametrize("depth", [8, 16])
def test_colours_that_were_multiplied_by_alpha_are_shown_as_they_are_restored(
    depth: int, shelf: PictureShelf, tmp_path: Path
) -> None:
    pixels = deep_picture() if depth == 16 else shown(deep_picture())
    alpha = np.full((HEIGHT, WIDTH, 1), np.iinfo(pixels.dtype).max // 2, pixels.dtype)
    file = tmp_path / "scan.tif"
    stored = np.concatenate([pixels // 2, alpha], axis=2)
    tifffile.imwrite(file, stored, photometric="rgb", extrasamples=["assocalpha"])
    restored = decode(file.read_bytes(), key="photo").pixels
    assert np.array_equal(shelf.pyramid(request_for(file)).levels[0], shown(restored))
    assert not np.array_equal(shown(restored), shown(stored[..., :3]))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "no page": lambda data: data[:4] + (len(data) + 8).to_bytes(4, "little") + data[8:],
    "cut off": lambda data: data[: len(data) // 2],
    "overwritten": lambda data: data[:1000] + bytes(len(data) - 1000),
}


@pytest.mark.parametrize(
    ("way", "compression"),
    # Bytes that were not compressed are pixels, whatever they are.
    [(way, kind) for way in DAMAGE for kind in ("jpeg", "zlib", None) if kind or way != "overwritten"],
)
def test_a_damaged_tiff_is_told_as_damaged(
    way: str, compression: str | None, shelf: PictureShelf, tmp_path: Path
) -> None:
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, shown(deep_picture()), photometric="rgb", rowsperstrip=64, compression=compression)
    file.write_bytes(DAMAGE[way](file.read_bytes()))
    for look in (shelf.pyramid, lambda request: shelf.thumbnail(request, 100)):
        with pytest.raises(PhotoError, match="photo"):
            look(request_for(file))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_every_orientation_is_shown_upright(
    orientation: int, suffix: str, shelf: PictureShelf, tmp_path: Path
) -> None:
    upright = shown(deep_picture())[:301, :200]
    stored = from_upright(upright, orientation)
    file = tmp_path / f"scan.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(file, stored, photometric="rgb", tile=(64, 64))
    else:
        Image.fromarray(stored).save(file)
    pyramid = shelf.pyramid(request_for(file, orientation=orientation))
    assert (pyramid.width, pyramid.height) == (200, 301)
    assert np.array_equal(pyramid.levels[0], upright)
    assert np.array_equal(pyramid.levels[0], to_upright(stored, orientation))


def test_levels_halve_and_tiles_cover_the_picture(shelf: PictureShelf, tmp_path: Path) -> None:
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, deep_picture(), photometric="rgb", tile=(256, 256))
    pyramid = shelf.pyramid(request_for(file))
    top = math.ceil(math.log2(max(WIDTH, HEIGHT)))
    for level in range(top + 1):
        scale = 2 ** (top - level)
        width, height = math.ceil(WIDTH / scale), math.ceil(HEIGHT / scale)
        columns, rows = math.ceil(width / TILE_SIZE), math.ceil(height / TILE_SIZE)
        for row in range(rows):
            for column in range(columns):
                data = cut_tile(pyramid, level, column, row, Paint.VALUES)
                assert data is not None
                left = column * TILE_SIZE - (TILE_OVERLAP if column else 0)
                right = min(width, (column + 1) * TILE_SIZE + TILE_OVERLAP)
                above = row * TILE_SIZE - (TILE_OVERLAP if row else 0)
                below = min(height, (row + 1) * TILE_SIZE + TILE_OVERLAP)
                assert Image.open(io.BytesIO(data)).size == (right - left, below - above)
        assert cut_tile(pyramid, level, columns, 0, Paint.VALUES) is None
        assert cut_tile(pyramid, level, 0, rows, Paint.VALUES) is None
    assert cut_tile(pyramid, top + 1, 0, 0, Paint.VALUES) is None


def test_a_thin_scratch_stays_visible_at_every_size(shelf: PictureShelf, tmp_path: Path) -> None:
    mask = np.zeros((1000, 1000), np.uint8)
    mask[:, 501] = 255
    file = tmp_path / "mask.png"
    Image.fromarray(mask).save(file)
    kept = shelf.pyramid(request_for(file, keep_largest=True))
    assert all(int(level.max()) == 255 for level in kept.levels)
    averaged = shelf.pyramid(request_for(file))
    assert int(averaged.levels[-1].max()) < 255


def test_a_mask_is_painted_and_transparent_elsewhere(shelf: PictureShelf, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, :32] = 255
    file = tmp_path / "mask.png"
    Image.fromarray(mask).save(file)
    data = cut_tile(shelf.pyramid(request_for(file, keep_largest=True)), 6, 0, 0, Paint.MASK)
    assert data is not None
    painted = np.asarray(Image.open(io.BytesIO(data)))
    assert (painted[:, :32, 3] == 255).all()
    assert (painted[:, 32:, 3] == 0).all()


def test_a_crop_at_the_edge_stays_inside(shelf: PictureShelf, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.fromarray(shown(deep_picture())).save(file)
    pyramid = shelf.pyramid(request_for(file))
    for box in ((-50.0, -50.0, 100.0, 100.0), (WIDTH - 10.0, 0.0, 90.0, 30.0), (5000.0, 5000.0, 10.0, 10.0)):
        assert max(Image.open(io.BytesIO(crop(pyramid, box, 80))).size) <= 80


def test_a_thumbnail_of_a_large_scan_looks_like_it(shelf: PictureShelf, tmp_path: Path) -> None:
    across = np.linspace(0, 65535, 4000).astype(np.uint16)
    scan = np.repeat(np.repeat(across[None, :, None], 3000, axis=0), 3, axis=2)
    file = tmp_path / "scan.tif"
    tifffile.imwrite(file, scan, photometric="rgb", rowsperstrip=7)
    small = np.asarray(Image.open(io.BytesIO(shelf.thumbnail(request_for(file), 400))))
    assert small.shape == (300, 400, 3)
    assert np.abs(small[150, :, 0].astype(int) - np.linspace(0, 255, 400)).max() < 4
    assert not list((tmp_path / "cache" / "pyramids").glob("*"))


def test_a_picture_is_decoded_once(shelf: PictureShelf, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.fromarray(shown(deep_picture())).save(file)
    request = request_for(file)
    first = shelf.pyramid(request)
    file.unlink()
    assert shelf.pyramid(request) is first
    again = PictureShelf(shelf.files, shelf.folder, shelf.max_bytes)
    assert np.array_equal(again.pyramid(request).levels[0], first.levels[0])


def test_the_cache_lets_the_oldest_go(tmp_path: Path) -> None:
    shelf = PictureShelf(DeskFiles([str(tmp_path)], tmp_path / "cache"), tmp_path / "cache", 3_000_000)
    for number in range(4):
        file = tmp_path / f"{number}.png"
        Image.fromarray(np.full((600, 800, 3), number, np.uint8)).save(file)
        shelf.pyramid(request_for(file))
    kept = list((tmp_path / "cache" / "pyramids").iterdir())
    assert 1 <= len(kept) < 4
    assert any(entry.name.startswith(request_for(tmp_path / "3.png").sha256) for entry in kept)


def test_other_bytes_than_recorded_are_not_shown(shelf: PictureShelf, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(file)
    request = request_for(file)
    Image.fromarray(np.ones((8, 8), np.uint8)).save(file)
    with pytest.raises(FixityError, match=r"scan\.png"):
        shelf.pyramid(request)
    with pytest.raises(FixityError):
        shelf.thumbnail(request, 100)


def test_a_file_that_is_no_picture_is_told(shelf: PictureShelf, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    file.write_text("not a picture")
    with pytest.raises(PhotoError, match="photo"):
        shelf.pyramid(request_for(file))
    assert not list((tmp_path / "cache" / "pyramids").iterdir())


def test_a_large_scan_is_never_in_memory_as_a_whole(shelf: PictureShelf, tmp_path: Path) -> None:
    side = 3000
    file = tmp_path / "scan.tif"
    tifffile.imwrite(
        file,
        shape=(side, side, 3),
        dtype=np.uint16,
        data=(np.full((256, 256, 3), 30_000, np.uint16) for _ in range(math.ceil(side / 256) ** 2)),
        tile=(256, 256),
        photometric="rgb",
    )
    request = request_for(file)
    tracemalloc.start()
    try:
        shelf.pyramid(request)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < file.stat().st_size / 3
