"""Muon: what its updates are, and that it learns where directions differ in scale."""

from __future__ import annotations

import torch
from torch import nn

from oldphoto_core.training.muon import Muon, orthogonalised


def test_an_orthogonalised_matrix_keeps_its_vectors_and_levels_its_singular_values() -> None:
    torch.manual_seed(0)
    left = torch.linalg.qr(torch.randn(6, 6)).Q
    right = torch.linalg.qr(torch.randn(10, 6)).Q.T
    scales = torch.tensor([1.0, 0.7, 0.5, 0.3, 0.2, 0.1])
    result = orthogonalised(left @ scales.diag() @ right)
    levelled = left.T @ result @ right.T
    assert torch.all((levelled.diag() > 0.6) & (levelled.diag() < 1.3))
    assert (levelled - levelled.diag().diag()).abs().max() < 1e-4


def test_a_tall_matrix_is_treated_like_its_transpose() -> None:
    matrix = torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(orthogonalised(matrix), orthogonalised(matrix.T).T, atol=1e-6)


def test_an_update_of_a_convolution_has_adams_size() -> None:
    conv = nn.Conv2d(8, 16, 3)
    before = conv.weight.detach().clone()
    optimiser = Muon(conv, lr=0.01)
    conv(torch.randn(2, 8, 9, 9, generator=torch.Generator().manual_seed(2))).square().sum().backward()
    optimiser.step()
    moved = (conv.weight.detach() - before).square().mean().sqrt() / 0.01
    assert 0.1 < moved < 0.25


def test_it_finds_what_a_badly_scaled_problem_hides() -> None:
    """Inputs whose scales differ thirtyfold: the weights of the faint one are found as well."""
    torch.manual_seed(3)
    truth = torch.randn(4, 8)
    inputs = torch.randn(256, 8) * torch.logspace(0, -1.5, 8)
    network = nn.Linear(8, 4, bias=False)
    optimiser = Muon(network)
    for step in range(600):
        for group in optimiser.param_groups:
            group["lr"] = 0.1 * (1 - step / 600)
        loss = (network(inputs) - inputs @ truth.T).square().mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert (network.weight.detach() - truth).abs().max() < 0.05


def test_its_state_goes_on_from_a_checkpoint() -> None:
    def run(steps: int, network: nn.Linear, optimiser: Muon, first: int = 0) -> None:
        for step in range(first, first + steps):
            inputs = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
            optimiser.zero_grad()
            network(inputs).square().mean().backward()
            optimiser.step()

    torch.manual_seed(4)
    whole, halves = nn.Linear(3, 2), nn.Linear(3, 2)
    halves.load_state_dict(whole.state_dict())
    run(6, whole, Muon(whole))
    first = Muon(halves)
    run(3, halves, first)
    second = Muon(halves)
    second.load_state_dict(first.state_dict())
    run(3, halves, second, first=3)
    assert torch.equal(whole.weight, halves.weight)
    assert torch.equal(whole.bias, halves.bias)
