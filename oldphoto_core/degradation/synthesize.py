"""Apply a recipe to a clean photo: the aged photo, its target, and the exact mask of the damage."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from oldphoto_core.degradation.damage import Damage, mark, stain, tear
from oldphoto_core.degradation.defects import SHAPES
from oldphoto_core.degradation.library import DefectLibrary
from oldphoto_core.degradation.operators import OPERATORS, FloatImage, as_float
from oldphoto_core.degradation.recipe import DegradationRecipe, Operation
from oldphoto_core.degradation.visibility import faint_marks
from oldphoto_core.errors import UsageError

VISIBLE_ALPHA = 0.1
VISIBLE_CHANGE = (0.04, 0.10)
"""A pixel is damaged where alpha and the largest change of a channel both exceed a bound (of 1).

The bound on the change follows the photo's own noise between these two: what drowns in grain is no mark.
"""

_DAMAGE = "damage-"
_TARGET_STEPS = frozenset({"grey"})


@dataclass(frozen=True)
class AgedPhoto:
    """A pair for training and measuring.

    ``aged`` and ``clean`` are ``H×W×3`` ``float32`` in [0, 1]; ``clean`` is what restoring should give
    (the grey photo where the recipe made it grey, even if ``aged`` is toned). ``mask`` is ``H×W`` ``bool``,
    True where structured damage visibly changed a pixel; global ageing is never in it. ``change`` is
    ``H×W`` ``float32``: by how much.
    """

    aged: FloatImage
    mask: NDArray[np.bool_]
    recipe: DegradationRecipe
    clean: FloatImage
    change: FloatImage

    @property
    def faint(self) -> NDArray[np.bool_]:
        """The part of the mask that no eye could find; see :func:`faint_marks`."""
        return faint_marks(self.mask, self.change, self.aged)


@dataclass(frozen=True)
class _Marks:
    """How much damage changed each pixel (``H×W`` float32, 0 outside the mask), and the visible ``bound``."""

    change: FloatImage
    bound: float

    def blurred(self, step: Operation) -> _Marks:
        """Follow a global blur, which carries the damage (a linear change) over the mask's border."""
        if step.name not in ("gaussian-blur", "box-blur") or not self.change.any():
            return self
        size = int(step.params["kernel"])
        if step.name == "box-blur":
            return _Marks(np.asarray(cv2.blur(self.change, (size, size)), dtype=np.float32), self.bound)
        spread = cv2.GaussianBlur(self.change, (size, size), float(step.params["sigma"]))
        return _Marks(np.asarray(spread, dtype=np.float32), self.bound)


def age(
    clean: NDArray[np.uint8], recipe: DegradationRecipe, library: DefectLibrary | None = None
) -> AgedPhoto:
    """Age ``clean`` (``H×W×3`` ``uint8`` RGB) by ``recipe``; equal arguments give equal pixels.

    ``library`` None means :meth:`DefectLibrary.procedural`.

    Raises:
        UsageError: ``clean`` is not ``H×W×3`` ``uint8``, or the recipe names an unknown operation.
    """
    if clean.ndim != 3 or clean.shape[2] != 3 or clean.dtype != np.uint8:
        raise UsageError(
            f"Ageing needs H×W×3 uint8 pixels, got {clean.shape} {clean.dtype}. Convert the photo first."
        )
    library = library or DefectLibrary.procedural()
    target = clean.astype(np.float32) / np.float32(255.0)
    marks = _Marks(np.zeros(clean.shape[:2], dtype=np.float32), VISIBLE_CHANGE[0])
    start = 0
    while start < len(recipe.operations) and recipe.operations[start].name in _TARGET_STEPS:
        target = _global_step(target, recipe.operations[start])
        start += 1
    pixels = target
    for first, steps in _runs(recipe.operations[start:]):
        if first.name.startswith(_DAMAGE):
            pixels, marks = _damaged(pixels, steps, library)
        else:
            for step in steps:
                pixels = _global_step(pixels, step)
                marks = marks.blurred(step)
    aged = pixels.copy() if pixels is target else pixels
    return AgedPhoto(
        aged=np.ascontiguousarray(aged),
        mask=marks.change > marks.bound,
        recipe=recipe,
        clean=target,
        change=marks.change,
    )


def _runs(operations: tuple[Operation, ...]) -> list[tuple[Operation, list[Operation]]]:
    """Group neighbouring operations into runs of damage and runs of global steps."""
    runs: list[tuple[Operation, list[Operation]]] = []
    for step in operations:
        if runs and runs[-1][0].name.startswith(_DAMAGE) == step.name.startswith(_DAMAGE):
            runs[-1][1].append(step)
        else:
            runs.append((step, [step]))
    return runs


def _global_step(pixels: FloatImage, step: Operation) -> FloatImage:
    if step.name not in OPERATORS:
        raise UsageError(f"Unknown operation {step.name!r} in a recipe. It was made by another version.")
    return OPERATORS[step.name](pixels, step.params, np.random.default_rng(step.seed))


def _damaged(pixels: FloatImage, steps: list[Operation], library: DefectLibrary) -> tuple[FloatImage, _Marks]:
    """Apply a run of damage; keep the change only inside the mask, so that the mask is exact."""
    damaged = pixels
    alpha = np.zeros(pixels.shape[:2], dtype=np.float32)
    for step in steps:
        result = _damage_step(damaged, step, library)
        damaged = result.pixels
        np.maximum(alpha, result.alpha, out=alpha)
    bound = visible_bound(pixels)
    change = _largest(as_float(cv2.absdiff(damaged, pixels)))
    covered = alpha > VISIBLE_ALPHA
    visible = (covered & (change > bound)).astype(np.uint8)
    # Paper that happens to equal the photo leaves pinholes in a hole; they are damage all the same.
    closed = cv2.morphologyEx(visible, cv2.MORPH_CLOSE, np.ones((3, 3), dtype=np.uint8))
    mask = covered & (closed > 0)
    out = pixels.copy()
    out[mask] = damaged[mask]
    return out, _Marks(np.where(mask, np.maximum(change, bound * 1.01), np.float32(0.0)), bound)


def visible_bound(pixels: FloatImage) -> float:
    """Return the smallest visible change (of 1): 0.8 of the noise's sigma, within VISIBLE_CHANGE.

    The noise is the median absolute response to the 3×3 noise kernel (Immerkær 1996), deaf to edges.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    response = cv2.filter2D(np.ascontiguousarray(pixels[..., 1]), -1, kernel)
    sigma = float(np.median(np.abs(response[::2, ::2]))) / (0.6745 * 6.0)
    return float(np.clip(0.8 * sigma, *VISIBLE_CHANGE))


def _largest(channels: FloatImage) -> FloatImage:
    red, green, blue = cv2.split(channels)
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.float32)


def _damage_step(pixels: FloatImage, step: Operation, library: DefectLibrary) -> Damage:
    rng = np.random.default_rng(step.seed)
    name = step.name.removeprefix(_DAMAGE)
    if name == "hole":
        return tear(pixels, step.params, rng, library)
    if name == "stain":
        return stain(pixels, step.params, rng, library)
    if name not in SHAPES:
        raise UsageError(f"Unknown damage {step.name!r} in a recipe. It was made by another version.")
    return mark(pixels, name, step.params, rng, library)
