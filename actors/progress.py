"""How a run tells whoever started it how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.rows import OutcomeRow


@dataclass(frozen=True)
class Progress:
    """A count of finished photos. ``counts`` maps an outcome's name to its number; ``last_key`` is a hint."""

    finished: int
    counts: Mapping[str, int]
    last_key: str | None = None


ProgressCallback = Callable[[Progress], None]


@dataclass
class ProgressCounter:
    """Counts outcomes and reports after each batch; reporting to nobody is fine."""

    callback: ProgressCallback | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Sequence[OutcomeRow]) -> None:
        """Count ``rows`` and call back once."""
        self.counts.update(row.outcome for row in rows)
        if self.callback is not None and rows:
            self.callback(Progress(self.counts.total(), dict(self.counts), rows[-1].key))
