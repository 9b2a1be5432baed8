"""Global (unstructured) ageing: pure functions on ``H×W×3`` ``float32`` pixels in [0, 1].

Every operator takes ``(pixels, params, rng)`` and returns new pixels; parameters are plain numbers.
A parameter ``mono`` of 1 makes a random field common to the three channels, so that a grey photo stays grey.
Sigma and shift values are in 255ths, as in the literature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.recipe import Number
from oldphoto_core.pixels import LUMINANCE

FloatImage = NDArray[np.float32]
Params = Mapping[str, Number]
Operator = Callable[[FloatImage, Params, np.random.Generator], FloatImage]

_LUMA = np.array(LUMINANCE, dtype=np.float32)
_RESAMPLE_FILTERS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)


def clip01(pixels: FloatImage) -> FloatImage:
    """Clip to [0, 1] in place and return the same array."""
    np.clip(pixels, 0.0, 1.0, out=pixels)
    return pixels


def as_float(pixels: cv2.typing.MatLike) -> FloatImage:
    """Return what OpenCV computed as ``float32``; costs nothing where it already is."""
    return np.asarray(pixels, dtype=np.float32)


def smooth_field(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> FloatImage:
    """Return an ``H×W`` field in [0, 1] that varies smoothly over about ``cells`` hills a side."""
    coarse = rng.random((cells + 2, cells + 2), dtype=np.float32)
    height, width = shape
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return clip01(np.asarray(field, dtype=np.float32))


def to_grey(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Replace the colours by a weighted mean; ``r`` and ``g`` are the weights, blue takes the rest."""
    red, green = float(params.get("r", _LUMA[0])), float(params.get("g", _LUMA[1]))
    weights = np.array([[red, green, 1.0 - red - green]], dtype=np.float32)
    grey = cv2.transform(pixels, weights)
    return clip01(as_float(cv2.merge([grey, grey, grey])))


