"""The shapes of structured damage: where it lies, as an 8-bit alpha layer (255 = fully damaged).

A shape draws marks into the layer until it has covered about ``area`` pixels. It decides geometry only;
``damage`` decides colour and blending. Lengths follow the picture's short side, widths follow
``unit`` = max(1, short side / 512) pixels, since a scratch is wider in a finer scan.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.canvas import SUBPIXEL, Canvas, Points, bounded, paste, stroke, turned
from oldphoto_core.degradation.library import Alpha

_MOST_PATCHES = 24
_MOST_LINES = 60
_MOST_SPECKS = 1500

_PATCH_EXTENT = {
    "dirt": (0.4, 1.2), "dots": (0.012, 0.07), "hair": (0.2, 0.9), "hairshort": (0.06, 0.3),
    "lint": (0.05, 0.25), "scratches": (0.3, 1.0), "smut": (0.03, 0.16), "spots": (0.4, 1.2),
    "sprinkles": (0.15, 0.7), "stain": (0.06, 0.35),
}  # fmt: skip
"""Longer side of a pasted film defect as a share of the picture's short side."""


Shape = Callable[[Canvas, float], None]


def film(kind: str) -> Shape:
    """Return the shape that pastes film damage of ``kind`` from the library, or draws a likeness of it."""

    def draw(canvas: Canvas, area: float) -> None:
        if not canvas.library.has(kind):
            _LIKENESS[kind](canvas, area)
            return
        low, high = _PATCH_EXTENT[kind]
        covered = 0.0
        for _ in range(_MOST_PATCHES):
            wanted = float(np.exp(canvas.rng.uniform(np.log(low), np.log(high)))) * canvas.short
            source = canvas.library.alpha(kind, canvas.rng)
            wanted = max(bounded(source, wanted, area - covered), 0.5 * low * canvas.short)
            covered += paste(canvas, turned(source, wanted, canvas.rng), *canvas.anywhere())
            if covered >= area:
                break

    return draw


def specks(canvas: Canvas, area: float) -> None:
    """Dust and pinholes: many angular specks of up to a few fine widths, loosely clustered."""
    rng = canvas.rng
    largest = float(rng.choice([1.0, 1.6, 3.0])) * canvas.unit
    smallest = 0.4 * canvas.unit
    count = int(np.clip(area / (1.0 + 1.6 * smallest * largest), 3, _MOST_SPECKS))
    radius = np.exp(rng.uniform(np.log(smallest), np.log(largest), count))
    # The dice may throw mostly large ones: stop where the wanted area is reached.
    keep = max(3, int(np.searchsorted(np.cumsum(2.5 * radius**2 + 2.0), area)))
    radius = radius[:keep]
    centres, strengths = _scatter(canvas, radius.size), rng.integers(110, 256, radius.size)
    points = radius < 0.8
    column, row = np.floor(centres[points]).astype(np.int64).T
    np.maximum.at(canvas.layer, (row, column), strengths[points].astype(np.uint8))
    outlines = _outlines(centres[~points], radius[~points], rng)
    for outline, strength in zip(outlines, strengths[~points], strict=True):
        cv2.fillPoly(canvas.layer, [outline], int(strength), cv2.LINE_AA, SUBPIXEL)


def _scatter(canvas: Canvas, count: int) -> Points:
    """Return ``count`` (x, y) inside the picture: everywhere, or round one cluster."""
    height, width = canvas.layer.shape
    everywhere = canvas.rng.uniform(0.0, 1.0, (count, 2)) * (width, height)
    if canvas.rng.random() < 0.6:
        return np.asarray(everywhere, dtype=np.float64)
    spread = float(canvas.rng.uniform(0.08, 0.4)) * canvas.short
    near = canvas.rng.normal(canvas.anywhere(), spread, (count, 2))
    inside = np.all((near >= 0) & (near < (width, height)), axis=1)
    return np.asarray(np.where(inside[:, None], near, everywhere), dtype=np.float64)


