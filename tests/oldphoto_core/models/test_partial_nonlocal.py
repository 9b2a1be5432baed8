"""Laws of the partial nonlocal block (eq 7–9)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from oldphoto_core.models.partial_nonlocal import PartialNonlocal, _tokens, attend_together


def _block(channels: int = 8, max_keys: int | None = None) -> PartialNonlocal:
    torch.manual_seed(3)
    return PartialNonlocal(channels, 6, max_keys).eval()


def _inputs(height: int = 7, width: int = 9, share: float = 0.3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    features = torch.randn(2, 8, height, width, generator=generator)
    mask = torch.rand(2, 1, height, width, generator=generator) < share
    return features, mask


def _dense(block: PartialNonlocal, features: Tensor, mask: Tensor) -> Tensor:
    """Eq 7–9 written out, HW×HW matrix and all."""
    theta, phi, mu = (layer(features).flatten(2) for layer in (block.theta, block.phi, block.mu))
    affinity = torch.exp(theta.transpose(1, 2) @ phi) * (~mask).float().flatten(2)
    attention = affinity / affinity.sum(dim=2, keepdim=True)
    return block.nu((mu @ attention.transpose(1, 2)).unflatten(2, features.shape[2:]))


@torch.no_grad()
def test_equals_the_dense_formula() -> None:
    block, (features, mask) = _block(), _inputs()
    torch.testing.assert_close(block(features, mask), _dense(block, features, mask), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_queries_only_where_wanted_change_nothing_there() -> None:
    block, (features, mask) = _block(), _inputs()
    everywhere, wanted = block(features, mask), block(features, mask, mask)
    here = mask.expand_as(everywhere)
    torch.testing.assert_close(wanted[here], everywhere[here])


@torch.no_grad()
def test_masked_positions_never_serve_as_keys() -> None:
    block, (features, mask) = _block(), _inputs()
    spoiled = torch.where(mask, torch.full_like(features, 50.0), features)
    intact = (~mask).expand_as(features)
    torch.testing.assert_close(block(spoiled, mask)[intact], block(features, mask)[intact])


@torch.no_grad()
@pytest.mark.parametrize("max_keys", [None, 1, 5, 16, 44, 62, 63, 1000])
def test_a_batch_attends_together_as_picture_by_picture(max_keys: int | None) -> None:
    """What a GPU does; of the three pictures of 63 positions one is intact and one has nothing intact."""
    block, (features, mask) = _block(max_keys=max_keys), _inputs()
    features = torch.cat((features, features[:1]))
    mask = torch.cat((mask[:1], torch.zeros_like(mask[:1]), torch.ones_like(mask[:1])))
    theta, phi, mu = (_tokens(layer(features)) for layer in (block.theta, block.phi, block.mu))
    together = attend_together(theta, phi, mu, ~mask.flatten(1), max_keys)
    expected = block.nu(together.transpose(1, 2).unflatten(2, features.shape[2:]))
    torch.testing.assert_close(expected, block(features, mask), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_everything_masked_is_finite() -> None:
    block, (features, mask) = _block(), _inputs()
    result = block(features, torch.ones_like(mask))
    assert torch.isfinite(result).all()
    torch.testing.assert_close(result, block.nu.bias[None, :, None, None].expand_as(result))


@torch.no_grad()
def test_gradient_reaches_every_embedding() -> None:
    block, (features, mask) = _block(), _inputs()
    with torch.enable_grad():
        block(features, mask, mask).square().mean().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for n, p in block.named_parameters() if n != "phi.bias"
    )


@torch.no_grad()
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_memory_grows_linearly(share: float) -> None:
    """The largest tensor made at four times the positions is at most about four times as large."""
    block = _block()

    def largest(side: int) -> int:
        features, mask = _inputs(side, side, share)
        from torch.utils._python_dispatch import TorchDispatchMode

        sizes = [0]

        class Watch(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                out = func(*args, **(kwargs or {}))
                for tensor in out if isinstance(out, tuple | list) else (out,):
                    if isinstance(tensor, Tensor):
                        sizes.append(tensor.numel())
                return out

        with Watch():
            block(features, mask, mask)
        return max(sizes)

    assert largest(64) <= 5 * largest(32)


@torch.no_grad()
def test_key_cap_keeps_at_most_so_many_keys() -> None:
    keys = _block(max_keys=10)._capped(torch.arange(95))
    assert 0 < keys.numel() <= 10
    assert _block()._capped(torch.arange(95)).numel() == 95
