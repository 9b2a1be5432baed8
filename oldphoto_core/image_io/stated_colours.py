"""The colours that a PNG states as numbers (gAMA, cHRM), as an ICC profile that says the same."""

from __future__ import annotations

import struct

import imagecodecs

from oldphoto_core.image_io.png_chunks import COLOUR, SRGB_CHROMATICITIES, SRGB_GAMMA

_UNIT = 100_000
"""PNG states fractions as whole numbers of this part."""
_GAMMAS = range(16, 625_000_001)
"""Others are no statement to libpng either, and so to browsers."""
_ROUNDING = 100
"""1/1000 of a chromaticity."""
_GAMMA_ROUNDING = 500
"""Programs write 0.45, 0.4545 or 1/2.2 and mean sRGB."""

Point = tuple[int, int]


def stated_profile(chunks: tuple[tuple[bytes, bytes], ...], *, channels: int) -> bytes | None:
    """Return a profile of the colours that a PNG's gAMA and cHRM state.

    None where they are sRGB's, where gAMA is missing or is not sound (chromaticities alone say nothing of tones),
    and where sRGB or cICP stands beside them, which goes before them. A cHRM that is not sound is passed over.

    Args:
        chunks: the PNG's (kind, content).
        channels: 1 (grey, of which cHRM says nothing) or 3.
    """
    said = {kind: content for kind, content in chunks if kind in COLOUR}
    gamma = int.from_bytes(said.get(b"gAMA", b""), "big")
    if gamma not in _GAMMAS or b"sRGB" in said or b"cICP" in said:
        return None
    places = _chromaticities(said.get(b"cHRM", b"")) if channels == 3 else SRGB_CHROMATICITIES
    if abs(gamma - SRGB_GAMMA) <= _GAMMA_ROUNDING and _are_srgb(places):
        return None
    white, primaries = [place / _UNIT for place in places[:2]], [place / _UNIT for place in places[2:]]
    try:
        return bytes(
            imagecodecs.cms_profile(
                "gray" if channels == 1 else "rgb",
                whitepoint=[*white, 1.0],
                primaries=primaries,
                gamma=_UNIT / gamma,
            )
        )
    except imagecodecs.CmsError:
        return None


def _chromaticities(content: bytes) -> tuple[int, ...]:
    """Return x and y of white, red, green and blue; sRGB's where none are stated or they are of no colours."""
    if len(content) != 32:
        return SRGB_CHROMATICITIES
    places = struct.unpack(">8I", content)
    white, red, green, blue = zip(places[::2], places[1::2], strict=True)
    sides = [_side(*edge, white) for edge in ((red, green), (green, blue), (blue, red))]
    # White that the primaries do not surround cannot be mixed of them; a picture would come out black.
    return places if min(sides) > 0 or max(sides) < 0 else SRGB_CHROMATICITIES


def _side(start: Point, end: Point, point: Point) -> int:
    """Return on which side of an edge a point lies, as a sign; 0 on it."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _are_srgb(places: tuple[int, ...]) -> bool:
    return all(abs(one - own) <= _ROUNDING for one, own in zip(places, SRGB_CHROMATICITIES, strict=True))
