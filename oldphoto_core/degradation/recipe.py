"""What a recipe of ageing is: a frozen, seeded list of operations that survives a JSON round trip.

This file decides the form only. ``profiles`` samples recipes, ``synthesize`` applies them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Number = float | int


@dataclass(frozen=True)
class Operation:
    """One step of ageing.

    ``params`` holds plain numbers, so that the step can be written down; everything else that the step
    draws at random comes from ``seed`` alone.
    """

    name: str
    params: Mapping[str, Number] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class DegradationRecipe:
    """How one clean photo is aged: the operations in their order.

    Independent of the picture's size: lengths in ``params`` are shares of the picture's short side
    wherever an operation's description does not say pixels.
    """

    seed: int
    profile: str
    operations: tuple[Operation, ...] = ()

    def to_json(self) -> str:
        """Return canonical JSON (sorted keys, no spaces): equal recipes give equal text."""
        operations = [
            {"name": step.name, "params": dict(step.params), "seed": step.seed} for step in self.operations
        ]
        document = {"seed": self.seed, "profile": self.profile, "operations": operations}
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> DegradationRecipe:
        """Read what :meth:`to_json` wrote."""
        document = json.loads(text)
        operations = tuple(
            Operation(name=step["name"], params=dict(step["params"]), seed=step["seed"])
            for step in document["operations"]
        )
        return cls(seed=document["seed"], profile=document["profile"], operations=operations)
