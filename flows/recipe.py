"""What makes a result reproducible, in one hash: the recipe.

A recipe is the canonical JSON of everything that decides a derivative's pixels – the restorer's parameters,
the stages that take part, the SHA-256 of their weights, the tier, the code's version – and the SHA-256 of
that text. The catalog binds each work item to (asset, content, recipe), so two runs with one recipe never do
a photo twice and a changed recipe never overwrites an earlier result.

Where a run happens (device, executor, number of workers) is not part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from actors.identity import installed_code_version
from oldphoto_core.photo import Tier

RECIPE_FORMAT: Final = 1
"""Raised when the meaning of the recipe's own fields changes."""


class WeightsLike(Protocol):
    """What a recipe needs to know about one stage's weights."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def version(self) -> str:
        """The model's version."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the weights' file, in hex."""

    @property
    def licence(self) -> str:
        """Licence of the weights."""


@dataclass(frozen=True)
class Recipe:
    """A recipe's identity, its canonical text and the models it names (stage → weights)."""

    sha256: str
    canonical_json: str
    models: Mapping[str, WeightsLike]

    @property
    def short(self) -> str:
        """The first twelve digits, as folder names and people use them."""
        return self.sha256[:12]

    def pretty(self) -> str:
        """Return the recipe's text with line breaks, for reading."""
        return json.dumps(json.loads(self.canonical_json), indent=2, sort_keys=True, ensure_ascii=False)


def build_recipe(
    *,
    parameters: Mapping[str, Any],
    weights: Mapping[str, WeightsLike],
    profile: str,
    tier: Tier,
    keep_tiers: bool,
    code_version: str | None = None,
) -> Recipe:
    """Return the recipe for these decisions.

    Args:
        parameters: the restorer's own, JSON-safe.
        weights: stage name → identity of its trained weights; only stages that are on.
        profile: name of the restoration profile.
        tier: the highest tier that is made.
        keep_tiers: whether lower tiers are written too.
        code_version: this project's version; found out when not given.

    Raises:
        TypeError, ValueError: when a parameter is not JSON-safe (NaN included): such a recipe has no
        identity.
    """
    document = {
        "format": RECIPE_FORMAT,
        "code": code_version or installed_code_version(),
        "profile": profile,
        "tier": tier.value,
        "keep_tiers": keep_tiers,
        "stages": {stage: _identity(found) for stage, found in weights.items()},
        "parameters": dict(parameters),
    }
    text = canonical_json(document)
    return Recipe(hashlib.sha256(text.encode("utf-8")).hexdigest(), text, dict(weights))


def with_given_mask(recipe: Recipe, mask_sha256: str) -> Recipe:
    """Return the recipe of restoring with a mask that somebody drew: it names the mask's digest as well."""
    document = {**json.loads(recipe.canonical_json), "mask": {"sha256": mask_sha256}}
    text = canonical_json(document)
    return Recipe(hashlib.sha256(text.encode("utf-8")).hexdigest(), text, recipe.models)


def canonical_json(document: Mapping[str, Any]) -> str:
    """Return JSON with sorted keys, no spaces and no NaN: equal documents give equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _identity(weights: WeightsLike) -> dict[str, str]:
    return {"name": weights.name, "version": weights.version, "sha256": weights.sha256}