def _outlines(centres: Points, radius: Points, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return ``n×7×2`` fixed-point corners of irregular, some of them long, polygons."""
    count = radius.size
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 7)), axis=1)
    reach = radius[:, None] * rng.uniform(0.6, 1.2, (count, 7))
    stretch = rng.choice([1.0, 1.0, 1.5, 2.5], (count, 1))
    turn = rng.uniform(0, np.pi, (count, 1))
    along, across = reach * np.cos(angles) * stretch, reach * np.sin(angles)
    x = along * np.cos(turn) - across * np.sin(turn) + centres[:, :1]
    y = along * np.sin(turn) + across * np.cos(turn) + centres[:, 1:]
    return np.asarray(np.rint(np.stack([x, y], axis=2) * (1 << SUBPIXEL)), dtype=np.int32)


def _bezier(start: Points, end: Points, bend: float, rng: np.random.Generator, steps: int = 24) -> Points:
    """Return points of a cubic Bézier curve whose handles stray by ``bend`` of its length, with a jitter."""
    reach = float(np.linalg.norm(end - start)) * bend
    first = start + (end - start) / 3 + rng.normal(0, 1, 2) * reach
    second = start + (end - start) * 2 / 3 + rng.normal(0, 1, 2) * reach
    t = np.linspace(0.0, 1.0, steps)[:, None]
    curve = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * first + 3 * (1 - t) * t**2 * second + t**3 * end
    return np.asarray(curve, dtype=np.float64)


def scratches(canvas: Canvas, area: float) -> None:
    """Thin scratches, straight or bent, often several in about one direction, some broken into dashes."""
    rng, covered = canvas.rng, 0.0
    direction = float(rng.uniform(0, np.pi))
    parallel = rng.random() < 0.5
    for _ in range(_MOST_LINES):
        if covered >= area:
            break
        angle = direction + float(rng.normal(0, 0.12)) if parallel else float(rng.uniform(0, np.pi))
        length = float(np.exp(rng.uniform(np.log(0.04), np.log(0.9)))) * canvas.short
        middle = np.array(canvas.anywhere())
        half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        curve = _bezier(middle - half, middle + half, float(rng.choice([0.0, 0.03, 0.12])), rng)
        curve += rng.normal(0, 0.25 * canvas.unit, curve.shape)
        width = float(rng.choice([0.6, 0.8, 1.0, 1.0, 2.0, 3.0])) * canvas.unit
        covered += _broken_stroke(canvas, curve, width, int(rng.integers(130, 256)))


def _broken_stroke(canvas: Canvas, curve: Points, width: float, strength: int) -> float:
    """Draw ``curve`` whole, or in a few runs with gaps between them as a skipping needle leaves."""
    if canvas.rng.random() < 0.65:
        return stroke(canvas, curve, width, strength)
    cuts = np.sort(canvas.rng.choice(np.arange(1, len(curve) - 1), 4, replace=False))
    runs = np.split(curve, cuts)[::2]
    return sum((stroke(canvas, run, width, strength) for run in runs if len(run) > 1), 0.0)


def film_lines(canvas: Canvas, area: float) -> None:
    """Near-straight scratches from border to border, as the gate of a projector draws them."""
    rng, covered = canvas.rng, 0.0
    height, width = canvas.layer.shape
    upright = rng.random() < 0.8
    length, breadth = (height, width) if upright else (width, height)
    for _ in range(_MOST_LINES):
        place = float(rng.uniform(0, breadth))
        first, last = (0.0, 1.0) if rng.random() < 0.7 else sorted(rng.uniform(0, 1, 2))
        t = np.linspace(first, last, 16) * length
        sway = place + np.cumsum(rng.normal(0, 0.3 * canvas.unit, t.size)) + t * float(rng.normal(0, 0.01))
        points = np.stack([sway, t] if upright else [t, sway], axis=1)
        line = float(rng.choice([0.5, 0.8, 1.0, 2.0])) * canvas.unit
        covered += _broken_stroke(canvas, points, line, int(rng.integers(120, 256)))
        if covered >= area:
            break


def cracks(canvas: Canvas, area: float) -> None:
    """Branching cracks: wandering lines that fork and thin out, as in glass or dry emulsion."""
    rng, covered = canvas.rng, 0.0
    for _ in range(_MOST_LINES):
        if covered >= area:
            break
        tips = [(np.array(canvas.anywhere()), float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(1.0, 2.6)))]
        for _ in range(12):
            if not tips or covered >= area:
                break
            start, heading, width = tips.pop(0)
            path = _wander(canvas, start, heading)
            covered += stroke(canvas, path, width * canvas.unit, int(rng.integers(190, 256)))
            if width > 0.8:
                tips += [
                    (path[int(rng.integers(2, len(path)))], heading + float(rng.normal(0, 0.8)), width * 0.75)
                    for _ in range(int(rng.integers(1, 3)))
                ]


def _wander(canvas: Canvas, start: Points, heading: float) -> Points:
    rng = canvas.rng
    steps = int(rng.integers(8, 26))
    turns = heading + np.cumsum(rng.normal(0, 0.3, steps))
    stride = rng.uniform(0.006, 0.02) * canvas.short
    moves = np.stack([np.cos(turns), np.sin(turns)], axis=1) * stride
    return np.asarray(np.vstack([start, start + np.cumsum(moves, axis=0)]), dtype=np.float64)


def crease_path(canvas: Canvas) -> Points:
    """Return the points of a fold: across the picture, or over one corner, slightly crooked."""
    rng = canvas.rng
    height, width = canvas.layer.shape
    kind = rng.integers(0, 3)
    at = rng.uniform(0.1, 0.9, 2)
    if kind == 0:
        start, end = (
            np.array([0.0, at[0] * height]),
            np.array([width, (at[0] + rng.normal(0, 0.08)) * height]),
        )
    elif kind == 1:
        start, end = np.array([at[0] * width, 0.0]), np.array([(at[0] + rng.normal(0, 0.08)) * width, height])
    else:
        right, low = rng.integers(0, 2, 2)
        reach = rng.uniform(0.1, 0.45, 2) * (width, height)
        start = np.array(
            [right * width + (reach[0] if not right else -reach[0]), low * height], dtype=np.float64
        )
        end = np.array([right * width, low * height + (reach[1] if not low else -reach[1])], dtype=np.float64)
    path = _bezier(start, end, 0.015, rng, steps=40)
    return np.asarray(path + rng.normal(0, 0.35 * canvas.unit, path.shape), dtype=np.float64)


def creases(canvas: Canvas, area: float) -> None:
    """Folds whose surface has broken off along the line; ``damage`` adds their highlight and shadow."""
    covered = 0.0
    for _ in range(4):
        width = float(canvas.rng.uniform(0.8, 3.2)) * canvas.unit
        covered += stroke(canvas, crease_path(canvas), width)
        if covered >= area:
            break


def blob_alpha(side: int, ragged: float, rng: np.random.Generator) -> Alpha:
    """Draw one irregular blob of about half of ``side``×``side`` pixels; ``ragged`` 0 = egg, 1 = torn."""
    axis = np.linspace(-1.0, 1.0, side, dtype=np.float32)
    noise = np.zeros((side, side), dtype=np.float32)
    for cells, weight in ((4, 0.6), (9, 0.3), (24, 0.15)):
        coarse = rng.random((cells, cells), dtype=np.float32) - np.float32(0.5)
        noise += weight * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    height = 0.62 - np.sqrt(axis[None, :] ** 2 + axis[:, None] ** 2) + noise * (0.35 + ragged)
    edge = 6.0 / side
    return np.asarray(np.clip(height / edge * 127.0 + 127.0, 0, 255), dtype=np.uint8)


def blobs(canvas: Canvas, area: float) -> None:
    """Emulsion that came off, or drops that dried: a few irregular patches."""
    rng, covered = canvas.rng, 0.0
    for _ in range(_MOST_PATCHES):
        extent = float(np.exp(rng.uniform(np.log(0.015), np.log(0.14)))) * canvas.short
        extent = min(extent, max(1.6 * float(np.sqrt(area - covered)), 4.0))
        patch = blob_alpha(max(8, round(extent)), float(rng.uniform(0.2, 1.2)), rng)
        covered += paste(canvas, turned(patch, extent, rng), *canvas.anywhere())
        if covered >= area:
            break


def hole(canvas: Canvas, area: float) -> None:
    """One hole, torn corner or torn edge of about ``area`` pixels."""
    rng = canvas.rng
    patch = canvas.library.alpha("holes", rng) if canvas.library.has("holes") else blob_alpha(160, 0.8, rng)
    share = max(float((patch > 127).mean()), 0.05)
    scale = float(np.sqrt(area / (share * patch.size)))
    height, width = canvas.layer.shape
    extent = min(scale * max(patch.shape), 1.5 * max(height, width))
    where = rng.random()
    if where < 0.4:
        place = canvas.anywhere()
    elif where < 0.8:
        corner = rng.integers(0, 2, 2)
        place = (float(corner[0] * width), float(corner[1] * height))
        extent *= 1.7
    else:
        place = (float(rng.uniform(0, width)), float(rng.integers(0, 2) * height))
        extent *= 1.35
    paste(canvas, turned(patch, extent, rng), *place)


_LIKENESS: dict[str, Shape] = {
    "dirt": specks, "dots": blobs, "hair": scratches, "hairshort": scratches, "lint": scratches,
    "scratches": scratches, "smut": blobs, "spots": specks, "sprinkles": specks, "stain": blobs,
}  # fmt: skip

SHAPES: dict[str, Shape] = {
    "specks": specks,
    "scratches": scratches,
    "film-lines": film_lines,
    "cracks": cracks,
    "creases": creases,
    "blobs": blobs,
    "hole": hole,
    **{f"film-{kind}": film(kind) for kind in _PATCH_EXTENT},
}
"""Name in a recipe (after ``damage-``) → shape."""
