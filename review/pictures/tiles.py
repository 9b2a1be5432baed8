"""Cutting tiles, crops and small pictures out of a pyramid, as bytes for a browser.

Tiles follow Deep Zoom: level 0 is one pixel, each further level doubles both sides, and neighbouring tiles
share ``TILE_OVERLAP`` pixels on each inner side.
"""

from __future__ import annotations

import io
import math
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from review.pictures.pyramid import Pyramid

TILE_SIZE = 510
TILE_OVERLAP = 1
_JPEG_QUALITY = 90
_HEAT = ((255, 214, 102), (214, 40, 57))
_MASK_COLOUR = (226, 61, 22)


class Paint(StrEnum):
    """How a level's values are shown."""

    PHOTO = "photo"
    """As they are, as JPEG."""
    VALUES = "values"
    """As they are, without loss."""
    MASK = "mask"
    """In one colour, transparent where the value is 0."""
    HEAT = "heat"
    """From transparent over yellow to red."""


MEDIA_TYPES = {
    Paint.PHOTO: "image/jpeg",
    Paint.VALUES: "image/png",
    Paint.MASK: "image/png",
    Paint.HEAT: "image/png",
}


def cut_tile(pyramid: Pyramid, level: int, column: int, row: int, paint: Paint) -> bytes | None:
    """Return a tile as bytes, or None where the picture has no such tile."""
    top = math.ceil(math.log2(max(pyramid.width, pyramid.height, 1)))
    depth = top - level
    if depth < 0 or level < 0 or column < 0 or row < 0:
        return None
    if depth < len(pyramid.levels):
        pixels = pyramid.levels[depth]
    else:
        pixels = _shrunk(pyramid.levels[-1], depth - len(pyramid.levels) + 1)
    height, width = pixels.shape[:2]
    if column * TILE_SIZE >= width or row * TILE_SIZE >= height:
        return None
    left, above = max(0, column * TILE_SIZE - TILE_OVERLAP), max(0, row * TILE_SIZE - TILE_OVERLAP)
    right, below = (column + 1) * TILE_SIZE + TILE_OVERLAP, (row + 1) * TILE_SIZE + TILE_OVERLAP
    return encode(np.ascontiguousarray(pixels[above:below, left:right]), paint)


def crop(pyramid: Pyramid, box: tuple[float, float, float, float], side: int) -> bytes:
    """Return the part ``(x, y, width, height)`` of the upright picture, its longer side about ``side``."""
    x, y, width, height = box
    scale = 1.0
    pixels = pyramid.levels[0]
    for level in pyramid.levels:
        factor = level.shape[1] / pyramid.width
        if max(width, height) * factor >= side:
            pixels, scale = level, factor
    left, top = max(0, int(x * scale)), max(0, int(y * scale))
    right, bottom = math.ceil((x + width) * scale), math.ceil((y + height) * scale)
    piece = np.ascontiguousarray(pixels[top : max(bottom, top + 1), left : max(right, left + 1)])
    if piece.size == 0:
        piece = np.zeros((1, 1), np.uint8)
    return encode(fitted(piece, side), Paint.PHOTO)


def fitted(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the picture with its longer side at most ``side``; never enlarged."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return np.asarray(pixels)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA), np.uint8)


def encode(pixels: NDArray[np.uint8], paint: Paint) -> bytes:
    """Return an ``h×w`` or ``h×w×3`` picture as JPEG or PNG."""
    buffer = io.BytesIO()
    if paint is Paint.PHOTO:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=_JPEG_QUALITY)
        return buffer.getvalue()
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    shown: NDArray[Any] = grey if paint is Paint.VALUES else painted(grey, paint)
    Image.fromarray(shown).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def painted(values: NDArray[np.uint8], paint: Paint) -> NDArray[np.uint8]:
    """Return ``h×w×4`` colours for the values 0–255 of a mask or a probability."""
    table = np.zeros((256, 4), np.uint8)
    if paint is Paint.MASK:
        table[1:, :3] = _MASK_COLOUR
        table[128:, 3] = 255
    else:
        share = np.linspace(0, 1, 256)[:, None]
        low, high = (np.array(colour, np.float64) for colour in _HEAT)
        table[:, :3] = np.rint(low + share * (high - low))
        table[:, 3] = np.rint(255 * np.clip((share[:, 0] - 0.05) / 0.5, 0, 1))
    return table[values]


def _shrunk(pixels: NDArray[np.uint8], halvings: int) -> NDArray[np.uint8]:
    height, width = (math.ceil(side / 2**halvings) for side in pixels.shape[:2])
    return np.asarray(
        cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA), np.uint8
    )
