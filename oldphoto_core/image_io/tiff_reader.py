"""TIFF masters: through tifffile and imagecodecs, at the depth they were scanned with.

Only uncommon YCbCr layouts, which tifffile does not decode, go through Pillow; they have 8 bits.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tifffile import TiffFile, TiffPage

from oldphoto_core.errors import UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import colour
from oldphoto_core.image_io.boundary import EXPORT, RESCAN, observe
from oldphoto_core.image_io.limits import DecodeLimits
from oldphoto_core.image_io.metadata import bounded_iptc, describe
from oldphoto_core.image_io.plane import Plane
from oldphoto_core.image_io.profile import inspect_profile
from oldphoto_core.image_io.tiff_pages import (
    MAX_PAGES,
    check_other_pages,
    is_picture,
    main_page,
    pages_of,
    require_bounded_page,
    require_decodable_page,
    require_whole_page,
    thumbnails_before,
)
from oldphoto_core.image_io.tiff_tags import (
    colour_remark,
    exif_block,
    page_blocks,
    page_orientation,
    page_resolution,
    thumbnail_remark,
)
from oldphoto_core.photo import PhotoHeader

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB, _ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_COLOURS = {
    _WHITE_IS_ZERO: ("L", 1),
    _BLACK_IS_ZERO: ("L", 1),
    _RGB: ("RGB", 3),
    _PALETTE: ("P", 1),
    _CMYK: ("CMYK", 4),
    _YCBCR: ("YCbCr", 3),
    _LAB: ("LAB", 3),
    _ICCLAB: ("LAB", 3),
}
_OLD_JPEG, _JPEG, _FAX = 6, 7, (2, 3, 4)
_PREMULTIPLIED, _STRAIGHT = 1, 2
_LONE = (
    "it is marked as a smaller version of a picture that the file does not hold; look for the picture itself"
)


def tiff_header(data: bytes | Path, key: str) -> PhotoHeader:
    """Read the main page's tags; no pixel is decoded. ``data`` is the file's bytes, or where it lies."""
    with open_tiff(data) as tiff:
        pages = pages_of(tiff, key)
        page = main_page(pages, key)
        thumbnails = thumbnails_before(page, pages)
        orientation, odd = page_orientation(page)
        blocks = page_blocks(page, thumbnails)
        exif, damaged = _exif(page, orientation, thumbnails, key)
        iptc, bad_iptc = bounded_iptc(blocks["iptc"])
        described = describe(exif, iptc, key=key)
        profile = inspect_profile(blocks["icc"], key=key)
        tagged = None if profile.data else colour_remark(page)
        mode, colours = _COLOURS.get(_photometric(page), ("unknown", page.samplesperpixel))
        bits = page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)
        has_alpha = page.samplesperpixel == colours + 1 and _extra(page) in (_PREMULTIPLIED, _STRAIGHT)
        count = sum(is_picture(other) for other in pages)
        many = f"only the first {MAX_PAGES} pages were looked at" if len(pages) >= MAX_PAGES else None
        lone = _LONE if page.is_reduced else None
        of_thumbnail = thumbnail_remark(page, thumbnails)
        remarks = (odd, *damaged, bad_iptc, profile.warning, tagged, lone, of_thumbnail, many)
        return PhotoHeader(
            format="TIFF",
            width=int(page.imagewidth),
            height=int(page.imagelength),
            bit_depth=bits,
            channels=int(page.samplesperpixel),
            mode="1"
            if mode == "L" and bits == 1
            else mode + ("A" if has_alpha and mode in ("L", "RGB") else ""),
            pages=max(1, count),
            orientation=orientation,
            has_alpha=has_alpha,
            dpi=page_resolution(page),
            icc_profile=profile.data,
            icc_description=profile.description,
            exif_block=exif,
            xmp_block=blocks["xmp"],
            iptc_block=iptc,
            exif=described.tags,
            warnings=(*(remark for remark in remarks if remark), *described.warnings),
        )


def tiff_pixels(data: bytes, key: str, limits: DecodeLimits) -> Plane:
    """Decode the main page, and decode the other pages only to see that the file is whole."""
    with open_tiff(data) as tiff:
        pages = pages_of(tiff, key)
        page = main_page(pages, key)
        require_kind(page, key)
        require_bounded_page(page, key, limits)
        require_whole_page(page, data, key)
        plane = _plane(page, data, key)
        others = [other for other in pages if other is not page]
        check = partial(_check_page, data=data, key=key, limits=limits)
        return plane.remarking(*check_other_pages(others, key, limits, check))


def _exif(
    page: TiffPage, orientation: int, thumbnails: list[TiffPage], key: str
) -> tuple[bytes | None, tuple[str, ...]]:
    """Return the EXIF block, and warnings: descriptions that cannot be read do not damage the picture."""
    try:
        return observe(key, lambda: exif_block(page, orientation, thumbnails)).value
    except UnreadablePhotoError:
        return None, ("the descriptive tags are damaged and could not be read",)


@contextmanager
def open_tiff(data: bytes | Path) -> Iterator[TiffFile]:
    """Open a file's bytes, or the file itself."""
    # Opened here: tifffile resolves a name first, and a store's temporary copy has none to resolve.
    with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as file, TiffFile(file) as tiff:
        yield tiff


