"""Everything but TIFF: headers and 8-bit pixels through Pillow, deeper pixels through ``deep_reader``.

Only formats on ``sniff``'s list get here, and Pillow is told which one it is: it never guesses.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.errors import OversizedPhotoError, UnreadablePhotoError, UnsupportedPhotoError
from oldphoto_core.image_io import colour
from oldphoto_core.image_io.boundary import EXPORT, RESCAN
from oldphoto_core.image_io.deep_reader import netpbm_maximum, read_deep
from oldphoto_core.image_io.jp2_boxes import Jp2Facts, read_jp2_facts
from oldphoto_core.image_io.kinds import require_known_kind, unread_channels, unread_colours
from oldphoto_core.image_io.limits import DecodeLimits
from oldphoto_core.image_io.pillow_tags import file_sayings
from oldphoto_core.image_io.plane import Plane
from oldphoto_core.image_io.png_chunks import MAX_INFLATED
from oldphoto_core.image_io.profile import inspect_profile, is_of_inks
from oldphoto_core.image_io.stored_profile import stored_profile
from oldphoto_core.image_io.whole_file import require_whole_jpeg, require_whole_png
from oldphoto_core.photo import PhotoHeader

_MODES: dict[str, tuple[int, int]] = {
    "1": (1, 1),
    "L": (8, 1),
    "LA": (8, 2),
    "La": (8, 2),
    "P": (8, 1),
    "PA": (8, 2),
    "RGB": (8, 3),
    "RGBX": (8, 4),
    "RGBA": (8, 4),
    "RGBa": (8, 4),
    "CMYK": (8, 4),
    "YCbCr": (8, 3),
    "LAB": (8, 3),
    "I;16": (16, 1),
    "I;16L": (16, 1),
    "I;16B": (16, 1),
    "I": (32, 1),
    "F": (32, 1),
}
"""Bits per channel and channels of Pillow's modes."""
_TGA_ALPHA_BITS = 0x0F
"""The bits of a Targa's descriptor that count its bits of alpha."""


def pillow_header(data: bytes, format_name: str, key: str) -> PhotoHeader:
    """Read the header; no pixel is decoded."""
    jp2 = read_jp2_facts(data) if format_name == "JPEG2000" else Jp2Facts()
    require_known_kind(data, format_name, jp2, key)
    with _opened(data, format_name, key) as image:
        stored, unread = stored_profile(data, format_name)
        icc = image.info.get("icc_profile") or jp2.icc_profile or stored
        # Of a JPEG 2000's inks Pillow knows only those without a profile: black would be taken for alpha.
        mode = "CMYK" if image.mode == "RGBA" and is_of_inks(jp2.icc_profile) else image.mode
        bits, channels = _MODES.get(mode, (8, len(image.getbands())))
        if jp2.size not in (None, image.size):
            problem = f"it declares {image.size} (width, height) in one place and {jp2.size} in another"
            raise UnreadablePhotoError(key, problem, RESCAN)
        bits = _true_bits(data, format_name, bits, jp2, key)
        said = file_sayings(image, data, jp2, key)
        profile = inspect_profile(icc, key=key)
        remarks = (unread_channels(data, format_name), unread_colours(jp2), profile.warning, unread)
        return PhotoHeader(
            format=image.format or format_name,
            width=image.width,
            height=image.height,
            bit_depth=bits,
            channels=channels,
            mode=mode,
            pages=_pages(image),
            orientation=said.orientation,
            has_alpha=mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info,
            dpi=said.dpi,
            icc_profile=profile.data,
            icc_description=profile.description,
            exif_block=said.exif,
            xmp_block=said.xmp,
            iptc_block=said.iptc,
            png_chunks=said.chunks,
            exif=said.tags,
            warnings=(*said.warnings, *(remark for remark in remarks if remark)),
        )


