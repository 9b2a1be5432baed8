"""Which page of a TIFF is the photo, and whether a page's strips or tiles are all there.

tifffile fills missing strips with zeros by design; an archive's photo must not be completed that way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from mmap import mmap

from tifffile import TIFF, TiffFile, TiffPage

from oldphoto_core.errors import PhotoError, UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io.boundary import EXPORT, RESCAN, observe
from oldphoto_core.image_io.limits import DecodeLimits

MAX_PAGES = 1000
_CFA, _LINEAR_RAW, _DNG_VERSION, _JPEG = 32803, 34892, 50706, 7
_PRIVATE = (65000, 65001, 65002)
"""Numbers that anybody may use; tifffile knows one microscope's meaning of them."""


def pages_of(tiff: TiffFile, key: str) -> list[TiffPage]:
    """Return the pages of the file's chain, at most :data:`MAX_PAGES` of them.

    Where all of them are thumbnails, the pictures follow that lie below them (in SubIFDs).

    Raises:
        UnreadablePhotoError: there is none; or the one that a thumbnail is of cannot be read.
        UnsupportedPhotoError: there are only smaller versions of a picture.
    """
    pages: list[TiffPage] = []
    for page in tiff.pages:
        if not isinstance(page, TiffPage):
            page = page.aspage()
        pages.append(page)
        if len(pages) == MAX_PAGES:
            break
    if not pages:
        raise UnreadablePhotoError(key, "its list of pictures is missing (empty or cut off)", RESCAN)
    below = _pictures_below(pages, key) if all(page.is_reduced for page in pages) else []
    return [*pages, *below]


def main_page(pages: list[TiffPage], key: str) -> TiffPage:
    """Return the first of :func:`pages_of` that is no thumbnail of another one; of a lone thumbnail, itself.

    Raises:
        UnsupportedPhotoError: the file is a camera raw file.
    """
    for page in _with_those_below(pages, key):
        if int(page.photometric or 0) in (_CFA, _LINEAR_RAW) or _DNG_VERSION in page.tags:
            raise UnsupportedPhotoError(
                key, "it is a camera raw file", "Develop it, export it as 16-bit TIFF, and add that file"
            )
    full = [page for page in pages if not page.is_reduced]
    return (full or pages)[0]


def thumbnails_before(page: TiffPage, pages: list[TiffPage]) -> list[TiffPage]:
    """Return the thumbnails that precede the main page, or above which it lies: some writers describe it there."""
    return pages[: page.treeindex[0] + page.is_subifd]


def is_picture(page: TiffPage) -> bool:
    """Return whether the page is a picture of its own: no thumbnail, no transparency mask."""
    return not page.is_reduced and not page.is_mask


def _with_those_below(pages: list[TiffPage], key: str) -> Iterator[TiffPage]:
    """Yield the pages and, of the first :data:`MAX_PAGES` of them, what lies below: cameras keep their raws there."""
    yield from pages
    yield from islice((below for page in pages for below in _below(page, key)), MAX_PAGES)


def _pictures_below(pages: list[TiffPage], key: str) -> list[TiffPage]:
    """Return the pictures that lie below thumbnails; none where nothing lies there at all.

    Raises:
        PhotoError: what lies there is no picture, or cannot be read.
    """
    found = [below for page in pages for below in _below(page, key)]
    pictures = [below for below in found if is_picture(below)]
    declared = sum(len(page.subifds or ()) for page in pages)
    if pictures or not declared:
        return pictures[:MAX_PAGES]
    if len(found) < declared:
        raise UnreadablePhotoError(
            key, "the picture that its thumbnail is of is missing (damaged or cut off)", RESCAN
        )
    raise UnsupportedPhotoError(key, "all its pictures are marked as smaller versions of another one", EXPORT)


def _below(page: TiffPage, key: str) -> list[TiffPage]:
    """Return the pages below a page (its SubIFDs), up to the first that cannot be read.

    What the decoder remarks of them is nobody's matter where none of them is the photo.
    """
    found: list[TiffPage] = []

    def read() -> None:
        for below in islice(page.pages or (), MAX_PAGES):
            found.append(below.aspage())

    with suppress(UnreadablePhotoError):
        observe(key, read)
    return found


