"""From a file of any size to a raster on disk: header, limits, decoding, in this order.

TIFF is decoded by parts. Other formats cannot be: they are decoded whole once, where the memory allows it, and
the pixels put on disk.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from oldphoto_core.errors import OversizedPhotoError
from oldphoto_core.image_io.boundary import observe, summarised
from oldphoto_core.image_io.decode import decode, with_fitting_profile
from oldphoto_core.image_io.header import read_header
from oldphoto_core.image_io.jpeg_segments import is_progressive
from oldphoto_core.image_io.limits import DecodeLimits
from oldphoto_core.image_io.orientation import AsStored
from oldphoto_core.image_io.tiff_scan import tiff_into
from oldphoto_core.memory import decoded_channels
from oldphoto_core.photo import PhotoHeader
from oldphoto_core.raster import MemoryRaster, Raster, Workspace

_USUAL_BYTES, _MOST_BYTES = 5, 8
"""Bytes per sample to decode a picture whole: a plain JPEG or PNG takes 4.4, a progressive JPEG 7.8."""


@dataclass(frozen=True)
class DecodedScan:
    """A decoded scan: ``pixels`` upright, ``alpha`` as stored, the header, and what the decoders remarked."""

    pixels: Raster
    header: PhotoHeader
    alpha: Raster | None = None
    warnings: tuple[str, ...] = ()


def decode_scan(
    path: Path, *, key: str, workspace: Workspace, memory: int, limits: DecodeLimits = DecodeLimits()
) -> DecodedScan:
    """Decode the first picture of a file into rasters of ``workspace``, whole or not at all.

    Args:
        path: the file.
        key: the photo's source key.
        workspace: where the pixels go.
        memory: bytes that decoding may take.
        limits: checked against the declared size before anything is decoded.

    Raises:
        PhotoError: see :func:`oldphoto_core.image_io.decode`; and where the format can only be decoded whole and
            ``memory`` does not suffice.
    """
    limits.require_file(key, path.stat().st_size)
    header = read_header(path, key=key)
    limits.require_header(key, header)
    if header.format == "TIFF":
        observed = observe(key, lambda: tiff_into(path, header, key, limits, workspace, memory))
        if (plane := observed.value) is not None:
            shape = plane.pixels.shape[2:]
            header, misfit = with_fitting_profile(header, plane.profile, 3 if shape else 1)
            remarks = (*header.warnings, *plane.warnings, *misfit, *observed.warnings)
            return DecodedScan(plane.pixels, header, plane.alpha, summarised(remarks))
    return _decoded_whole(path, header, key, workspace, memory, limits)


def _decoded_whole(
    path: Path, header: PhotoHeader, key: str, workspace: Workspace, memory: int, limits: DecodeLimits
) -> DecodedScan:
    samples = header.width * header.height * decoded_channels(header)
    size = path.stat().st_size + samples * _bytes_a_sample(path, header)
    if size > memory:
        raise OversizedPhotoError(
            key,
            f"{header.format} files can only be decoded whole, which takes about {size / 2**30:.1f} GiB here",
            "Save it as TIFF, which is read by parts, or raise --memory",
        )
    photo = decode(path.read_bytes(), key=key, limits=limits)
    turned = photo.header.orientation >= 5
    height, width, *rest = photo.pixels.shape
    pixels = workspace.new((width, height, *rest) if turned else (height, width, *rest), photo.pixels.dtype)
    AsStored(pixels, photo.header.orientation).write(0, 0, photo.pixels)
    alpha = MemoryRaster(photo.alpha) if photo.alpha is not None else None
    return DecodedScan(pixels, photo.header, alpha, photo.warnings)


def _bytes_a_sample(path: Path, header: PhotoHeader) -> int:
    converted = header.mode not in ("L", "RGB") or header.has_alpha or header.bit_depth > 8
    if converted or header.format not in ("JPEG", "PNG"):
        return _MOST_BYTES
    if header.format == "PNG":
        return _USUAL_BYTES
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _MOST_BYTES if is_progressive(data) else _USUAL_BYTES