def pillow_pixels(data: bytes, header: PhotoHeader, key: str, limits: DecodeLimits) -> Plane:
    """Decode the first picture, and decode the others only to see that the file is whole."""
    format_name = "JPEG" if header.format == "MPO" else header.format
    if header.mode == "F" or header.bit_depth > 16:
        raise UnsupportedPhotoError(
            key, f"its samples have {header.bit_depth} bits, which is not photographic data", EXPORT
        )
    if format_name == "PNG":
        require_whole_png(data, key)
    if header.bit_depth > 8:
        return _deep_plane(data, header, format_name, key)
    with _opened(data, format_name, key) as image:
        if format_name == "PSD" and header.pages > 1:
            raise UnsupportedPhotoError(
                key, "it is a layered Photoshop document, whose flat picture may be missing or stale", EXPORT
            )
        image.load()
        if format_name == "PNG":
            _spread_transparent_grey(image, data)
        if format_name == "JPEG2000" and header.bit_depth < 8:
            depths = read_jp2_facts(data).depths
            return _plane(colour.spread_shifted(image, depths), header).remarking(*_spread_note(header))
        # Before the pixels are copied, as it decodes into memory, too.
        remarks = require_whole_jpeg(data, image, key) if format_name == "JPEG" else ()
        plane = _plane(image, header)
        if format_name == "TGA":
            plane = _without_filling(plane, data)
        return plane.remarking(*remarks, *_check_other_pages(image, header, key, limits))


