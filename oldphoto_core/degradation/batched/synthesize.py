"""Apply a recipe to each photo of a batch: every photo in its own order, equal steps together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from oldphoto_core.degradation.batched.damage import DAMAGE, DamageBank, closed
from oldphoto_core.degradation.batched.operators import OPERATORS, Params, blur_taps, blurred
from oldphoto_core.degradation.recipe import DegradationRecipe, Operation
from oldphoto_core.degradation.synthesize import VISIBLE_ALPHA, VISIBLE_CHANGE
from oldphoto_core.errors import UsageError

_BLURS = ("gaussian-blur", "box-blur")
_ALL_DAMAGE = "damage"


@dataclass(frozen=True)
class AgedBatch:
    """``aged`` and ``clean`` ``B×3×H×W`` in [0, 1]; ``mask`` ``B×1×H×W`` bool, as :class:`AgedPhoto` has them."""

    aged: Tensor
    clean: Tensor
    mask: Tensor


class BatchAger:
    """Ages batches with the layers of ``bank``, on the device that the pixels are on."""

    def __init__(self, bank: DamageBank) -> None:
        self.bank = bank

    def age(self, clean: Tensor, recipes: Sequence[DegradationRecipe], seed: int) -> AgedBatch:
        """Age ``B×3×H×W`` pixels in [0, 1] by a recipe each; equal arguments give equal pixels on one device.

        Raises:
            UsageError: a number of recipes that is not B, or a recipe with an unknown operation.
        """
        if len(recipes) != len(clean):
            raise UsageError(f"{len(clean)} photos need as many recipes, got {len(recipes)}.")
        fields = torch.Generator(clean.device).manual_seed(seed)
        # Choices of whole layers are made on the CPU: reading them off a GPU would stop it.
        choices = torch.Generator().manual_seed(seed)
        run = _Run(clean, [list(recipe.operations) for recipe in recipes], fields, choices)
        while names := run.next_names():
            ((name, _),) = Counter(names.values()).most_common(1)
            chosen = [photo for photo, waiting in names.items() if waiting == name]
            if name == _ALL_DAMAGE:
                run.damage(chosen, self.bank)
            else:
                run.step(chosen, name)
        return AgedBatch(run.pixels, run.target, run.change > run.bound)


class _Run:
    """The state of one batch: pixels, targets, how much damage changed them, and the steps still to come."""

    def __init__(
        self, clean: Tensor, waiting: list[list[Operation]], fields: torch.Generator, choices: torch.Generator
    ) -> None:
        self.pixels, self.target = clean.clone(), clean.clone()
        self.change = clean.new_zeros((len(clean), 1, *clean.shape[-2:]))
        self.bound = clean.new_full((len(clean), 1, 1, 1), VISIBLE_CHANGE[0])
        self.waiting, self.fields, self.choices = waiting, fields, choices
        self.started = [False] * len(clean)

    def next_names(self) -> dict[int, str]:
        """Return the next step's name for every photo that has one."""
        return {
            photo: _ALL_DAMAGE if steps[0].name.startswith(DAMAGE) else steps[0].name
            for photo, steps in enumerate(self.waiting)
            if steps
        }

    def step(self, photos: list[int], name: str) -> None:
        """Apply the next step, ``name``, to ``photos``."""
        if name not in OPERATORS:
            raise UsageError(f"Unknown operation {name!r} in a recipe. It was made by another version.")
        steps = [self.waiting[photo].pop(0) for photo in photos]
        place = torch.tensor(photos, device=self.pixels.device)
        params = self._params(steps)
        done = OPERATORS[name](self.pixels[place], params, self.fields)
        self.pixels[place] = done
        if name in _BLURS:
            # A blur carries the damage over the mask's border, and the mask follows.
            self.change[place] = blurred(self.change[place], blur_taps(name, params))
        grey = [k for k, photo in enumerate(photos) if name == "grey" and not self.started[photo]]
        if grey:
            self.target[place[grey]] = done[grey]
        for photo in photos:
            self.started[photo] = True

    def damage(self, photos: list[int], bank: DamageBank) -> None:
        """Apply the coming run of damage to ``photos``; keep the change only where it is visible."""
        place = torch.tensor(photos, device=self.pixels.device)
        before = self.pixels[place]
        damaged, alpha = before.clone(), torch.zeros_like(before[:, :1])
        while heads := [k for k, photo in enumerate(photos) if self._damage_is_next(photo)]:
            steps = [self.waiting[photos[k]].pop(0) for k in heads]
            where = torch.tensor(heads, device=before.device)
            laid, shape = bank.lay(damaged[where], steps, self.choices)
            damaged[where], alpha[where] = laid, torch.maximum(alpha[where], shape)
        bound = visible_bounds(before)
        change = (damaged - before).abs().amax(dim=1, keepdim=True)
        covered = alpha > VISIBLE_ALPHA
        mask = covered & closed(covered & (change > bound))
        self.pixels[place] = torch.where(mask, damaged, before)
        self.change[place] = torch.where(mask, torch.maximum(change, bound * 1.01), 0.0)
        self.bound[place] = bound
        for photo in photos:
            self.started[photo] = True

    def _damage_is_next(self, photo: int) -> bool:
        steps = self.waiting[photo]
        return bool(steps) and steps[0].name.startswith(DAMAGE)

    def _params(self, steps: list[Operation]) -> Params:
        names = sorted({name for step in steps for name in step.params} | {"mono"})
        # One table, one copy to the device.
        table = torch.tensor([[float(step.params.get(name, 0)) for name in names] for step in steps])
        columns = table.to(self.pixels.device, non_blocking=True).unbind(dim=1)
        return {name: column.view(-1, 1, 1, 1) for name, column in zip(names, columns, strict=True)}


def visible_bounds(pixels: Tensor) -> Tensor:
    """Return the smallest visible change of each photo, ``N×1×1×1`` (see ``synthesize.visible_bound``)."""
    kernel = pixels.new_tensor([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]).view(1, 1, 3, 3)
    green = functional.pad(pixels[:, 1:2], (1, 1, 1, 1), mode="reflect")
    response = functional.conv2d(green, kernel)[..., ::2, ::2].abs().flatten(1)
    sigma = response.median(dim=1).values / (0.6745 * 6)
    return (0.8 * sigma).clamp(*VISIBLE_CHANGE).view(-1, 1, 1, 1)
