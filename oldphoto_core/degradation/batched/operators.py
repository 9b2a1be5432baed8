"""Global ageing of a batch: the operators of ``degradation.operators`` on tensors.

Every operator takes pixels ``N×3×H×W`` float32 in [0, 1], parameters ``N×1×1×1`` by name, and a generator of the
pixels' device; it returns new pixels of the same kind. Each photo has its own parameters. Sigma and shift values
are in 255ths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from oldphoto_core.degradation.batched.jpeg import compressed
from oldphoto_core.pixels import LUMINANCE

Params = Mapping[str, Tensor]
Operator = Callable[[Tensor, Params, torch.Generator], Tensor]

_TAPS = 11
"""Longest blur: film grain of 1.3 pixels, cut at four sigma as OpenCV does."""
_RESAMPLE_MODES = ("bilinear", "bicubic", "area")


def _luma(pixels: Tensor) -> Tensor:
    weights = pixels.new_tensor(LUMINANCE).view(1, 3, 1, 1)
    return (pixels * weights).sum(dim=1, keepdim=True)


def _colour(params: Params, *names: str) -> Tensor:
    """Return ``N×3×1×1`` of three parameters."""
    return torch.cat([params[name] for name in names], dim=1)


def _normal(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    noise = torch.randn(pixels.shape, generator=generator, device=pixels.device)
    return torch.where(params["mono"] > 0, noise[:, :1].expand_as(noise), noise)


def _smooth_field(pixels: Tensor, cells: Tensor, generator: torch.Generator) -> Tensor:
    """Return ``N×1×H×W`` fields in [0, 1] with about ``cells`` hills a side."""
    fields = []
    for count in cells.flatten().tolist():
        side = int(count) + 2
        coarse = torch.rand((1, 1, side, side), generator=generator, device=pixels.device)
        fields.append(functional.interpolate(coarse, pixels.shape[-2:], mode="bicubic", align_corners=False))
    return torch.cat(fields).clamp(0, 1)


def gaussian_taps(sigma: Tensor, size: Tensor) -> Tensor:
    """Return ``N×11`` weights that sum to 1: Gaussians of ``sigma`` cut to ``size`` (odd, at most 11) taps."""
    place = torch.arange(_TAPS, device=sigma.device) - _TAPS // 2
    weights = torch.exp(-0.5 * (place / sigma.view(-1, 1)).square())
    weights = weights * (place.abs() <= size.view(-1, 1) / 2)
    return weights / weights.sum(dim=1, keepdim=True)


def box_taps(size: Tensor) -> Tensor:
    """Return ``N×11`` equal weights over ``size`` (odd, at most 11) taps."""
    return gaussian_taps(torch.full_like(size, 1e6), size)


def blurred(pixels: Tensor, taps: Tensor) -> Tensor:
    """Blur ``N×C×H×W`` along both axes with ``N×11`` weights, mirrored at the border without its last row."""
    count, channels, height, width = pixels.shape
    half = _TAPS // 2
    kernels = taps.repeat_interleave(channels, dim=0)
    mode = "reflect" if min(height, width) > half else "replicate"
    flat = functional.pad(pixels.reshape(1, -1, height, width), (half,) * 4, mode=mode)
    flat = functional.conv2d(flat, kernels[:, None, None, :], groups=count * channels)
    flat = functional.conv2d(flat, kernels[:, None, :, None], groups=count * channels)
    return flat.reshape(count, channels, height, width)


def to_grey(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Replace the colours by a weighted mean; ``r`` and ``g`` are the weights, blue takes the rest."""
    red, green = params["r"], params["g"]
    grey = red * pixels[:, :1] + green * pixels[:, 1:2] + (1 - red - green) * pixels[:, 2:]
    return grey.expand_as(pixels).clamp(0, 1)