@contextmanager
def _opened(data: bytes, format_name: str, key: str) -> Iterator[Image.Image]:
    """Open a file; one whose texts or profile are bombs is too large, not damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=(format_name,)) as image:
            yield image
    except ValueError as error:
        # Pillow's only word for it is the name of its limit.
        if "MAX_TEXT_" not in str(error):
            raise
        raise OversizedPhotoError(
            key,
            f"its texts are of several megabytes, or one or its profile inflates to more than {MAX_INFLATED:,} bytes",
            "Inspect the file; if its picture is genuine, save it anew without that text or profile",
        ) from error


def _true_bits(data: bytes, format_name: str, bits: int, jp2: Jp2Facts, key: str) -> int:
    """Return the file's own depth, which Pillow's mode hides where it would reduce it to 8."""
    if format_name == "PNG":
        return 16 if data[24] == 16 else bits
    if format_name == "JPEG2000":
        return jp2.bits
    if format_name == "PPM":
        return bits if bits == 1 else max(8, netpbm_maximum(data, key).bit_length())
    if format_name == "AVIF":
        return _avif_bits(data)
    return bits


def _avif_bits(data: bytes) -> int:
    """Return the depth from the first ``av1C`` box: bit 6 says more than 8, bit 5 says 12."""
    at = data.find(b"av1C")
    flags = data[at + 6] if at >= 0 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _pages(image: Image.Image) -> int:
    """Count pictures; a Photoshop document counts its layers beside the flat picture."""
    frames = int(getattr(image, "n_frames", 1))
    return frames + 1 if image.format == "PSD" else max(1, frames)


def _deep_plane(data: bytes, header: PhotoHeader, format_name: str, key: str) -> Plane:
    if format_name == "AVIF":
        raise UnsupportedPhotoError(
            key, f"it is an AVIF of {header.bit_depth} bits, which would be cut down to 8", EXPORT
        )
    samples = read_deep(data, format_name, header.bit_depth, key)
    if samples.shape[:2] != (header.height, header.width):
        raise UnreadablePhotoError(
            key,
            f"it declares {header.width}×{header.height} pixels and holds "
            f"{samples.shape[1]}×{samples.shape[0]}",
            RESCAN,
        )
    note = _spread_note(header)
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if channels == 1:
        return Plane(samples.reshape(samples.shape[:2]), warnings=note)
    if channels > 4 or (channels == 4 and header.mode == "CMYK"):
        raise UnsupportedPhotoError(key, f"it has {channels} channels of 16 bits", EXPORT)
    if channels == 3:
        return Plane(samples, warnings=note)
    colours = samples[..., 0] if channels == 2 else samples[..., :3]
    return Plane(np.ascontiguousarray(colours), np.ascontiguousarray(samples[..., -1]), note)


def _spread_note(header: PhotoHeader) -> tuple[str, ...]:
    bits = header.bit_depth
    if bits in (1, 8, 16) or header.mode in ("P", "PA"):
        return ()
    return (f"{bits} bits per channel were spread over {8 if bits < 8 else 16}",)


def _plane(image: Image.Image, header: PhotoHeader) -> Plane:
    """Split a loaded Pillow picture into grey or RGB, and alpha."""
    if header.mode == "CMYK":
        rgb, warning = colour.cmyk_to_rgb(np.array(image), header.icc_profile)
        return Plane(rgb, warnings=(warning,), profile=colour.srgb_profile())
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _with_alpha(image)
    if image.mode == "1":
        grey = np.array(image.convert("L"))
        # In a Photoshop bitmap a set bit is black, which Pillow does not know.
        return Plane(255 - grey if header.format == "PSD" else grey)
    if image.mode == "P":
        return Plane(_neutral_to_grey(np.array(image.convert("RGB"))))
    if image.mode in ("L", "RGB"):
        return Plane(np.array(image))
    warning = f"stored as {image.mode}; converted to RGB"
    if image.mode == "LAB":
        lab = np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, 3)
        return Plane(colour.lab_to_rgb(lab, signed=True), warnings=(warning,), profile=colour.srgb_profile())
    return Plane(np.array(image.convert("RGB")), warnings=(warning,))


def _with_alpha(image: Image.Image) -> Plane:
    """Take alpha apart; the colours under it stay as stored, even where it is 0."""
    rgba = np.array(image if image.mode == "RGBA" else image.convert("RGBA"))
    colours, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
    if image.mode in ("1", "L", "LA", "La"):
        return Plane(np.ascontiguousarray(colours[..., 0]), alpha)
    return Plane(_neutral_to_grey(colours) if image.mode in ("P", "PA") else colours, alpha)


def _without_filling(plane: Plane, data: bytes) -> Plane:
    """Leave out a Targa's fourth byte where it is 0 everywhere and no bit of it is declared as alpha.

    Writers that declare none may mean one nevertheless, so one that says something is kept.
    """
    if plane.alpha is None or data[17] & _TGA_ALPHA_BITS or plane.alpha.any():
        return plane
    return replace(plane, alpha=None)


def _spread_transparent_grey(image: Image.Image, data: bytes) -> None:
    """Spread a PNG's transparent grey over 8 bits as its samples are: Pillow leaves it as it is stored."""
    bits, kind = data[24], data[25]
    stored = image.info.get("transparency")
    if kind == 0 and bits < 8 and isinstance(stored, int):
        largest = 2**bits - 1
        image.info["transparency"] = (stored & largest) * 255 // largest


def _neutral_to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``H×W`` where a palette picture has no colour at all."""
    neutral = (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all()
    return np.ascontiguousarray(rgb[..., 0]) if neutral else rgb


def _check_other_pages(
    image: Image.Image, header: PhotoHeader, key: str, limits: DecodeLimits
) -> tuple[str, ...]:
    """Decode the pictures after the first; a damaged one makes the file a damaged file."""
    left = limits.max_pixels
    for page in range(1, header.pages):
        if left < header.width * header.height:
            return (f"the pictures from number {page + 1} on were not checked for damage",)
        try:
            image.seek(page)
            image.load()
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise UnreadablePhotoError(
                key,
                f"picture {page + 1} of {header.pages} in it is damaged ({type(error).__name__})",
                "Compare it with a backup, or export the first picture as a file of its own",
            ) from error
        left -= image.width * image.height
    return ()
