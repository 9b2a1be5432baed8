"""How much memory restoring a photo takes, judged by its header."""

from __future__ import annotations

from oldphoto_core.photo import PhotoHeader

WORKING_SET = 1_300_000_000
"""Bytes that a worker takes whatever the photo: libraries, networks, the tiles in the making, in float32."""
_COPIES = 5
"""The original as stored and upright, two tiers, and an encoded file, at their worst."""
_FINDINGS = 8
"""Bytes per pixel for probability, mask and dilated mask."""


def in_memory_bytes(header: PhotoHeader, file_size: int) -> int:
    """Return about how many bytes a photo takes, beside the working set, where it lies in memory as a whole."""
    sample_bytes = 1 if header.bit_depth <= 8 else 2
    per_pixel = _COPIES * decoded_channels(header) * sample_bytes + _FINDINGS
    return file_size + header.width * header.height * per_pixel


def decoded_channels(header: PhotoHeader) -> int:
    """Return how many channels the decoded photo has: a palette becomes colours, a transparent colour alpha."""
    if header.mode in ("P", "PA"):
        return 3 + header.has_alpha
    if header.has_alpha and header.channels in (1, 3):
        return header.channels + 1
    return max(1, header.channels)
