"""The face networks: shapes, parameter counts, and the laws they start with."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from oldphoto_core.models.build import build_face_generator
from oldphoto_core.models.face_generator import (
    FaceGenerator,
    block_sides,
    pyramid,
)
from oldphoto_core.models.patch_discriminator import MultiScaleDiscriminator, PatchDiscriminator
from oldphoto_core.models.spade import Spade, SpadeResBlock


def _parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _small(**options: str) -> FaceGenerator:
    torch.manual_seed(0)
    return FaceGenerator(64, (12, 8, 8, 4), condition_width=4, **options)  # type: ignore[arg-type]


def test_paper_has_the_references_parameters() -> None:
    with torch.device("meta"):
        paper = build_face_generator("paper")
    assert _parameters(paper) == 92_059_587


def test_compact_is_a_fortieth_of_that_and_cheap() -> None:
    with torch.device("meta"):
        compact = build_face_generator("compact")
        counter = FlopCounterMode(display=False)
        with counter:
            compact(torch.empty(1, 3, 256, 256))
    assert _parameters(compact) == 2_417_408
    assert counter.get_total_flops() < 5e9


def test_an_untrained_generator_returns_the_degraded_face() -> None:
    face = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        assert torch.equal(_small()(face), face)


def test_the_first_step_moves_the_head_and_the_second_everything() -> None:
    generator = _small()
    optimiser = torch.optim.Adam(generator.parameters(), 1e-2)
    face, target = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    for step in range(2):
        optimiser.zero_grad()
        (generator(face) - target).abs().mean().backward()
        moved = {
            name.split(".")[0]
            for name, p in generator.named_parameters()
            if p.grad is not None and p.grad.any()
        }
        assert moved == ({"head"} if step == 0 else {"head", "blocks", "start"})
        optimiser.step()


def test_tanh_output_is_bounded_and_not_the_input() -> None:
    face = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.inference_mode():
        drawn = _small(output="tanh")(face)
    assert drawn.shape == face.shape
    assert drawn.abs().max() <= 1.0
    assert not torch.equal(drawn, face)


def test_cells_lose_no_pixel() -> None:
    """With a head that is no longer zero, every single pixel of the crop reaches the result."""
    generator = FaceGenerator(64, (12, 8), condition_width=4, cell=4)
    torch.nn.init.normal_(generator.head.weight, std=0.1)
    face = torch.rand(1, 3, 64, 64, requires_grad=True)
    (generator(face) - face.detach()).square().sum().backward()
    assert face.grad is not None
    assert (face.grad != 0).all()


def test_one_face_does_not_depend_on_the_others_in_its_batch() -> None:
    generator = _small(output="tanh").eval()
    faces = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(generator(faces)[1:2], generator(faces[1:2]), atol=1e-5)


def test_blocks_double_up_to_the_crop() -> None:
    assert block_sides(256, 7) == (8, 16, 16, 32, 64, 128, 256)
    assert block_sides(256, 6) == (8, 16, 32, 64, 128, 256)
    assert block_sides(512, 7) == (8, 16, 32, 64, 128, 256, 512)


@pytest.mark.parametrize(("crop", "blocks"), [(250, 6), (256, 5), (256, 8), (4, 1)])
def test_widths_that_do_not_fit_the_crop_are_refused(crop: int, blocks: int) -> None:
    with pytest.raises(ValueError, match=r"crop"):
        block_sides(crop, blocks)


def test_another_crop_is_refused() -> None:
    with pytest.raises(ValueError, match="64×64"):
        _small()(torch.zeros(1, 3, 32, 32))


def test_the_pyramid_keeps_the_mean() -> None:
    scales = pyramid(torch.rand(1, 3, 64, 64), 8)
    assert sorted(scales) == [8, 16, 32, 64]
    assert all(torch.allclose(scale.mean(), scales[64].mean(), atol=1e-5) for scale in scales.values())


def test_spade_without_its_nets_is_the_plain_normalisation() -> None:
    spade = Spade(6, condition=3, hidden=5)
    for conv in (spade.gamma, spade.beta):
        torch.nn.init.zeros_(conv.weight)
        assert conv.bias is not None
        torch.nn.init.zeros_(conv.bias)
    features = torch.randn(2, 6, 16, 16) * 3 + 1
    modulated = spade(features, torch.randn(2, 3, 16, 16))
    assert torch.allclose(modulated.mean(dim=(2, 3)), torch.zeros(2, 6), atol=1e-5)
    assert torch.allclose(modulated.std(dim=(2, 3), correction=0), torch.ones(2, 6), atol=1e-3)
    assert sum(p.numel() for p in spade.norm.parameters()) == 0


def test_a_blocks_shortcut_is_the_identity_where_widths_agree() -> None:
    assert SpadeResBlock(8, 8, condition=3, hidden=4).shortcut is None
    assert SpadeResBlock(8, 4, condition=3, hidden=4).shortcut is not None


@pytest.mark.parametrize("spectral", [True, False])
def test_the_discriminator_returns_every_layer_of_every_scale(spectral: bool) -> None:
    judge = MultiScaleDiscriminator(6, width=8, layers=3, scales=2, spectral=spectral)
    scales = judge(torch.randn(2, 6, 64, 64))
    assert [len(layers) for layers in scales] == [5, 5]
    assert all(layers[-1].shape[:2] == (2, 1) for layers in scales)
    assert scales[0][-1].shape[-1] > scales[1][-1].shape[-1]


def test_a_patch_score_sees_its_patch_only() -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminator(3, width=4, layers=3).eval()
    picture = torch.randn(1, 3, 256, 256)
    changed = picture.clone()
    changed[..., 200:] += 1.0
    with torch.inference_mode():
        before, after = judge(picture)[-1], judge(changed)[-1]
    assert torch.equal(before[..., :16], after[..., :16])
    assert not torch.equal(before[..., -8:], after[..., -8:])
