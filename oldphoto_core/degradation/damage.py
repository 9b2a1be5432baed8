"""Structured damage: a shape (where) becomes visible by a material and a blend mode (how).

Each operator takes the picture and returns it damaged, with the alpha that it used. What the mask is,
``synthesize`` decides from both.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from oldphoto_core.degradation.canvas import Canvas, Layer
from oldphoto_core.degradation.defects import SHAPES, blob_alpha
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.operators import FloatImage, Params, clip01, smooth_field

BLEND_MODES = ("addition", "lighten", "screen", "multiply", "darken", "normal")
"""A recipe names a mode by its place here; the first three are for bright damage, the next two for dark."""


@dataclass(frozen=True)
class Damage:
    """One damaged picture: ``pixels`` ``H×W×3`` float32, ``alpha`` ``H×W`` float32 in [0, 1]."""

    pixels: FloatImage
    alpha: FloatImage


def blend(below: FloatImage, colour: FloatImage, alpha: FloatImage, mode: str) -> FloatImage:
    """Lay ``colour`` (``3`` or ``h×w×3``) over ``below`` with ``alpha`` (``h×w``); all in [0, 1]."""
    weight = alpha[..., None]
    if mode == "addition":
        out = below + weight * colour
    elif mode == "lighten":
        out = below + weight * (np.maximum(below, colour) - below)
    elif mode == "screen":
        out = 1.0 - (1.0 - below) * (1.0 - weight * colour)
    elif mode == "multiply":
        out = below * (1.0 - weight * (1.0 - colour))
    elif mode == "darken":
        out = below + weight * (np.minimum(below, colour) - below)
    else:
        out = below + weight * (colour - below)
    return clip01(np.asarray(out, dtype=np.float32))


def elastic(layer: Layer, strength: float, rng: np.random.Generator) -> Layer:
    """Bend ``layer`` by a smooth random displacement of up to about ``strength`` of the short side."""
    height, width = layer.shape
    cells = int(rng.integers(3, 8))
    reach = np.float32(strength * min(height, width) * 2.0)
    column = np.arange(width, dtype=np.float32)[None, :]
    row = np.arange(height, dtype=np.float32)[:, None]
    across = column + reach * (smooth_field((height, width), cells, rng) - np.float32(0.5))
    down = row + reach * (smooth_field((height, width), cells, rng) - np.float32(0.5))
    return np.asarray(cv2.remap(layer, across, down, cv2.INTER_LINEAR), dtype=np.uint8)


def _softened(layer: Layer, sigma: float) -> Layer:
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), dtype=np.uint8)


def _colour(params: Params) -> FloatImage:
    return np.array([params["r"], params["g"], params["b"]], dtype=np.float32)


def _box(layer: Layer, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that hold all of ``layer``, so that a speck costs no whole picture."""
    left, top, width, height = cv2.boundingRect(layer)
    return (
        slice(max(top - margin, 0), top + height + margin),
        slice(max(left - margin, 0), left + width + margin),
    )


def mark(
    pixels: FloatImage, name: str, params: Params, rng: np.random.Generator, library: DefectLibrary
) -> Damage:
    """Draw shape ``name`` over about ``share`` of the picture in colour ``r, g, b``, ``mode``, ``opacity``.

    ``elastic`` bends the shape, ``soft`` blurs its edge (pixels), ``wear`` makes it patchy.
    """
    height, width = pixels.shape[:2]
    layer = np.zeros((height, width), dtype=np.uint8)
    SHAPES[name](Canvas(layer, rng, library), float(params["share"]) * height * width)
    if params.get("elastic", 0.0) > 0:
        layer = elastic(layer, float(params["elastic"]), rng)
    if params.get("soft", 0.0) > 0:
        layer = _softened(layer, float(params["soft"]) * max(1.0, min(height, width) / 512.0))
    alpha = layer.astype(np.float32) * np.float32(float(params["opacity"]) / 255.0)
    if params.get("wear", 0.0) > 0:
        alpha *= 1.0 - np.float32(params["wear"]) * smooth_field((height, width), 12, rng)
    out = pixels.copy()
    box = _box(layer, 0)
    if name == "creases":
        shade = _shade_fold(out, layer, rng)
        out[box] = blend(out[box], _colour(params), alpha[box], BLEND_MODES[int(params["mode"])])
        return Damage(out, np.maximum(alpha, shade))
    out[box] = blend(out[box], _colour(params), alpha[box], BLEND_MODES[int(params["mode"])])
    return Damage(out, alpha)


def _shade_fold(pixels: FloatImage, layer: Layer, rng: np.random.Generator) -> FloatImage:
    """Darken one flank of a fold and lighten the other: the paper no longer lies flat.

    Works in place; returns how strongly each pixel was shaded.
    """
    spread = float(rng.uniform(0.8, 2.5)) * max(1.0, min(layer.shape) / 512.0)
    soft = cv2.GaussianBlur(layer, (0, 0), spread).astype(np.float32) / np.float32(255.0)
    step = max(1, round(spread))
    relief = np.roll(soft, (step, step), axis=(0, 1)) - np.roll(soft, (-step, -step), axis=(0, 1))
    relief *= np.float32(rng.uniform(0.15, 0.5) * rng.choice([-1.0, 1.0]))
    pixels += relief[..., None]
    clip01(pixels)
    return np.asarray(np.abs(relief) * 2.0, dtype=np.float32)