def _normal(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    height, width = pixels.shape[:2]
    if params.get("mono", 0):
        noise = rng.standard_normal((height, width), dtype=np.float32)
        return as_float(cv2.merge([noise, noise, noise]))
    return rng.standard_normal((height, width, 3), dtype=np.float32)


def gaussian_noise(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Add white noise of standard deviation ``sigma``."""
    return clip01(pixels + _normal(pixels, params, rng) * np.float32(params["sigma"] / 255.0))


def film_grain(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Add grain: noise correlated over ``size`` pixels, strongest in the mid-tones, as silver grain is."""
    noise = as_float(cv2.GaussianBlur(_normal(pixels, params, rng), (0, 0), float(params["size"])))
    noise *= np.float32(params["sigma"] / 255.0 / max(float(noise.std()), 1e-6))
    weight = np.float32(0.35) + np.float32(2.6) * pixels * (1.0 - pixels)
    return clip01(as_float(pixels + noise * weight))


def speckle(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Multiply by ``1 + n`` with noise ``n`` of standard deviation ``sigma``."""
    return clip01(pixels * (1.0 + _normal(pixels, params, rng) * np.float32(params["sigma"] / 255.0)))


def salt_and_pepper(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Turn a ``share`` of the pixels black or white."""
    height, width = pixels.shape[:2]
    count = round(float(params["share"]) * height * width)
    out = pixels.copy()
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    out[rows, columns] = rng.integers(0, 2, (count, 1)).astype(np.float32)
    return out


def gaussian_blur(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Blur with a ``kernel``×``kernel`` Gaussian of ``sigma`` pixels."""
    size = int(params["kernel"])
    return clip01(as_float(cv2.GaussianBlur(pixels, (size, size), float(params["sigma"]))))


def box_blur(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Average over ``kernel``×``kernel`` pixels: the lens out of focus."""
    size = int(params["kernel"])
    return clip01(as_float(cv2.blur(pixels, (size, size))))


def jpeg(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Compress and decompress at ``quality`` (1–100)."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(params["quality"])]
    grey = bool(params.get("mono", 0)) and bool(np.array_equal(pixels[..., 0], pixels[..., 2]))
    source = pixels[..., 0] if grey else pixels[..., ::-1]
    _, data = cv2.imencode(".jpg", np.rint(source * 255.0).astype(np.uint8), quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1]).astype(np.float32) / np.float32(255.0)


def rgb_shift(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Shift the channels by ``r``, ``g`` and ``b``."""
    shift = np.array([params["r"], params["g"], params["b"]], dtype=np.float32) / np.float32(255.0)
    return clip01(pixels + shift)


def resample(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Shrink to ``factor`` (0–1) of the size and enlarge again; ``down`` and ``up`` choose the filters."""
    height, width = pixels.shape[:2]
    small = (max(1, round(width * params["factor"])), max(1, round(height * params["factor"])))
    down, up = _RESAMPLE_FILTERS[int(params["down"])], _RESAMPLE_FILTERS[int(params["up"])]
    shrunk = cv2.resize(pixels, small, interpolation=down)
    return clip01(as_float(cv2.resize(shrunk, (width, height), interpolation=up)))


def fade(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Compress the tones to [``black``, ``white``] after a ``gamma``: what faded prints look like."""
    black, white = np.float32(params["black"]), np.float32(params["white"])
    return clip01(black + (white - black) * np.power(pixels, np.float32(params["gamma"])))


def harden(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Stretch the contrast by ``gain`` about ``pivot`` and clip: hard paper, poor reproduction."""
    return clip01(
        (pixels - np.float32(params["pivot"])) * np.float32(params["gain"]) + np.float32(params["pivot"])
    )


def tone(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Lead shadows to (``sr``, ``sg``, ``sb``) and lights to (``lr``, ``lg``, ``lb``) by ``strength``.

    ``keep`` is how much of the photo's own colour survives (1 = yellowing, 0 = sepia).
    """
    luma = cv2.transform(pixels, _LUMA[None])[..., None]
    dark = np.array([params["sr"], params["sg"], params["sb"]], dtype=np.float32)
    light = np.array([params["lr"], params["lg"], params["lb"]], dtype=np.float32)
    toned = dark + luma * (light - dark) + np.float32(params["keep"]) * (pixels - luma)
    return clip01(pixels + np.float32(params["strength"]) * (toned - pixels))


def uneven_fade(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Fade towards ``level`` by up to ``strength``, unevenly over about ``cells`` clouds a side."""
    height, width = pixels.shape[:2]
    weight = smooth_field((height, width), int(params["cells"]), rng)[..., None] * np.float32(
        params["strength"]
    )
    return clip01(pixels + weight * (np.float32(params["level"]) - pixels))


def vignette(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Lead the corners to ``level`` by ``strength``; (``x``, ``y``) is the centre, ``power`` the fall-off."""
    height, width = pixels.shape[:2]
    across = (np.arange(width, dtype=np.float32) / width - np.float32(params["x"])) ** 2
    down = (np.arange(height, dtype=np.float32) / height - np.float32(params["y"])) ** 2
    distance = np.minimum((across[None, :] + down[:, None]) * 2.0, 1.0)
    weight = np.power(distance, np.float32(params["power"])) * np.float32(params["strength"])
    return clip01(pixels + weight[..., None] * (np.float32(params["level"]) - pixels))


def halftone(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Print as dots: a screen of ``period`` pixels at ``angle`` radians, mixed in by ``strength``."""
    height, width = pixels.shape[:2]
    angle, pitch = float(params["angle"]), 2.0 * np.pi / float(params["period"])
    column = np.arange(width, dtype=np.float32)[None, :]
    row = np.arange(height, dtype=np.float32)[:, None]
    along = np.cos(pitch * (np.cos(angle) * column + np.sin(angle) * row) + params["phase"])
    across = np.cos(pitch * (np.cos(angle) * row - np.sin(angle) * column) + params["phase"])
    screen = (0.5 + 0.25 * (along + across)).astype(np.float32)[..., None]
    dots = 1.0 / (1.0 + np.exp(-np.float32(params["hardness"]) * (pixels - screen)))
    return clip01(pixels + np.float32(params["strength"]) * (dots - pixels))


def silver_mirror(pixels: FloatImage, params: Params, rng: np.random.Generator) -> FloatImage:
    """Lighten the shadows near the borders, bluish unless ``mono``: silver that came to the surface."""
    height, width = pixels.shape[:2]
    column = np.abs(np.arange(width, dtype=np.float32) / max(width - 1, 1) * 2.0 - 1.0)
    row = np.abs(np.arange(height, dtype=np.float32) / max(height - 1, 1) * 2.0 - 1.0)
    border = np.maximum(column[None, :], row[:, None]) ** np.float32(params["power"])
    weight = (border * smooth_field((height, width), 5, rng) * np.float32(params["strength"]))[..., None]
    blue = 0.0 if params.get("mono", 0) else 0.06
    silver = np.array([0.55 - blue, 0.55, 0.55 + blue], dtype=np.float32)
    return clip01(pixels + weight * (1.0 - pixels) ** 2 * (silver - pixels))


OPERATORS: dict[str, Operator] = {
    "grey": to_grey,
    "gaussian-noise": gaussian_noise,
    "film-grain": film_grain,
    "speckle": speckle,
    "salt-and-pepper": salt_and_pepper,
    "gaussian-blur": gaussian_blur,
    "box-blur": box_blur,
    "jpeg": jpeg,
    "rgb-shift": rgb_shift,
    "resample": resample,
    "fade": fade,
    "harden": harden,
    "tone": tone,
    "uneven-fade": uneven_fade,
    "vignette": vignette,
    "halftone": halftone,
    "silver-mirror": silver_mirror,
}
"""Name in a recipe → operator."""