def require_decodable_page(page: TiffPage, key: str) -> None:
    """Raise :class:`UnsupportedPhotoError` where no decoder is at hand for the page's compression or samples.

    tifffile says so with the error that it also raises for damaged strips.
    """
    compression, predictor = int(page.compression), int(page.predictor)
    if compression not in TIFF.DECOMPRESSORS or compression in _PRIVATE:
        problem = f"it is compressed by a scheme that is not decoded here ({_name(page.compression)})"
    elif predictor != 1 and predictor not in TIFF.UNPREDICTORS and compression not in TIFF.IMAGE_COMPRESSIONS:
        problem = f"its samples are stored as differences of a kind that is not decoded here ({predictor})"
    elif page.dtype is None:
        problem = f"its samples ({page.bitspersample} bits) are of a type that is not decoded here"
    else:
        return
    raise UnsupportedPhotoError(key, problem, EXPORT)


def check_other_pages(
    pages: Iterable[TiffPage], key: str, limits: DecodeLimits, check: Callable[[TiffPage], None]
) -> tuple[str, ...]:
    """Decode every page but the main one, within the limits; a damaged one makes the file a damaged file.

    Args:
        pages: the other pages.
        key: the photo's source key.
        limits: ``max_bytes`` bounds all the pages together.
        check: decodes a page, and raises a :class:`PhotoError` where it is not whole.

    Returns:
        Remarks on pages that were not checked.
    """
    left = limits.max_bytes
    remarks: list[str] = []
    for page in pages:
        number = ".".join(str(at + 1) for at in page.treeindex)
        left -= page.nbytes
        if left < 0:
            return (*remarks, f"the pages from number {number} on were not checked for damage")
        try:
            require_decodable_page(page, key)
            observe(key, partial(check, page))
        except UnsupportedPhotoError:
            remarks.append(f"page {number} is of a kind that could not be checked for damage")
        except PhotoError as error:
            raise type(error)(key, f"page {number}: {error.problem}", error.remedy) from error
    return tuple(remarks)


def require_bounded_page(page: TiffPage, key: str, limits: DecodeLimits) -> None:
    """Raise :class:`OversizedPhotoError` where a page, or one of its tiles, is too large.

    A tile may be declared far larger than its picture, and a decoder allocates the whole tile.
    """
    sample_bytes = page.samplesperpixel * (1 if page.dtype is None else page.dtype.itemsize)
    sizes = [(page.imagewidth, page.imagelength * max(1, page.imagedepth))]
    if page.is_tiled:
        sizes.append((page.tilewidth, page.tilelength * max(1, page.tiledepth)))
    for width, height in sizes:
        limits.require_picture(key, width=width, height=height, sample_bytes=sample_bytes)


def require_whole_page(page: TiffPage, data: bytes | mmap, key: str) -> None:
    """Raise :class:`UnreadablePhotoError` where strips or tiles are missing, empty or cut off."""
    expected = math.prod(page.chunked)
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) < expected or len(counts) < expected:
        found = min(len(offsets), len(counts))
        raise UnreadablePhotoError(
            key, f"{expected - found:,} of its {expected:,} strips or tiles are missing", RESCAN
        )
    # More offsets than strips are harmless leftovers; tifffile does not read them.
    absent = sum(not _is_inside(o, n, len(data)) for o, n in _first(offsets, counts, expected))
    if absent:
        raise UnreadablePhotoError(
            key,
            f"{absent:,} of its {expected:,} strips or tiles are empty or lie beyond the end of the file",
            RESCAN,
        )
    if page.compression == _JPEG:
        cut = sum(data.rfind(b"\xff\xd9", o, o + n) < 0 for o, n in _first(offsets, counts, expected))
        if cut:
            raise UnreadablePhotoError(
                key, f"{cut:,} of its {expected:,} JPEG strips or tiles are cut off", RESCAN
            )


def _name(compression: int) -> str:
    """Return a compression's number, with its name where it has one."""
    name = getattr(compression, "name", None)
    return f"{name}, number {int(compression)}" if name else f"number {int(compression)}"


def _is_inside(offset: int, count: int, size: int) -> bool:
    return offset > 0 and count > 0 and offset + count <= size


def _first(offsets: tuple[int, ...], counts: tuple[int, ...], number: int) -> Iterable[tuple[int, int]]:
    return zip(offsets[:number], counts[:number], strict=True)