def _photometric(page: TiffPage) -> int:
    """Return the photometric interpretation; without the tag, what the number of samples suggests."""
    if 262 in page.tags and page.photometric is not None:
        return int(page.photometric)
    return (
        _RGB if page.samplesperpixel >= 3 else _WHITE_IS_ZERO if page.bitspersample == 1 else _BLACK_IS_ZERO
    )


def _extra(page: TiffPage) -> int:
    """Return what the first extra sample means: 0 unspecified, 1 premultiplied alpha, 2 straight alpha."""
    return int(page.extrasamples[0]) if page.extrasamples else 0


def require_kind(page: TiffPage, key: str) -> None:
    """Raise :class:`UnsupportedPhotoError` for sound TIFFs that hold no grey or colour photograph."""
    problem = None
    photometric = _photometric(page)
    colours = _COLOURS.get(photometric, ("", 0))[1]
    if page.imagewidth < 1 or page.imagelength < 1:
        raise UnreadablePhotoError(key, "it declares an empty picture", RESCAN)
    if not colours:
        problem = f"its photometric interpretation {photometric} is not that of a photograph"
    elif not isinstance(page.bitspersample, int):
        problem = f"its channels have different depths ({page.bitspersample})"
    elif page.sampleformat != 1 and page.sampleformat is not None:
        problem = f"its samples are {page.dtype} (measurements, not photographic values)"
    elif page.bitspersample > 16:
        problem = f"its samples have {page.bitspersample} bits; at most 16 are restored"
    elif page.imagedepth > 1:
        problem = f"it is a volume of {page.imagedepth} slices"
    elif page.compression == _OLD_JPEG:
        problem = "it is compressed with the withdrawn 'old-style JPEG' scheme"
    elif page.samplesperpixel > colours + 1:
        problem = (
            f"it has {page.samplesperpixel} channels ({colours} of colour); at most one extra is understood"
        )
    elif page.is_subifd and is_for_pillow(page):
        # Pillow opens the pages of the chain only.
        problem = "it is YCbCr without JPEG compression, below a thumbnail, which is not decoded here"
    elif photometric in (_LAB, _ICCLAB, _YCBCR) and page.bitspersample != 8:
        problem = f"it is {_COLOURS[photometric][0]} of {page.bitspersample} bits; only 8 bits are converted"
    if problem is not None:
        raise UnsupportedPhotoError(key, problem, EXPORT)
    if page.samplesperpixel > 1 and page.planarconfig not in (1, 2):
        raise UnreadablePhotoError(key, "it does not say whether its channels lie together or apart", RESCAN)
    if page.samplesperpixel < colours:
        raise UnreadablePhotoError(
            key,
            f"it declares {page.samplesperpixel} channels where its kind needs {colours}",
            RESCAN,
        )
    require_decodable_page(page, key)


def _plane(page: TiffPage, data: bytes, key: str) -> Plane:
    if is_for_pillow(page):
        return _through_pillow(data, page, key)
    return plane_of(page, _samples(page))


def is_for_pillow(page: TiffPage) -> bool:
    """Return whether the page is of the one kind that tifffile does not decode."""
    return _photometric(page) == _YCBCR and page.compression != _JPEG


def is_converted(page: TiffPage) -> bool:
    """Return whether the page's colours are converted to sRGB by a colour engine, or as one would: inks and Lab."""
    return _photometric(page) in (_CMYK, _LAB, _ICCLAB)


