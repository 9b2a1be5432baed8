"""What a file says about itself: the first look at every photo, at ingest and before decoding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oldphoto_core.errors import UnreadablePhotoError
from oldphoto_core.image_io.boundary import RESCAN, observe, summarised
from oldphoto_core.image_io.carried import not_carried
from oldphoto_core.image_io.pillow_reader import pillow_header
from oldphoto_core.image_io.sniff import identify, is_tiff, name_warning
from oldphoto_core.image_io.tiff_reader import tiff_header
from oldphoto_core.photo import PhotoHeader

_MOST_BITS = 128
"""Of a sample, as the largest type of number that files hold (a complex one) has them."""


def read_header(data: bytes | Path, *, key: str) -> PhotoHeader:
    """Read format, size, depth, profile and metadata; decode no pixel.

    Args:
        data: the whole file, or where it lies: of a TIFF then only the tags are read.
        key: the photo's source key; its suffix is only compared with the content.

    Raises:
        UnreadablePhotoError: not a picture, or its header is damaged.
        UnsupportedPhotoError: a known kind of file that is not decoded here.
    """
    if isinstance(data, Path) and not is_tiff(data):
        data = data.read_bytes()
    if isinstance(data, Path):
        found, path = "TIFF", data
        observed = observe(key, lambda: tiff_header(path, key))
    else:
        found, whole = identify(data, key), data
        observed = observe(
            key, lambda: tiff_header(whole, key) if found == "TIFF" else pillow_header(whole, found, key)
        )
    header = observed.value
    if header.width < 1 or header.height < 1:
        raise UnreadablePhotoError(
            key,
            f"it declares {header.width}×{header.height} pixels",
            RESCAN,
        )
    if not 1 <= header.bit_depth <= _MOST_BITS:
        raise UnreadablePhotoError(key, f"it declares samples of {header.bit_depth} bits", RESCAN)
    named = name_warning(key, found)
    pages = f"it holds {header.pages} pictures; only the first is restored" if header.pages > 1 else None
    own = [remark for remark in (named, pages) if remark]
    remarks = (*own, *header.warnings, *observed.warnings, *not_carried(header))
    return replace(header, warnings=summarised(remarks))