def tear(pixels: FloatImage, params: Params, rng: np.random.Generator, library: DefectLibrary) -> Damage:
    """Tear a hole of ``share`` of the picture; feathered by ``feather`` pixels, it shows paper.

    The paper is tinted by ``r, g, b`` and grey with ``mono``; ``lip`` draws the pale torn edge.
    """
    height, width = pixels.shape[:2]
    layer = np.zeros((height, width), dtype=np.uint8)
    SHAPES["hole"](Canvas(layer, rng, library), float(params["share"]) * height * width)
    if params.get("elastic", 0.0) > 0:
        layer = elastic(layer, float(params["elastic"]), rng)
    scale = max(1.0, min(height, width) / 512.0)
    reach = max(1, round(2.0 * scale))
    wider = cv2.dilate(layer, np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8))
    lip = np.asarray(wider, dtype=np.uint8)
    feather = float(params["feather"]) * scale
    if feather > 0:
        layer, lip = _softened(layer, feather), _softened(lip, feather)
    box = _box(lip, 2)
    paper = library.paper((lip[box].shape[0], lip[box].shape[1]), rng) * _colour(params)
    if params.get("mono", 0):
        paper = np.repeat(paper.mean(axis=2, keepdims=True), 3, axis=2)
    alpha = layer[box].astype(np.float32) / np.float32(255.0)
    rim = lip[box].astype(np.float32) * np.float32(float(params["lip"]) / 255.0)
    out = pixels.copy()
    out[box] = blend(out[box], np.float32(0.96) * np.ones(3, dtype=np.float32), rim, "normal")
    out[box] = blend(out[box], paper, alpha, "normal")
    whole = np.zeros((height, width), dtype=np.float32)
    whole[box] = np.maximum(alpha, rim)
    return Damage(out, whole)


def stain(pixels: FloatImage, params: Params, rng: np.random.Generator, library: DefectLibrary) -> Damage:
    """Soak the paper: a stain of ``share`` of the picture multiplies it; ``strength`` deepens it."""
    height, width = pixels.shape[:2]
    side = float(np.sqrt(float(params["share"]) * height * width * 2.0))
    if library.has("stains") and not params.get("ring", 0):
        soaked = np.power(library.stain(rng), np.float32(1.0 + 4.0 * float(params["strength"])))
    else:
        soaked = _drawn_stain(params, rng)
    scale = side / np.sqrt(soaked.shape[0] * soaked.shape[1])
    size = (max(4, round(soaked.shape[1] * scale)), max(4, round(soaked.shape[0] * scale)))
    soaked = np.rot90(cv2.resize(soaked, size, interpolation=cv2.INTER_AREA), int(rng.integers(0, 4)))
    if params.get("mono", 0):
        soaked = np.repeat(soaked.mean(axis=2, keepdims=True), 3, axis=2)
    high, wide = soaked.shape[:2]
    top, left = int(rng.uniform(-high / 2, height - high / 2)), int(rng.uniform(-wide / 2, width - wide / 2))
    rows, columns = slice(max(top, 0), min(top + high, height)), slice(max(left, 0), min(left + wide, width))
    out = pixels.copy()
    part = soaked[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    window = _feather_window(high, wide)[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    out[rows, columns] *= 1.0 - window[..., None] * (1.0 - part)
    alpha = np.zeros((height, width), dtype=np.float32)
    alpha[rows, columns] = window * (1.0 - part.min(axis=2))
    return Damage(out, alpha)


def _feather_window(height: int, width: int) -> FloatImage:
    """Return weights that fall to 0 at the borders: a stain crop must not end in straight edges."""
    row = np.minimum(np.linspace(0, 6, height), np.linspace(6, 0, height)).clip(0, 1)
    column = np.minimum(np.linspace(0, 6, width), np.linspace(6, 0, width)).clip(0, 1)
    return np.asarray(row[:, None] * column[None, :], dtype=np.float32)


def _drawn_stain(params: Params, rng: np.random.Generator) -> FloatImage:
    """Draw a water stain: a faint body with the dark rim where the water stopped."""
    body = blob_alpha(128, float(rng.uniform(0.1, 0.6)), rng).astype(np.float32) / np.float32(255.0)
    soft = cv2.GaussianBlur(body, (0, 0), 2.0)
    rim = np.clip(soft * (1.0 - soft) * 4.0, 0.0, 1.0)
    depth = np.float32(params["strength"]) * (0.5 * soft + 0.6 * rim)
    tint = np.array([0.35, 0.6, 1.0], dtype=np.float32)
    return np.asarray(np.clip(1.0 - depth[..., None] * tint, 0.05, 1.0), dtype=np.float32)