def gaussian_noise(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Add white noise of standard deviation ``sigma``."""
    return (pixels + _normal(pixels, params, generator) * params["sigma"] / 255).clamp(0, 1)


def film_grain(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Add noise correlated over ``size`` pixels, strongest in the mid-tones."""
    size = params["size"]
    # OpenCV's kernel for a float picture: round(8 σ + 1), made odd.
    taps = torch.round(8 * size + 1).clamp(max=_TAPS)
    noise = blurred(_normal(pixels, params, generator), gaussian_taps(size, taps + (taps % 2 == 0)))
    noise = noise / noise.std(dim=(1, 2, 3), keepdim=True, correction=0).clamp(min=1e-6)
    return (pixels + noise * params["sigma"] / 255 * (0.35 + 2.6 * pixels * (1 - pixels))).clamp(0, 1)


def speckle(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Multiply by ``1 + n`` with noise ``n`` of standard deviation ``sigma``."""
    return (pixels * (1 + _normal(pixels, params, generator) * params["sigma"] / 255)).clamp(0, 1)


def salt_and_pepper(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Turn a ``share`` of the pixels black or white."""
    luck = torch.rand(pixels[:, :1].shape, generator=generator, device=pixels.device)
    white = luck < params["share"] / 2
    return torch.where(luck < params["share"], white.to(pixels.dtype), pixels)


def gaussian_blur(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Blur with a ``kernel``×``kernel`` Gaussian of ``sigma`` pixels."""
    return blurred(pixels, blur_taps("gaussian-blur", params)).clamp(0, 1)


def box_blur(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Average over ``kernel``×``kernel`` pixels."""
    return blurred(pixels, blur_taps("box-blur", params)).clamp(0, 1)


def blur_taps(name: str, params: Params) -> Tensor:
    """Return the ``N×11`` weights of a blur by its name in a recipe."""
    size = params["kernel"].flatten()
    return box_taps(size) if name == "box-blur" else gaussian_taps(params["sigma"].flatten(), size)


def jpeg(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Compress and decompress at ``quality`` (1–100)."""
    return compressed(pixels, params["quality"].flatten())


def rgb_shift(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Shift the channels by ``r``, ``g`` and ``b``."""
    return (pixels + _colour(params, "r", "g", "b") / 255).clamp(0, 1)


def resample(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Shrink to ``factor`` (0–1) of the size and enlarge again; ``down`` and ``up`` choose the filters."""
    height, width = pixels.shape[-2:]
    results = []
    # Every photo has a size of its own in between.
    for number, factor in enumerate(params["factor"].flatten().tolist()):
        small = (max(1, round(height * factor)), max(1, round(width * factor)))
        down, up = (_RESAMPLE_MODES[int(params[name][number])] for name in ("down", "up"))
        results.append(_resized(_resized(pixels[number : number + 1], small, down), (height, width), up))
    return torch.cat(results).clamp(0, 1)


def _resized(pixels: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    return functional.interpolate(pixels, size, mode=mode, align_corners=None if mode == "area" else False)


def fade(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Compress the tones to [``black``, ``white``] after a ``gamma``."""
    black, white = params["black"], params["white"]
    return (black + (white - black) * pixels.pow(params["gamma"])).clamp(0, 1)


def harden(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Stretch the contrast by ``gain`` about ``pivot`` and clip."""
    return ((pixels - params["pivot"]) * params["gain"] + params["pivot"]).clamp(0, 1)


def tone(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Lead shadows and lights to a tint by ``strength``; ``keep`` is how much own colour survives."""
    luma = _luma(pixels)
    dark, light = _colour(params, "sr", "sg", "sb"), _colour(params, "lr", "lg", "lb")
    toned = dark + luma * (light - dark) + params["keep"] * (pixels - luma)
    return (pixels + params["strength"] * (toned - pixels)).clamp(0, 1)


def uneven_fade(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Fade towards ``level`` by up to ``strength``, in about ``cells`` clouds a side."""
    weight = _smooth_field(pixels, params["cells"], generator) * params["strength"]
    return (pixels + weight * (params["level"] - pixels)).clamp(0, 1)


def _grid(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows ``1×1×H×1`` and columns ``1×1×1×W`` as pixel numbers."""
    height, width = pixels.shape[-2:]
    row = torch.arange(height, device=pixels.device, dtype=pixels.dtype).view(1, 1, -1, 1)
    return row, torch.arange(width, device=pixels.device, dtype=pixels.dtype).view(1, 1, 1, -1)


def vignette(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Lead the corners to ``level`` by ``strength``; (``x``, ``y``) is the centre, ``power`` the fall-off."""
    row, column = _grid(pixels)
    down = (row / pixels.shape[-2] - params["y"]).square()
    across = (column / pixels.shape[-1] - params["x"]).square()
    weight = ((across + down) * 2).clamp(max=1).pow(params["power"]) * params["strength"]
    return (pixels + weight * (params["level"] - pixels)).clamp(0, 1)


def halftone(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Print as dots: a screen of ``period`` pixels at ``angle`` radians, mixed in by ``strength``."""
    row, column = _grid(pixels)
    pitch, cosine, sine = 2 * math.pi / params["period"], params["angle"].cos(), params["angle"].sin()
    along = torch.cos(pitch * (cosine * column + sine * row) + params["phase"])
    across = torch.cos(pitch * (cosine * row - sine * column) + params["phase"])
    screen = 0.5 + 0.25 * (along + across)
    dots = torch.sigmoid(params["hardness"] * (pixels - screen))
    return (pixels + params["strength"] * (dots - pixels)).clamp(0, 1)


def silver_mirror(pixels: Tensor, params: Params, generator: torch.Generator) -> Tensor:
    """Lighten the shadows near the borders, bluish unless ``mono``."""
    row, column = _grid(pixels)
    row = (row / max(pixels.shape[-2] - 1, 1) * 2 - 1).abs()
    column = (column / max(pixels.shape[-1] - 1, 1) * 2 - 1).abs()
    field = _smooth_field(pixels, torch.full_like(params["power"], 5.0), generator)
    weight = torch.maximum(row, column).pow(params["power"]) * field * params["strength"]
    blue = 0.06 * (params["mono"] <= 0).to(pixels.dtype)
    silver = 0.55 + blue * pixels.new_tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1)
    return (pixels + weight * (1 - pixels).square() * (silver - pixels)).clamp(0, 1)


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
"""Name in a recipe → operator; the same names as ``degradation.operators``."""
