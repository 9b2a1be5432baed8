"""From pixels to bytes: derivatives, masks, probabilities and previews.

Equal pixels give equal bytes, wherever the pixels lie: no time stamps, no random identifiers, fixed compression
settings, and bands whose height depends on the picture's width alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from oldphoto_core.errors import UsageError
from oldphoto_core.image_io.carried import png_facts, tiff_facts
from oldphoto_core.image_io.png_writer import PngFacts, write_png
from oldphoto_core.image_io.profile import fits
from oldphoto_core.image_io.tiff_writer import TiffFacts, write_tiff
from oldphoto_core.photo import Mask, PhotoHeader, Pixels
from oldphoto_core.raster import MemoryRaster, Raster

_BAND_BYTES = 1 << 20


@dataclass(frozen=True)
class EncodedFile:
    """A finished file: its bytes, its suffix (``.png`` or ``.tif``) and its media type."""

    data: bytes
    suffix: str
    media_type: str


def derivative_suffix(dtype: Any) -> tuple[str, str]:
    """Return suffix and media type of a derivative: 8 bits are written as PNG, 16 bits as TIFF."""
    return (".png", "image/png") if np.dtype(dtype) == np.uint8 else (".tif", "image/tiff")


def encode_derivative(
    pixels: Pixels,
    header: PhotoHeader,
    *,
    alpha: Pixels | None = None,
    software: str,
    recipe_id: str,
) -> EncodedFile:
    """Encode a restored photo without loss; the arguments are those of :func:`write_derivative`."""
    _require_encodable(pixels, alpha)
    buffer = io.BytesIO()
    write_derivative(
        buffer,
        MemoryRaster(pixels),
        header,
        alpha=None if alpha is None else MemoryRaster(alpha),
        software=software,
        recipe_id=recipe_id,
    )
    return EncodedFile(buffer.getvalue(), *derivative_suffix(pixels.dtype))


def write_derivative(
    stream: BinaryIO,
    pixels: Raster,
    header: PhotoHeader,
    *,
    alpha: Raster | None = None,
    software: str,
    recipe_id: str,
) -> None:
    """Write a restored photo without loss, band by band: 8 bits as PNG, 16 bits as TIFF.

    Args:
        stream: a seekable file that can be read back.
        pixels: ``H×W`` or ``H×W×3``, ``uint8`` or ``uint16``, in the stored orientation.
        header: the decoded photo's; its profile, EXIF with the orientation, XMP, IPTC, texts and resolution are
            kept. A profile for another number of channels is left out; ``header.warnings`` names what else is.
        alpha: straight alpha, ``H×W`` of the same dtype.
        software: name and version of this program.
        recipe_id: which recipe made the pixels.

    Raises:
        UsageError: arrays that do not have these shapes and dtypes.
    """
    _require_encodable(pixels, alpha)
    channels = 1 if len(pixels.shape) == 2 else 3
    profile = header.icc_profile if fits(header.icc_profile, channels=channels) else None
    if pixels.dtype == np.uint8:
        _write_png(stream, pixels, alpha, png_facts(header, profile, software, recipe_id))
    else:
        _write_tiff(stream, pixels, alpha, tiff_facts(header, profile, software, recipe_id))


def encode_mask(mask: Mask) -> bytes:
    """Encode an ``H×W`` mask as an 8-bit grey PNG: 255 = repair, 0 elsewhere."""
    return _written(lambda stream: write_mask(stream, MemoryRaster(mask)))


def write_mask(stream: BinaryIO, mask: Raster) -> None:
    """Write what :func:`encode_mask` returns, band by band."""
    _write_grey(stream, mask, lambda band: band.astype(np.uint8) * np.uint8(255))


def encode_probability(probability: NDArray[np.floating[Any]]) -> bytes:
    """Encode an ``H×W`` probability in [0, 1] as an 8-bit grey PNG: ``round(255 p)``.

    Raises:
        UsageError: a value is not a number.
    """
    return _written(lambda stream: write_probability(stream, MemoryRaster(probability)))


def write_probability(stream: BinaryIO, probability: Raster) -> None:
    """Write what :func:`encode_probability` returns, band by band."""
    _write_grey(stream, probability, _levels)


def encode_jpeg_preview(pixels: Pixels, max_side: int = 512) -> bytes:
    """Encode a small 8-bit JPEG whose longer side is at most ``max_side``; it is never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Made small before it is made 8-bit: a master has hundreds of times the preview's pixels.
    small: NDArray[Any] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    if small.dtype == np.uint16:
        small = ((small.astype(np.uint32) + 128) // 257).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(small)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _require_encodable(pixels: Any, alpha: Any) -> None:
    shape = pixels.shape
    shaped = len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)
    if not shaped or pixels.dtype not in (np.uint8, np.uint16) or 0 in shape:
        raise UsageError(
            f"pixels of shape {shape} and type {pixels.dtype} cannot be encoded; "
            "give H×W or H×W×3 of uint8 or uint16"
        )
    if alpha is not None and (alpha.shape != shape[:2] or alpha.dtype != pixels.dtype):
        raise UsageError(
            f"alpha of shape {alpha.shape} and type {alpha.dtype} does not belong to pixels of "
            f"shape {shape} and type {pixels.dtype}"
        )


def _levels(probability: NDArray[Any]) -> NDArray[np.uint8]:
    if np.isnan(probability).any():
        raise UsageError("a probability is not a number; it cannot be written as a picture")
    return np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8)


def _written(write: Callable[[BinaryIO], None]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def _rows_per_band(row_bytes: int) -> int:
    return max(1, _BAND_BYTES // row_bytes)


def _bands(pixels: Raster, alpha: Raster | None, rows: int) -> Iterator[NDArray[Any]]:
    """Yield bands of ``rows`` rows, with alpha as the last channel where there is any."""
    height, width = pixels.shape[:2]
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = pixels.read(top, 0, bottom, width)
        yield band if alpha is None else np.dstack([band, alpha.read(top, 0, bottom, width)])


def _write_grey(
    stream: BinaryIO, raster: Raster, convert: Callable[[NDArray[Any]], NDArray[np.uint8]]
) -> None:
    height, width = raster.shape
    bands = map(convert, _bands(raster, None, _rows_per_band(width)))
    write_png(stream, bands, width, height, 1, PngFacts())


def _write_png(stream: BinaryIO, pixels: Raster, alpha: Raster | None, facts: PngFacts) -> None:
    height, width = pixels.shape[:2]
    channels = (pixels.shape[2] if len(pixels.shape) == 3 else 1) + (alpha is not None)
    bands = _bands(pixels, alpha, _rows_per_band(width * channels))
    write_png(stream, bands, width, height, channels, facts)


def _write_tiff(stream: BinaryIO, pixels: Raster, alpha: Raster | None, facts: TiffFacts) -> None:
    height, width = pixels.shape[:2]
    channels = (pixels.shape[2] if len(pixels.shape) == 3 else 1) + (alpha is not None)
    rows = min(height, _rows_per_band(width * channels * pixels.dtype.itemsize))
    shape = (height, width) if channels == 1 else (height, width, channels)
    bands = _bands(pixels, alpha, rows)
    write_tiff(stream, bands, shape, rows, facts, has_alpha=alpha is not None)
