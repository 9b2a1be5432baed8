"""The settings that decide what a restored photo looks like. Every one of them is part of the recipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any, Literal

from oldphoto_core.errors import UsageError

Config = Literal["compact", "paper"]
CONFIGS: tuple[Config, ...] = ("compact", "paper")
"""The networks' configurations; what they are is in `models.build`."""


def check_config(name: str) -> None:
    """Raise :class:`UsageError` unless there is a configuration of that name."""
    if name not in CONFIGS:
        raise UsageError(f"No configuration is called {name!r}. Choose one of: {', '.join(CONFIGS)}.")


TILE_MULTIPLE = 16
"""Tiles begin at multiples of so many pixels, where the networks' halved pictures have whole pixels."""

_LEAST: dict[str, float] = {"tile": TILE_MULTIPLE, "max_keys": 1, "broad_radius": 1, "sparse_share": 1e-12}
"""Where 0 has no meaning; thresholds move with the logarithm of ``sparse_share``."""


@dataclass(frozen=True)
class RestoreSettings:
    """How a photo is restored.

    Lengths are pixels of the scan, shares and probabilities lie in [0, 1].

    Attributes:
        tile, halo: side of a tile's kept square, and the context read around it; multiples of 16.
        seed_probability: a defect needs at least one pixel this likely …
        grow_probability: … and then takes in every connected pixel this likely (hysteresis).
        line_probability: a long thin defect needs one pixel this likely: poles, wires and edges are lines too.
        broad_probability, broad_radius: a connected region this likely that holds a disc of this radius is a defect
            as well: a torn-off corner is suspected little, but as a whole. On a scan that is also looked at reduced
            the radius is as many times longer (see `detection.looks`).
        suspected_probability: pixels this likely are counted to judge how damaged the photo is as a whole.
        sparse_share, dense_share: up to the first share of suspected pixels the four thresholds above hold, from
            the second on ``dense_probability`` holds instead of each of them (see `detection.prior`).
        dense_probability: the threshold of a photo full of damage.
        least_defect: components of fewer pixels are left alone.
        dilation: the mask is grown by so much before the fill.
        codec_cancelling: add back what the old photos' autoencoder loses: ``r + G_Y(T(E(r))) − G_RX(E(r))``,
            outside the mask. 0 is off, 1 adds all of it.
        translation_error: root mean square (of the full range) of what the translation gets wrong on a sound
            photo; changes that are not larger than that are withheld (see `latent.restraint`).
        texture_level: root mean square of textures that pass for grain: changes that smooth are withheld where they
            are not larger than that.
        tone_change: how much of the translation's change at large (over some 30 pixels) is made; 0 keeps the tones
            that the scan has, with what ``tone_strength`` and ``fading_strength`` give back.
        strength: how much of the translation is applied outside the mask.
        tone_strength: how much of the shift of the channels that the whole photo shows is taken back before the
            translation (see `latent.tone`). 0 is off.
        fading_strength: how much of the black and white that a faded photo has lost is given back before the
            translation (see `latent.fading`). 0 is off.
        needed_mask, needed_change: a photo whose mask share and mean absolute change (of the full range)
            both stay below these needs nothing; one whose change alone does needs its damage filled, and the rest is
            left as it is. Where the conserved tier is the highest, only the share counts.
        autocast: run the networks in bfloat16 where the device computes in it (of the autoencoders, what their
            residual blocks add).
        max_keys: cap on attention keys per tile (see PartialNonlocal).
    """

    tile: int = 768
    halo: int = 96
    seed_probability: float = 0.775
    grow_probability: float = 0.75
    line_probability: float = 0.99
    broad_probability: float = 0.55
    broad_radius: int = 9
    suspected_probability: float = 0.985
    sparse_share: float = 2e-5
    dense_share: float = 0.0008
    dense_probability: float = 0.43
    least_defect: int = 3
    dilation: int = 1
    codec_cancelling: float = 0.0
    translation_error: float = 0.016
    texture_level: float = 0.039
    tone_change: float = 0.0
    strength: float = 1.0
    tone_strength: float = 1.0
    fading_strength: float = 1.0
    needed_mask: float = 2e-5
    needed_change: float = 0.003
    autocast: bool = True
    max_keys: int = 2048

    def __post_init__(self) -> None:
        """Raise :class:`UsageError` for a number that means nothing: computed with, it would give a wrong picture."""
        for field in fields(self):
            value, least = getattr(self, field.name), _LEAST.get(field.name, 0)
            # Every number with a fraction is a share or a probability.
            most = 1 if field.type == "float" else inf
            if not least <= value <= most:
                wanted = f"at least {least}" if most == inf else f"between {least} and {most}"
                raise UsageError(f"The setting {field.name} is {value}. Choose one {wanted}.")
        for name in ("tile", "halo"):
            if getattr(self, name) % TILE_MULTIPLE:
                raise UsageError(
                    f"The setting {name} is {getattr(self, name)}. Choose a multiple of {TILE_MULTIPLE}."
                )

    def parameters(self) -> dict[str, Any]:
        """Return the settings as JSON-safe parameters."""
        return asdict(self)
