"""Structured damage for batches: layers that the CPU drew beforehand, laid over the pixels of many photos at once.

Drawing scratches and cutting out scanned dust is work for a CPU; laying them over a photo is not. Every blend mode
of ``degradation.damage`` is ``gain · below + bias``, followed for two of them by a maximum or a minimum with what
was there, so a layer is those two pictures and its alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from oldphoto_core.degradation.damage import BLEND_MODES, mark, stain, tear
from oldphoto_core.degradation.defects import SHAPES
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.profiles import DegradationProfile, sample_recipe
from oldphoto_core.degradation.recipe import Operation

DAMAGE = "damage-"
_KEEP, _LIGHTEN, _DARKEN = 0, 1, 2


@dataclass(frozen=True)
class DamageLayer:
    """One drawn layer: ``gain`` and ``bias`` ``3×S×S``, ``alpha`` ``1×S×S``, and which bound applies."""

    gain: Tensor
    bias: Tensor
    alpha: Tensor
    bound: int

    @property
    def stacked(self) -> Tensor:
        """Gain, bias and alpha as ``7×S×S``, in half precision."""
        return torch.cat((self.gain, self.bias, self.alpha)).half()


def draw_layer(step: Operation, side: int, library: DefectLibrary) -> DamageLayer:
    """Draw the damage of ``step`` as a layer of ``side`` pixels.

    A hole or a stain is laid over black and over white: from both follow gain and bias. A mark's are worked out
    from its colour and mode. (The flanks of a fold, which a crease shades, stay unshaded.)
    """
    name, rng = step.name.removeprefix(DAMAGE), np.random.default_rng(step.seed)
    black = np.zeros((side, side, 3), dtype=np.float32)
    if name in ("hole", "stain"):
        operator = tear if name == "hole" else stain
        over_black = operator(black, step.params, rng, library)
        again = np.random.default_rng(step.seed)
        over_white = operator(black + np.float32(1), step.params, again, library)
        bias = _planes(over_black.pixels)
        return DamageLayer(_planes(over_white.pixels) - bias, bias, _plane(over_black.alpha), _KEEP)
    drawn = mark(black, name, step.params, rng, library)
    alpha = _plane(drawn.alpha)
    colour = torch.tensor([float(step.params[c]) for c in "rgb"]).view(3, 1, 1)
    mode = BLEND_MODES[int(step.params["mode"])]
    gain, bias = _affine(alpha, colour, mode)
    return DamageLayer(gain, bias, alpha, {"lighten": _LIGHTEN, "darken": _DARKEN}.get(mode, _KEEP))


def _affine(alpha: Tensor, colour: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Return gain and bias of laying ``colour`` over a photo with ``alpha``."""
    ones = torch.ones_like(colour) * torch.ones_like(alpha)
    if mode == "addition":
        return ones, alpha * colour
    if mode == "screen":
        return 1 - alpha * colour, alpha * colour
    if mode == "multiply":
        return 1 - alpha * (1 - colour), torch.zeros_like(ones)
    return (1 - alpha) * ones, alpha * colour