def plane_of(page: TiffPage, samples: NDArray[Any]) -> Plane:
    """Return ``h×w×C`` samples of a page, all of them or a part, as grey or RGB, and alpha."""
    photometric = _photometric(page)
    colours = _COLOURS[photometric][1]
    extra = samples[..., colours] if samples.shape[2] > colours else None
    bits = int(page.bitspersample)
    warnings = []
    if bits not in (1, 8, 16) and photometric != _PALETTE:
        warnings.append(f"{bits} bits per channel were spread over {8 if bits < 8 else 16}")
    if page.compression in _FAX:
        warnings.append("fax compression (CCITT) cannot tell lost rows from white ones; compare it by eye")
    if 262 not in page.tags:
        warnings.append(
            "it does not say what its samples mean (no photometric tag); taken as usual for its kind"
        )
    plane = _colours(page, photometric, samples[..., :colours], bits)
    plane = plane.remarking(*warnings)
    return plane if extra is None else _with_extra(plane, colour.spread_bits(extra, bits), _extra(page))


def _samples(page: TiffPage) -> NDArray[Any]:
    """Return the page as ``H×W×C``, whether its planes are stored together or apart."""
    stored = page.asarray(squeeze=False, maxworkers=1)
    planes, _, height, width, contiguous = stored.shape
    if planes > 1 and contiguous == 1:
        return np.moveaxis(stored[:, 0, :, :, 0], 0, -1)
    return stored.reshape(height, width, contiguous)


def _colours(page: TiffPage, photometric: int, samples: NDArray[Any], bits: int) -> Plane:
    if photometric == _PALETTE:
        return _palette(page, samples[..., 0])
    if photometric in (_LAB, _ICCLAB):
        rgb = colour.lab_to_rgb(samples.astype(np.uint8, copy=False), signed=photometric == _LAB)
        return Plane(rgb, warnings=("CIE L*a*b* was converted to sRGB",), profile=colour.srgb_profile())
    spread: Any = colour.spread_bits(samples, bits)
    if photometric == _CMYK:
        rgb, warning = colour.cmyk_to_rgb(spread, page_blocks(page)["icc"])
        return Plane(rgb, warnings=(warning,), profile=colour.srgb_profile())
    if photometric == _WHITE_IS_ZERO:
        spread = np.iinfo(spread.dtype).max - spread
    return Plane(np.ascontiguousarray(spread[..., 0] if spread.shape[2] == 1 else spread))


def _palette(page: TiffPage, indices: NDArray[Any]) -> Plane:
    """Replace indices by 8-bit colours; a colour map that never exceeds 255 was written as bytes."""
    table = page.colormap
    if table is None:
        raise ValueError("a palette picture without a colour map")
    rows = np.asarray(table, np.uint32).T
    if rows.max(initial=0) < 256:
        warning: tuple[str, ...] = ("its colour map holds 8-bit values; taken as such",) if rows.any() else ()
        return Plane(colour.look_up(indices, rows.astype(np.uint8)), warnings=warning)
    # Exact both for writers that multiply by 257 and for those that multiply by 256.
    return Plane(colour.look_up(indices, (rows >> 8).astype(np.uint8)))


def _with_extra(plane: Plane, extra: Any, meaning: int) -> Plane:
    """Keep an alpha channel apart; straighten premultiplied colours; drop a channel without a meaning."""
    if meaning not in (_PREMULTIPLIED, _STRAIGHT):
        note = "a further channel of unstated meaning (often infrared) is not carried over"
        return plane.remarking(note)
    alpha = np.ascontiguousarray(extra)
    if (
        meaning == _STRAIGHT
        or alpha.dtype != plane.pixels.dtype
        or (alpha == np.iinfo(alpha.dtype).max).all()
    ):
        return replace(plane, alpha=alpha)
    pixels: Any = plane.pixels
    note = "colours were stored multiplied by alpha and have been divided by it"
    return replace(plane, pixels=colour.straight_alpha(pixels, alpha), alpha=alpha).remarking(note)


def _through_pillow(data: bytes, page: TiffPage, key: str) -> Plane:
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        image.seek(page.index)
        if image.size != (page.imagewidth, page.imagelength):
            raise UnreadablePhotoError(key, "its size is declared twice, differently", EXPORT)
        return Plane(np.array(image.convert("RGB")), warnings=("stored as YCbCr; converted to RGB",))


def _check_page(page: TiffPage, data: bytes, key: str, limits: DecodeLimits) -> None:
    require_bounded_page(page, key, limits)
    require_whole_page(page, data, key)
    page.asarray(maxworkers=1)
