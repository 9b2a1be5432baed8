"""Pictures that are no old photographs, made here: what ``latent_distance`` should call strange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
_WORDS = (
    "quick",
    "brown",
    "fox",
    "jumped",
    "while",
    "the",
    "archive",
    "counted",
    "every",
    "plate",
    "of",
    "1887",
)


def strangers(photos: Sequence[Picture], number: int, seed: int = 0) -> Mapping[str, list[Picture]]:
    """Return ``number`` pictures (``H×W×3``) of each kind; some kinds are made out of ``photos``."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, Callable[[], Picture]] = {
        "page of print": lambda: page(rng),
        "line drawing": lambda: drawing(rng),
        "poster": lambda: poster(rng),
        "noise": lambda: noise(rng),
        "one tone": lambda: np.full((300, 400, 3), rng.integers(256), np.uint8),
    }
    changed: dict[str, Callable[[Picture], Picture]] = {
        "outlines of a photo": outlines,
        "two-tone photo": two_tone,
        "grey negative": lambda photo: _bytes(255.0 - photo),
        "colour negative": colour_negative,
    }
    made = {kind: [draw() for _ in range(number)] for kind, draw in drawn.items()}
    return made | {kind: [change(photo) for photo in photos[:number]] for kind, change in changed.items()}


def page(rng: np.random.Generator) -> Picture:
    """Return a page of dark print on light paper."""
    picture = np.full((600, 440, 3), rng.integers(215, 255), np.uint8)
    scale, font = float(rng.uniform(0.35, 0.6)), int(rng.integers(0, 5))
    for line in range(30, 580, int(scale * 38)):
        text = " ".join(rng.choice(_WORDS, 12))[: int(440 / (scale * 17))]
        cv2.putText(picture, text, (20, line), font, scale, (30, 30, 30), 1, cv2.LINE_AA)
    return picture


def drawing(rng: np.random.Generator) -> Picture:
    """Return a drawing of thin arcs and lines on white."""
    picture = np.full((500, 400, 3), 245, np.uint8)
    for _ in range(60):
        x, y, dx, dy = (int(v) for v in (*rng.integers(0, (400, 500)), *rng.integers(5, 150, 2)))
        if rng.random() < 0.5:
            turn, end = float(rng.uniform(0, 180)), float(rng.uniform(60, 360))
            cv2.ellipse(picture, (x, y), (dx, dy), turn, 0, end, (40, 40, 50), 1, cv2.LINE_AA)
        else:
            cv2.line(picture, (x, y), (x + dx, y - dy), (40, 40, 50), 1, cv2.LINE_AA)
    return picture


def poster(rng: np.random.Generator) -> Picture:
    """Return flat rectangles of full colours."""
    picture = np.empty((400, 500, 3), np.uint8)
    picture[:] = rng.integers(0, 256, 3)
    for _ in range(20):
        x, y, dx, dy = (int(v) for v in (*rng.integers(0, (500, 400)), *rng.integers(10, 200, 2)))
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        cv2.rectangle(picture, (x, y), (x + dx, y + dy), colour, -1)
    return picture


def noise(rng: np.random.Generator) -> Picture:
    """Return noise of a random strength and coarseness."""
    pixels = rng.normal(128, rng.uniform(30, 80), (400, 500, 3))
    return _bytes(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.3, 2))))


def outlines(photo: Picture) -> Picture:
    """Return a photo's edges, dark on white."""
    grey = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    return _grey(cv2.GaussianBlur(255.0 - cv2.Canny(np.asarray(grey, np.uint8), 40, 90), (0, 0), 0.6))


def two_tone(photo: Picture) -> Picture:
    """Return a photo in black and white alone."""
    return _grey(255.0 * (cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY) > 128))


def colour_negative(photo: Picture) -> Picture:
    """Return a photo as on colour negative film: inverted, under an orange mask."""
    return _bytes((255.0 - photo) * (0.7, 0.55, 0.4) + (75, 40, 20))


def _grey(picture: NDArray[np.floating]) -> Picture:
    return np.repeat(_bytes(picture)[..., None], 3, axis=2)


def _bytes(picture: NDArray[np.floating]) -> Picture:
    return np.asarray(np.rint(np.clip(picture, 0, 255)), np.uint8)
