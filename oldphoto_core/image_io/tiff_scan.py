"""TIFF masters of any size: decoded strip by strip or tile by tile into a raster.

What a strip's samples mean is decided by ``tiff_reader``, for a part exactly as for the whole page.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import TiffPage

from oldphoto_core.errors import OversizedPhotoError
from oldphoto_core.image_io.limits import DecodeLimits
from oldphoto_core.image_io.orientation import AsStored
from oldphoto_core.image_io.plane import Plane
from oldphoto_core.image_io.tiff_pages import (
    check_other_pages,
    main_page,
    pages_of,
    require_bounded_page,
    require_whole_page,
)
from oldphoto_core.image_io.tiff_reader import is_converted, is_for_pillow, open_tiff, plane_of, require_kind
from oldphoto_core.photo import PhotoHeader
from oldphoto_core.raster import Raster, Workspace, bands

_READ_BYTES = 1 << 24
_TOGETHER = 1 << 20
"""Strips or tiles of inks or Lab are converted together until they hold so many samples: to prepare a conversion
takes as long as to convert some hundred thousand pixels."""
_JPEGS = (6, 7, 34892, 33007)
"""Compressions whose tables may lie apart from their strips."""


_Part = tuple[int, int, NDArray[Any]]
"""Row, column and samples, ``h×w×C``, of a strip, a tile, or some rows of a page."""


@dataclass(frozen=True)
class ScanPlane:
    """A decoded picture of any size: like `Plane`, with the pixels upright and alpha as stored."""

    pixels: Raster
    alpha: Raster | None
    warnings: tuple[str, ...]
    profile: bytes | None


def tiff_into(
    path: Path, header: PhotoHeader, key: str, limits: DecodeLimits, workspace: Workspace, memory: int
) -> ScanPlane | None:
    """Decode the main page of a TIFF into rasters, and the other pages only to see that the file is whole.

    Returns:
        None where the page is of a kind that cannot be decoded by parts.

    Raises:
        PhotoError: as decoding in memory does; and where one strip or tile alone needs more than ``memory``.
    """
    with open_tiff(path) as tiff:
        pages = pages_of(tiff, key)
        page = main_page(pages, key)
        require_kind(page, key)
        _require_sound(page, path, key, limits)
        if is_for_pillow(page):
            return None
        plane = _plane_into(page, path, header, key, workspace, memory)
        others = [other for other in pages if other is not page]
        check = partial(_check_page, path=path, key=key, limits=limits, memory=memory)
        remarks = check_other_pages(others, key, limits, check)
        return replace(plane, warnings=(*plane.warnings, *remarks))


def _require_sound(page: TiffPage, path: Path, key: str, limits: DecodeLimits) -> None:
    require_bounded_page(page, key, limits)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        require_whole_page(page, data, key)


def _plane_into(
    page: TiffPage, path: Path, header: PhotoHeader, key: str, workspace: Workspace, memory: int
) -> ScanPlane:
    pixels: AsStored | None = None
    upright: Raster | None = None
    alpha: Raster | None = None
    warnings: dict[str, None] = {}
    profile: bytes | None = None
    for top, left, plane in _planes(page, _parts(page, path, key, memory)):
        warnings |= dict.fromkeys(plane.warnings)
        if pixels is None or upright is None:
            stored = (header.height, header.width, *plane.pixels.shape[2:])
            turned = (stored[1], stored[0]) if header.orientation >= 5 else stored[:2]
            upright = workspace.new((*turned, *stored[2:]), plane.pixels.dtype)
            pixels, profile = AsStored(upright, header.orientation), plane.profile
        pixels.write(top, left, plane.pixels)
        if plane.alpha is not None:
            alpha = alpha or workspace.new((header.height, header.width), plane.alpha.dtype)
            alpha.write(top, left, plane.alpha)
    assert upright is not None
    return ScanPlane(upright, alpha, tuple(warnings), profile)


def _planes(page: TiffPage, parts: Iterator[_Part]) -> Iterator[tuple[int, int, Plane]]:
    """Yield (row, column, plane) of each part; what a pixel becomes does not depend on those beside it."""
    together = _TOGETHER if is_converted(page) else 0
    waiting: list[_Part] = []
    samples = 0
    for part in parts:
        size = part[2].size
        if waiting and samples + size > together:
            yield from _converted(page, waiting)
            waiting, samples = [], 0
        waiting.append(part)
        samples += size
    if waiting:
        yield from _converted(page, waiting)


def _converted(page: TiffPage, parts: list[_Part]) -> Iterator[tuple[int, int, Plane]]:
    """Convert several parts as one row of pixels, and cut that up again."""
    if len(parts) == 1:
        row, column, samples = parts[0]
        yield row, column, plane_of(page, samples)
        return
    channels = parts[0][2].shape[2]
    plane = plane_of(page, np.concatenate([part[2].reshape(1, -1, channels) for part in parts], axis=1))
    done = 0
    for row, column, samples in parts:
        height, width = samples.shape[:2]
        own = np.s_[0, done : done + height * width]
        done += height * width
        pixels = plane.pixels[own].reshape(height, width, *plane.pixels.shape[2:])
        alpha = None if plane.alpha is None else plane.alpha[own].reshape(height, width)
        yield row, column, replace(plane, pixels=pixels, alpha=alpha)


def _check_page(page: TiffPage, path: Path, key: str, limits: DecodeLimits, memory: int) -> None:
    _require_sound(page, path, key, limits)
    for _ in _parts(page, path, key, memory):
        pass


def _parts(page: TiffPage, path: Path, key: str, memory: int) -> Iterator[_Part]:
    """Yield (row, column, samples ``h×w×C``) that together are the page."""
    if page.is_memmappable:
        yield from _mapped(page, path)
        return
    _require_bounded_part(page, key, memory)
    together: list[NDArray[Any]] = []
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    for segment, (_, _, row, column, _), shape in _segments(page, planes):
        height, width = min(shape[1], page.imagelength - row), min(shape[2], page.imagewidth - column)
        if segment is None:
            raise ValueError("a strip or tile is empty")
        together.append(segment[0, :height, :width])
        if len(together) == planes:
            yield row, column, together[0] if planes == 1 else np.concatenate(together, axis=2)
            together.clear()


def _segments(page: TiffPage, planes: int) -> Iterator[Any]:
    """Decode the strips or tiles; of planes that are stored apart, those of one place after one another.

    In the order of the file, all planes but the last would have to be kept until the last one comes.
    """
    if planes == 1:
        yield from page.segments(maxworkers=1, sort=True, buffersize=_READ_BYTES)
        return
    places = math.prod(page.chunked) // planes
    order = [plane * places + place for place in range(places) for plane in range(planes)]
    tables = (
        {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader} if page.compression in _JPEGS else {}
    )
    for data, index in page.parent.filehandle.read_segments(
        [page.dataoffsets[index] for index in order],
        [page.databytecounts[index] for index in order],
        indices=order,
        sort=False,
        buffersize=_READ_BYTES,
        flat=True,
    ):
        yield page.decode(data, index, **tables)


def _mapped(page: TiffPage, path: Path) -> Iterator[_Part]:
    """Read a page that lies uncompressed in one piece where it lies; each band with a map of its own."""
    planes, _, height, width, channels = page.shaped
    assert page.dtype is not None
    dtype = np.dtype(page.parent.byteorder + page.dtype.char)
    for top, bottom in bands(height, width):
        stored = np.memmap(path, dtype, "r", page.dataoffsets[0], (planes, height, width, channels))
        part = np.moveaxis(stored[:, top:bottom], 0, 2).reshape(bottom - top, width, planes * channels)
        yield top, 0, part.astype(dtype.newbyteorder("="))


def _require_bounded_part(page: TiffPage, key: str, memory: int) -> None:
    """Raise where one strip or tile, which has to be decoded whole, would take more than ``memory`` bytes."""
    rows, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    depth = 1 if page.dtype is None else page.dtype.itemsize
    size = rows * width * page.samplesperpixel * depth
    # The compressed bytes, the decoded ones and what is made of them.
    if 3 * size > memory:
        raise OversizedPhotoError(
            key,
            f"it is stored as one compressed piece of {size / 1e9:.1f} GB, which cannot be read by parts",
            "Save it with smaller strips or tiles, or raise --memory",
        )