class DamageBank:
    """Drawn layers by kind, kept where the training runs.

    Args:
        library: material for the drawing.
        profile: says which kinds there are and how they look.
        per_kind: layers of each kind.
        side: of a layer in pixels; photos may be smaller or as large.
        seed: decides every layer.
        device: where they are kept.
    """

    def __init__(
        self,
        library: DefectLibrary,
        profile: DegradationProfile,
        *,
        per_kind: int = 12,
        side: int = 256,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.side = side
        self.layers: dict[str, Tensor] = {}
        self.bounds: dict[str, Tensor] = {}
        for name, steps in _steps(profile, per_kind, seed).items():
            drawn = [draw_layer(step, side, library) for step in steps]
            self.layers[name] = torch.stack([layer.stacked for layer in drawn]).to(device)
            self.bounds[name] = torch.tensor([layer.bound for layer in drawn], device=device)

    def lay(
        self, pixels: Tensor, steps: Sequence[Operation], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Lay one layer over each photo.

        Args:
            pixels: ``N×3×H×W`` in [0, 1], H and W at most the layers' side.
            steps: the damage, one a photo, whose kind and lack of colour count; a kind that the bank does not have
                leaves its photo alone.
            generator: chooses the layers and turns, mirrors and shifts them.

        Returns:
            The damaged pixels, and the alpha of the damage, ``N×1×H×W``.
        """
        chosen, bounds = [], []
        for step in steps:
            layer, bound = self._choose(step.name, generator)
            layer = _greyed(layer) if _is_grey(step) else layer
            chosen.append(self._placed(layer, pixels.shape[-2:], generator))
            bounds.append(bound)
        stacked = torch.stack(chosen).to(pixels.dtype)
        gain, bias, alpha = stacked[:, :3], stacked[:, 3:6], stacked[:, 6:]
        laid = gain * pixels + bias
        bound = torch.stack(bounds).view(-1, 1, 1, 1)
        laid = torch.where(bound == _LIGHTEN, torch.maximum(laid, pixels), laid)
        laid = torch.where(bound == _DARKEN, torch.minimum(laid, pixels), laid)
        return laid.clamp(0, 1), alpha

    def _choose(self, name: str, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        layers = self.layers.get(name)
        if layers is None:
            some = next(iter(self.layers.values()))[0]
            nothing = torch.zeros_like(some)
            nothing[:3] = 1
            return nothing, torch.zeros((), dtype=torch.long, device=some.device)
        number = _integer(len(layers), generator)
        return layers[number], self.bounds[name][number]

    def _placed(self, layer: Tensor, size: Sequence[int], generator: torch.Generator) -> Tensor:
        """Return a random window of ``size``, turned by quarters and mirrored at random."""
        turned = torch.rot90(layer, _integer(4, generator), dims=(1, 2))
        if _integer(2, generator):
            turned = turned.flip(2)
        height, width = size
        top, left = (_integer(self.side - part + 1, generator) for part in (height, width))
        return turned[:, top : top + height, left : left + width]


def _is_grey(step: Operation) -> bool:
    """Say whether damage has no colour of its own: a grey photo's never has."""
    colours = {step.params[one] for one in "rgb" if one in step.params}
    return bool(step.params.get("mono")) or len(colours) == 1


def _greyed(layer: Tensor) -> Tensor:
    """Return a layer ``7×S×S`` that does the same to all channels."""
    gain, bias = (part.mean(dim=0, keepdim=True).expand_as(part) for part in (layer[:3], layer[3:6]))
    return torch.cat((gain, bias, layer[6:]))


def closed(mask: Tensor) -> Tensor:
    """Close pinholes of a ``N×1×H×W`` bool mask: dilation by 3×3, then erosion."""
    grown = functional.max_pool2d(mask.float(), 3, stride=1, padding=1)
    return -functional.max_pool2d(-grown, 3, stride=1, padding=1) > 0.5


def _steps(profile: DegradationProfile, per_kind: int, seed: int) -> dict[str, list[Operation]]:
    """Return so many steps of every kind of damage, taken from sampled recipes."""
    kinds = {f"{DAMAGE}{name}" for name, weight in profile.damage_kinds if weight > 0}
    steps: dict[str, list[Operation]] = {name: [] for name in sorted(kinds)}
    number = 0
    while min(len(found) for found in steps.values()) < per_kind:
        for step in sample_recipe(seed * 1_000_003 + number, profile).operations:
            if step.name in kinds and len(steps[step.name]) < per_kind:
                steps[step.name].append(step)
        number += 1
    known = {f"{DAMAGE}{name}" for name in (*SHAPES, "hole", "stain")}
    assert kinds <= known, "a profile names damage that nothing draws"
    return steps


def _integer(below: int, generator: torch.Generator) -> int:
    """Return a random integer in [0, below), without waiting for a GPU."""
    return int(torch.randint(below, (), generator=generator))


def _planes(pixels: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _plane(alpha: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(alpha[None].astype(np.float32)))
