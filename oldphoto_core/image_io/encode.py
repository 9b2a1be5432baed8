"""From pixels to bytes: derivatives, masks, probabilities and previews.

Equal arguments give equal bytes: no time stamps, no random identifiers, fixed compression settings.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from tifffile import TiffWriter

from oldphoto_core.errors import UsageError
from oldphoto_core.image_io.profile import fits
from oldphoto_core.photo import Mask, PhotoHeader, Pixels

# On a grainy photograph zlib's level 4 takes half the time of level 6 and gives the same size.
_PNG_LEVEL = 4
_TEXT_TAGS = {"ImageDescription": 270, "Make": 271, "Model": 272, "Artist": 315, "Copyright": 33432}


@dataclass(frozen=True)
class EncodedFile:
    """A finished file: its bytes, its suffix (``.png`` or ``.tif``) and its media type."""

    data: bytes
    suffix: str
    media_type: str


def encode_derivative(
    pixels: Pixels,
    header: PhotoHeader,
    *,
    alpha: Pixels | None = None,
    software: str,
    recipe_id: str,
) -> EncodedFile:
    """Encode a restored photo without loss: 8 bits as PNG, 16 bits as TIFF.

    Args:
        pixels: ``H×W`` or ``H×W×3``, ``uint8`` or ``uint16``, in the stored orientation.
        header: the decoded photo's; its profile, EXIF with the orientation, XMP and resolution are kept.
            A profile for another number of channels is left out.
        alpha: straight alpha, ``H×W`` of the same dtype.
        software: name and version of this program.
        recipe_id: which recipe made the pixels.

    Raises:
        UsageError: arrays that do not have these shapes and dtypes.
    """
    _require_encodable(pixels, alpha)
    channels = 1 if pixels.ndim == 2 else 3
    profile = header.icc_profile if fits(header.icc_profile, channels=channels) else None
    if pixels.dtype == np.uint8:
        data = _png(_stacked(pixels, alpha), header, profile, software, recipe_id)
        return EncodedFile(data, ".png", "image/png")
    data = _tiff(_stacked(pixels, alpha), header, profile, software, recipe_id, has_alpha=alpha is not None)
    return EncodedFile(data, ".tif", "image/tiff")


def encode_mask(mask: Mask) -> bytes:
    """Encode an ``H×W`` mask as an 8-bit grey PNG: 255 = repair, 0 elsewhere."""
    return _grey_png(mask.astype(np.uint8) * np.uint8(255))


def encode_probability(probability: NDArray[np.floating[Any]]) -> bytes:
    """Encode an ``H×W`` probability in [0, 1] as an 8-bit grey PNG: ``round(255 p)``.

    Raises:
        UsageError: a value is not a number.
    """
    if np.isnan(probability).any():
        raise UsageError("a probability is not a number; it cannot be written as a picture")
    return _grey_png(np.rint(np.clip(probability, 0, 1) * 255).astype(np.uint8))


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


def _require_encodable(pixels: Pixels, alpha: Pixels | None) -> None:
    shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if not shaped or pixels.dtype not in (np.uint8, np.uint16) or 0 in pixels.shape:
        raise UsageError(
            f"pixels of shape {pixels.shape} and type {pixels.dtype} cannot be encoded; "
            "give H×W or H×W×3 of uint8 or uint16"
        )
    if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
        raise UsageError(
            f"alpha of shape {alpha.shape} and type {alpha.dtype} does not belong to pixels of "
            f"shape {pixels.shape} and type {pixels.dtype}"
        )


def _stacked(pixels: Pixels, alpha: Pixels | None) -> NDArray[Any]:
    return np.ascontiguousarray(pixels if alpha is None else np.dstack([pixels, alpha]))


def _png(
    stacked: NDArray[Any], header: PhotoHeader, profile: bytes | None, software: str, recipe_id: str
) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Software", software)
    chunks.add_text("oldphoto:recipe", recipe_id)
    if header.xmp_block:
        chunks.add_itxt("XML:com.adobe.xmp", header.xmp_block.decode("utf-8", errors="replace").rstrip("\0"))
    options: dict[str, Any] = {"pnginfo": chunks, "compress_level": _PNG_LEVEL}
    exif = _exif_with_orientation(header)
    if exif:
        options["exif"] = exif
    if profile:
        options["icc_profile"] = profile
    if header.dpi:
        options["dpi"] = header.dpi
    buffer = io.BytesIO()
    Image.fromarray(stacked).save(buffer, "PNG", **options)
    return buffer.getvalue()


def _exif_with_orientation(header: PhotoHeader) -> bytes | None:
    """Return the photo's own EXIF, or one that holds the orientation where it has none but is turned."""
    if header.exif_block or header.orientation == 1:
        return header.exif_block
    exif = Image.Exif()
    exif[274] = header.orientation
    return exif.tobytes()


def _tiff(
    stacked: NDArray[Any],
    header: PhotoHeader,
    profile: bytes | None,
    software: str,
    recipe_id: str,
    *,
    has_alpha: bool,
) -> bytes:
    colours = 3 if stacked.ndim == 3 and stacked.shape[2] >= 3 else 1
    tags: list[tuple[Any, ...]] = [(274, "H", 1, header.orientation, True)]
    for name, number in _TEXT_TAGS.items():
        text = header.exif.get(f"Image {name}")
        if text:
            tags.append((number, "s", 0, text.encode("utf-8"), True))
    if header.xmp_block:
        tags.append((700, "B", len(header.xmp_block), header.xmp_block, True))
    buffer = io.BytesIO()
    with TiffWriter(buffer, bigtiff=stacked.nbytes > 3_900_000_000) as writer:
        writer.write(
            stacked,
            photometric="rgb" if colours == 3 else "minisblack",
            planarconfig="contig" if stacked.ndim == 3 else None,
            extrasamples=["unassalpha"] if has_alpha else None,
            compression="zlib",
            predictor=True,
            rowsperstrip=max(1, min(stacked.shape[0], (1 << 20) // (stacked[0].nbytes or 1))),
            iccprofile=profile,
            resolution=header.dpi,
            resolutionunit="inch" if header.dpi else None,
            software=f"{software} (recipe {recipe_id})",
            extratags=tags,
            metadata=None,
        )
    return buffer.getvalue()


def _grey_png(values: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(buffer, "PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()
