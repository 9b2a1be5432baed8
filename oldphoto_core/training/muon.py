"""Muon: momentum whose update of each weight matrix is orthogonalised (Jordan 2024).

Source: kellerjordan.github.io/posts/muon.

Fine wavelet bands carry a hundredth of the energy of coarse ones, so the gradients of the latent mapping are
badly conditioned. An orthogonal update moves every direction of a weight matrix alike: 400 steps reach
what Adam needs thousands for (see docs/decisions). ``torch.optim.Muon`` takes matrices only; here the weights
are convolutions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic iteration that drives singular values to about 1."""
_UPDATE_RMS = 0.2
"""Root mean square of an update in units of the learning rate, as Adam's: one rate serves both."""


def orthogonalised(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Return ``…×m×n`` matrices with their singular values brought near 1 (0.7 to 1.2), vectors kept."""
    a, b, c = _NEWTON_SCHULZ
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT


class Muon(torch.optim.Optimizer):
    """Muon for convolution weights and matrices, Adam for all else (biases, norms), at one learning rate.

    Args:
        network: what is optimised; parameters with two or more dimensions are matrices ``out × rest``.
        lr: root mean square of a matrix's update is 0.2 of it; Adam's step size for the rest.
        momentum: Nesterov momentum of the matrices.
        betas: Adam's, for the rest.
    """

    def __init__(
        self,
        network: nn.Module,
        lr: float = 1e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        parameters = list(network.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "matrices": True},
            {"params": [p for p in parameters if p.ndim < 2], "matrices": False},
        ]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas}
        super().__init__([g for g in groups if g["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            learnt = (p for p in group["params"] if p.grad is not None)
            (self._matrices if group["matrices"] else self._others)(learnt, group)

    def _matrices(self, parameters: Iterable[Tensor], group: dict[str, Any]) -> None:
        alike: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter in parameters:
            gradient = parameter.grad
            assert gradient is not None
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            held = state["momentum"].lerp_(gradient, 1 - group["momentum"])
            matrix = gradient.lerp(held, group["momentum"]).flatten(1)
            alike[tuple(matrix.shape)].append((parameter, matrix))
        # Together: one by one, starting these small products takes a GPU longer than computing them.
        for shape, members in alike.items():
            updates = orthogonalised(torch.stack([matrix for _, matrix in members]))
            # An orthogonal m×n matrix has a root mean square of 1/√max(m, n).
            scale = -group["lr"] * _UPDATE_RMS * max(shape) ** 0.5
            for (parameter, _), update in zip(members, updates, strict=True):
                parameter.add_(update.reshape(parameter.shape), alpha=scale)

    def _others(self, parameters: Iterable[Tensor], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        for parameter in parameters:
            gradient = parameter.grad
            assert gradient is not None
            state = self.state[parameter]
            if not state:
                state |= {
                    "step": 0,
                    "mean": torch.zeros_like(parameter),
                    "square": torch.zeros_like(parameter),
                }
            state["step"] += 1
            mean = state["mean"].lerp_(gradient, 1 - first)
            square = state["square"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
            corrected = (square / (1 - second ** state["step"])).sqrt().add_(1e-8)
            parameter.addcdiv_(mean, corrected, value=-group["lr"] / (1 - first ** state["step"]))
