"""TIFF files written strip by strip: what every 16-bit derivative is.

tifffile writes the pixels and the tags that say how they lie. The descriptions, among them directories for EXIF
and GPS, which it does not write, are added behind the pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from tifffile import FileHandle, TiffWriter

from oldphoto_core.image_io.ifd import Directory, add_to_tiff

_BIG = 3_900_000_000
_LEVEL = 1


@dataclass(frozen=True)
class TiffFacts:
    """What a TIFF says beside its pixels; ``descriptions`` holds texts, EXIF and GPS as tags."""

    software: str
    orientation: int = 1
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    descriptions: Directory = field(default_factory=Directory)


def write_tiff(
    stream: BinaryIO,
    bands: Iterable[NDArray[Any]],
    shape: tuple[int, ...],
    rows: int,
    facts: TiffFacts,
    *,
    has_alpha: bool,
    big: bool = False,
) -> None:
    """Write a 16-bit TIFF.

    Args:
        stream: where to; seekable, and read again in the end.
        bands: ``uint16`` ``h×W`` or ``h×W×C``, from top to bottom, of ``rows`` rows each, the last one of fewer.
        shape: ``(H, W)`` or ``(H, W, C)``.
        rows: of a strip.
        facts: what is written beside the pixels.
        has_alpha: whether the last channel is straight alpha.
        big: write BigTIFF even where the file is small.
    """
    channels = shape[2] if len(shape) == 3 else 1
    tags: list[tuple[Any, ...]] = [(274, "H", 1, facts.orientation, True)]
    if facts.xmp:
        tags.append((700, "B", len(facts.xmp), facts.xmp, True))
    if facts.iptc:
        # Of undefined type, as Adobe defines it; as bytes, some readers would take it for text.
        tags.append((33723, 7, len(facts.iptc), facts.iptc, True))
    # Named, because a nameless temporary file's own name is a number, which tifffile does not expect.
    target = FileHandle(stream, name="derivative.tif")
    size = int(np.prod(shape, dtype=np.int64)) * 2
    with TiffWriter(target, bigtiff=big or size > _BIG, byteorder="<") as writer:
        writer.write(
            (_strip(band) for band in bands),
            shape=shape,
            dtype=np.uint16,
            photometric="rgb" if channels >= 3 else "minisblack",
            planarconfig="contig" if channels > 1 else None,
            extrasamples=["unassalpha"] if has_alpha else None,
            compression="zlib",
            predictor=True,
            rowsperstrip=rows,
            iccprofile=facts.icc_profile,
            resolution=facts.dpi,
            resolutionunit="inch" if facts.dpi else None,
            # As bytes, because a text has to be ASCII.
            software=facts.software.encode(),
            extratags=tags,
            metadata=None,
        )
    if facts.descriptions:
        add_to_tiff(stream, facts.descriptions)


def _strip(band: NDArray[Any]) -> bytes:
    """Return a strip as TIFF's deflate and horizontal predictor want it: differences from the left, packed."""
    differences = np.ascontiguousarray(band).astype(band.dtype.newbyteorder("<"))
    differences[:, 1:] -= band[:, :-1]
    return zlib.compress(differences.data, _LEVEL)
