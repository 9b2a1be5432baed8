"""The latent mapping T (sections 3.1, 3.2, Table 1): latents of old photos to latents of clean ones.

Two branches share the features F: the local one (residual blocks) answers for what is everywhere
(noise, blur, fading), the global one (partial nonlocal block, residual blocks) for what is broken
(scratches, holes). Eq 10 fuses them: ``F = (1 − m) ⊙ ρ_local(F) + m ⊙ ρ_global(O)``.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from oldphoto_core.models.around import computed_around
from oldphoto_core.models.autoencoder import LATENT_STRIDE
from oldphoto_core.models.layers import HalfScale, Norm, conv3, normalisation, residual_stack
from oldphoto_core.models.partial_nonlocal import PartialNonlocal


class LatentMapping(nn.Module):
    """T: ``z_x`` and the defect mask to ``z_y``.

    Args:
        latent: channels of the latents.
        widths: channels of the 3×3 convolutions going up; the last is the width of the branches.
        attention: width of the partial nonlocal block's embeddings.
        local_blocks, global_blocks, fusion_blocks: residual blocks in each part.
        residual: add the input latent to the output (sound when both autoencoders share a start, so that
            their latents mean the same); Table 1 has no such path. The damage must then be interpolated
            before it is encoded (`interpolation`), or the sum carries it past the global branch.
        norm: normalisation inside.
        half_scale: width and number of residual blocks at half the latents' scale, between fusion and the
            fusion's blocks; 0 blocks leave them out, as Table 1 does.
        nonlocal_branch: False leaves the attention out of the global branch (the ablation).
    """

    def __init__(
        self,
        *,
        latent: int,
        widths: tuple[int, ...],
        attention: int,
        local_blocks: int,
        global_blocks: int,
        fusion_blocks: int,
        residual: bool,
        norm: Norm,
        half_scale: tuple[int, int] = (0, 0),
        nonlocal_branch: bool = True,
    ) -> None:
        super().__init__()
        width = widths[-1]
        self.rise = _chain((latent, *widths), norm, last_active=True)
        self.local = residual_stack(local_blocks, width, norm)
        self.nonlocal_block = PartialNonlocal(width, attention) if nonlocal_branch else None
        self.global_ = residual_stack(global_blocks, width, norm)
        half_width, half_blocks = half_scale
        self.half_scale = HalfScale(width, half_width, half_blocks) if half_blocks else nn.Identity()
        self.fusion = residual_stack(fusion_blocks, width, norm)
        self.fall = _chain((*reversed(widths), latent), norm, last_active=False)
        self.residual = residual
        self.reach = 2 * global_blocks
        if residual:
            last = self.fall[-1]
            assert isinstance(last, nn.Conv2d)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, latents: Tensor, mask: Tensor | None) -> Tensor:
        """Map ``B×C×h×w`` latents to latents of the same shape.

        ``mask`` is ``B×1×h×w`` bool (True = damaged) or None. An empty mask skips the global branch:
        the result is the local branch's.
        """
        # Asking a GPU would wait for all that it has been given to do.
        damaged = mask is not None and (mask.is_cuda or bool(mask.any()))
        features = self.rise(latents)
        fused = self.local(features)
        if mask is not None and damaged:
            fused = torch.where(mask, self._global_branch(features, mask).to(fused.dtype), fused)
        mapped = self.fall(self.fusion(self.half_scale(fused)))
        return latents + mapped if self.residual else mapped

    def _global_branch(self, features: Tensor, mask: Tensor) -> Tensor:
        if self.nonlocal_block is None:
            filled = features * ~mask
        else:
            # ρ_global at a masked position sees this far: only there O is needed.
            size = 2 * self.reach + 1
            wanted = functional.max_pool2d(mask.float(), size, stride=1, padding=self.reach) > 0
            filled = self.nonlocal_block(features, mask, wanted)
        if self.training or mask.is_cuda:
            return self.global_(filled)
        return computed_around(mask, self.global_, filled, self.reach)


def latent_mask(mask: Tensor) -> Tensor:
    """Shrink a ``B×1×H×W`` mask to latent scale: a latent position is damaged when any of its pixels is."""
    return functional.max_pool2d(mask.float(), LATENT_STRIDE) > 0


def _chain(widths: tuple[int, ...], norm: Norm, *, last_active: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for position, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        layers.append(conv3(inputs, outputs))
        if last_active or position < len(widths) - 2:
            layers += [normalisation(norm, outputs), nn.ReLU()]
    return nn.Sequential(*layers)
