"""Reading a stored picture piece by piece: a large TIFF never lies in memory as a whole.

TIFFs of the usual kinds (grey or RGB, 8 or 16 bits) are read strip by strip or tile by tile. Every other
file is decoded whole by the core, which is why those have a smaller size limit here. Which page of a TIFF is
the photo, and which file is damaged, is for the core to say: the scan beside a result is what was restored.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffFile, TiffFileError, TiffPage

from oldphoto_core.image_io import DecodeLimits, Display, decode
from oldphoto_core.image_io.boundary import observe
from oldphoto_core.image_io.tiff_pages import main_page, pages_of, require_whole_page

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_JPEG = 7
_PREMULTIPLIED = 1
_ICC_TAG = 34675
_LARGEST_SEGMENT = 1 << 27
"""Bytes of one decoded strip or tile; beyond it, a page is read from the file as it is or decoded whole."""
_READ_AHEAD = 1 << 22
"""Bytes of strips or tiles that are read at a time; decoding them in parallel would hold all of them at once."""
_BAND_ROWS = 256

WHOLE_LIMITS = DecodeLimits(max_pixels=200_000_000, max_bytes=1_600_000_000)
"""For files that have to be decoded whole."""


@dataclass(frozen=True)
class Block:
    """A piece of a picture at ``row, column``: ``h×w`` or ``h×w×3`` samples as stored, and how they are shown."""

    row: int
    column: int
    samples: NDArray[Any]
    display: Display

    def shown(self, step: int = 1) -> NDArray[np.uint8]:
        """Return the piece in sRGB, or of the whole picture's every ``step``-th row and column those in it."""
        # Only what is wanted is converted: colours of 16 bits take longer to convert than to read.
        return self.display.convert(self.samples[-self.row % step :: step, -self.column % step :: step])


@dataclass(frozen=True)
class StoredPicture:
    """An opened picture: its stored size, whether it has colours, and its pieces (to be read once)."""

    width: int
    height: int
    is_colour: bool
    blocks: Iterator[Block]


@contextmanager
def open_picture(path: Path, *, key: str, limits: DecodeLimits = WHOLE_LIMITS) -> Iterator[StoredPicture]:
    """Open a picture for reading once.

    Args:
        path: the file.
        key: what errors call the photo.
        limits: for files that have to be decoded whole.

    Raises:
        PhotoError: the file is no picture, is damaged, or is too large to be decoded whole.
    """
    # Opened once: whoever makes room in the cache may delete the file while it is read.
    with path.open("rb") as file:
        yield observe(key, lambda: _plain(file, key)).value or _whole(file, key, limits)


def _plain(file: BinaryIO, key: str) -> StoredPicture | None:
    """Return the photo of a TIFF in pieces; None for what the core has to decode whole."""
    try:
        tiff = TiffFile(file)
    except TiffFileError:
        return None
    page = main_page(pages_of(tiff, key), key)
    if not _is_plain(page):
        return None
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        require_whole_page(page, data, key)
    in_segments = _segment_bytes(page) <= _LARGEST_SEGMENT
    picture = _in_segments(page) if in_segments else _in_bands(page, file)
    return replace(picture, blocks=_watched(picture.blocks, key))


def _watched(blocks: Iterator[Block], key: str) -> Iterator[Block]:
    """Hand on the pieces; whatever a decoder raises on the way becomes a PhotoError."""
    while (block := observe(key, lambda: next(blocks, None)).value) is not None:
        yield block


def _is_plain(page: TiffPage) -> bool:
    """Whether the page can be shown without the core's conversions, from pieces of bounded size."""
    kinds: tuple[int, ...] = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    if page.compression == _JPEG:
        kinds = (*kinds, _YCBCR)
    colours = 1 if page.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO) else 3
    return bool(
        page.photometric in kinds
        and page.bitspersample in (8, 16)
        and page.sampleformat in (None, 1)
        and page.samplesperpixel in (colours, colours + 1)
        and page.extrasamples[:1] != (_PREMULTIPLIED,)
        and (page.planarconfig == 1 or page.samplesperpixel == 1)
        and page.imagedepth == 1
        and (_segment_bytes(page) <= _LARGEST_SEGMENT or page.is_memmappable)
    )


def _segment_bytes(page: TiffPage) -> int:
    width, height = (
        (page.tilewidth, page.tilelength) if page.is_tiled else (page.imagewidth, page.rowsperstrip)
    )
    height = min(height, page.imagelength) if not page.is_tiled else height
    return int(width) * int(height) * int(page.samplesperpixel) * (int(page.bitspersample) // 8)


def _display(page: TiffPage) -> Display:
    tag = page.tags.get(_ICC_TAG)
    profile = bytes(tag.value) if tag is not None and isinstance(tag.value, bytes) else None
    return Display(profile, inverted=page.photometric == _WHITE_IS_ZERO)


def _in_segments(page: TiffPage) -> StoredPicture:
    display, is_colour = _display(page), page.samplesperpixel >= 3

    def blocks() -> Iterator[Block]:
        for pixels, index, _ in page.segments(maxworkers=1, buffersize=_READ_AHEAD):
            if pixels is None:
                raise ValueError("a strip or tile is empty")
            row, column = int(index[2]), int(index[3])
            # Tiles at the edge are stored in full size.
            piece = pixels[0, : page.imagelength - row, : page.imagewidth - column]
            yield Block(row, column, _colours(piece, is_colour), display)

    return StoredPicture(int(page.imagewidth), int(page.imagelength), is_colour, blocks())


def _in_bands(page: TiffPage, file: BinaryIO) -> StoredPicture:
    """Read one huge uncompressed strip where it lies in the file."""
    display, is_colour = _display(page), page.samplesperpixel >= 3
    height, width = int(page.imagelength), int(page.imagewidth)

    def blocks() -> Iterator[Block]:
        stored: Any = np.memmap(
            file,
            dtype=f"{page.parent.byteorder}u{page.bitspersample // 8}",
            mode="r",
            offset=page.dataoffsets[0],
            shape=(height, width, int(page.samplesperpixel)),
        )
        for row in range(0, height, _BAND_ROWS):
            band = np.array(stored[row : row + _BAND_ROWS])
            yield Block(row, 0, _colours(band, is_colour), display)

    return StoredPicture(width, height, is_colour, blocks())


def _colours(piece: NDArray[Any], is_colour: bool) -> NDArray[Any]:
    """Return the piece without an extra channel: ``h×w×3`` or ``h×w``."""
    return piece[..., :3] if is_colour else piece[..., 0]


def _whole(file: BinaryIO, key: str, limits: DecodeLimits) -> StoredPicture:
    limits.require_file(key, file.seek(0, SEEK_END))
    file.seek(0)
    photo = decode(file.read(), key=key, limits=limits)
    pixels: Any = photo.pixels
    display = Display.of(photo.header, pixels)
    height, width = pixels.shape[:2]

    def blocks() -> Iterator[Block]:
        for row in range(0, height, _BAND_ROWS):
            yield Block(row, 0, pixels[row : row + _BAND_ROWS], display)

    return StoredPicture(width, height, pixels.ndim == 3, blocks())
