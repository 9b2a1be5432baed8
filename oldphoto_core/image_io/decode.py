"""From bytes to pixels: header, limits, decoding, in this order.

Readers own the formats; this file owns the order, and that the pixels are what the header announced.
"""

from __future__ import annotations

from dataclasses import replace

from oldphoto_core.errors import UnreadablePhotoError
from oldphoto_core.image_io.boundary import RESCAN, observe, summarised
from oldphoto_core.image_io.header import read_header
from oldphoto_core.image_io.limits import DecodeLimits
from oldphoto_core.image_io.pillow_reader import pillow_pixels
from oldphoto_core.image_io.plane import Plane
from oldphoto_core.image_io.profile import fits
from oldphoto_core.image_io.tiff_reader import tiff_pixels
from oldphoto_core.photo import DecodedPhoto, PhotoHeader


def decode(
    data: bytes,
    *,
    key: str,
    limits: DecodeLimits = DecodeLimits(),
    header: PhotoHeader | None = None,
) -> DecodedPhoto:
    """Decode the first picture of a file, whole or not at all.

    Args:
        data: the whole file.
        key: the photo's source key.
        limits: checked against the declared size before anything is decoded.
        header: the file's own header where it was read already.

    Returns:
        ``H×W`` or ``H×W×3`` pixels as stored (orientation not applied), ``uint8`` for files of up to
        8 bits per channel and ``uint16`` above; straight alpha of the same dtype apart. The header's
        profile is the one that the pixels are in; ``warnings`` holds the header's and the decoders'.

    Raises:
        UnreadablePhotoError: not a picture, truncated, or damaged anywhere.
        UnsupportedPhotoError: a sound file of a kind that is not restored.
        OversizedPhotoError: more pixels or bytes than ``limits`` allow.
    """
    limits.require_file(key, len(data))
    found = header or read_header(data, key=key)
    limits.require_header(key, found)
    observed = observe(key, lambda: _read(data, found, key, limits), max_pixels=limits.max_pixels)
    plane = observed.value
    _require_announced(plane, found, key)
    fitting, misfit = with_fitting_profile(found, plane.profile, 1 if plane.pixels.ndim == 2 else 3)
    remarks = (*fitting.warnings, *plane.warnings, *misfit, *observed.warnings)
    return DecodedPhoto(plane.pixels, fitting, plane.alpha, summarised(remarks))


def _read(data: bytes, header: PhotoHeader, key: str, limits: DecodeLimits) -> Plane:
    if header.format == "TIFF":
        return tiff_pixels(data, key, limits)
    return pillow_pixels(data, header, key, limits)


def _require_announced(plane: Plane, header: PhotoHeader, key: str) -> None:
    """Raise where the decoder returned another size than the header declared."""
    height, width = plane.pixels.shape[:2]
    channels = plane.pixels.shape[2:]
    if (height, width) != (header.height, header.width) or channels not in ((), (3,)):
        raise UnreadablePhotoError(
            key,
            f"it declares {header.width}×{header.height} pixels and holds {width}×{height}",
            RESCAN,
        )
    if plane.alpha is not None and plane.alpha.dtype != plane.pixels.dtype:
        raise UnreadablePhotoError(key, "its alpha channel has another depth than its colours", RESCAN)


def with_fitting_profile(
    header: PhotoHeader, profile: bytes | None, channels: int
) -> tuple[PhotoHeader, tuple[str, ...]]:
    """Return the header with the profile that the pixels are in, and a warning where one had to go.

    Args:
        header: as read from the file.
        profile: the one that decoding converted to; None where the pixels are as stored.
        channels: 1 or 3.
    """
    if profile is not None:
        return replace(header, icc_profile=profile, icc_description="sRGB"), ()
    if header.icc_profile is None or fits(header.icc_profile, channels=channels):
        return header, ()
    space = header.icc_profile[16:20].decode("ascii", errors="replace").strip()
    what = "grey" if channels == 1 else "RGB"
    note = f"its colour profile is for {space} and its pixels are {what}; the profile is not carried over"
    return replace(header, icc_profile=None, icc_description=None), (note,)
