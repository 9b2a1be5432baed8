"""What a run has to say beside the photographs' outcomes: what was left out of its source, what is not there.

Nearly none of these is an input of the run, so no outcome tells of it. Every count is kept; only the first few of a
kind are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

NAMED = 20
"""So many of each kind are named."""
_LONGEST = 2048


class RemarkKind(StrEnum):
    """What a remark is about."""

    LEFT_OUT = "left_out"
    """A file or folder of the source that cannot be taken in."""
    MISSING = "missing"
    """The manifest names a file that the source does not have."""
    CONTRADICTED = "contradicted"
    """An earlier run restored these very bytes; now the manifest says that they are not the right ones."""
    EMPTY = "empty"
    """The source has no files at all."""
    ELSEWHERE = "elsewhere"
    """A place that holds results which the run counts as already done, and which its destination lacks."""
    RESULTS = "results"
    """A folder of the source that holds what a run made: rightly left out."""


_TITLES = {
    RemarkKind.LEFT_OUT: "Left out",
    RemarkKind.MISSING: "Missing",
    RemarkKind.CONTRADICTED: "Restored before, but not as the manifest says",
    RemarkKind.EMPTY: "Empty",
    RemarkKind.ELSEWHERE: "Already done, but elsewhere",
    RemarkKind.RESULTS: "Left out",
}


@dataclass(frozen=True)
class Remark:
    """One remark: ``path`` is relative to the source or an address, ``reason`` is a sentence with the remedy."""

    kind: RemarkKind
    path: str
    reason: str

    @property
    def title(self) -> str:
        """The kind in words."""
        return _TITLES[self.kind]


@dataclass
class Remarks:
    """All remarks of a run: how many of each kind, and the first of them."""

    counts: Counter[RemarkKind] = field(default_factory=Counter)
    named: list[Remark] = field(default_factory=list)

    def add(self, kind: RemarkKind, path: str, reason: str) -> None:
        """Take one remark in."""
        self.extend(kind, 1, [(path, reason)])

    def extend(self, kind: RemarkKind, number: int, first: Iterable[tuple[str, str]]) -> None:
        """Take in ``number`` remarks of a kind, of which ``first`` gives path and reason."""
        room = NAMED - min(self.counts[kind], NAMED)
        self.counts.update({kind: number} if number else {})
        self.named += [
            Remark(kind, _printable(path), _printable(reason)) for path, reason in list(first)[:room]
        ]

    @property
    def incomplete(self) -> bool:
        """Whether something that may be a photograph was not accounted for as it should be."""
        return any(number for kind, number in self.counts.items() if kind is not RemarkKind.RESULTS)

    def more(self) -> list[str]:
        """Return a sentence for each kind of which not all are named."""
        named = Counter(remark.kind for remark in self.named)
        return [
            f"{_TITLES[kind]}: {self.counts[kind] - named[kind]:,} more."
            for kind in RemarkKind
            if self.counts[kind] > named[kind]
        ]

    def lines(self) -> list[str]:
        """Return all of it in sentences."""
        return [f"{one.title}: {one.path}: {one.reason}" for one in self.named] + self.more()

    def as_json(self) -> list[dict[str, str]]:
        """Return the named ones for a program."""
        return [asdict(remark) for remark in self.named]


def _printable(text: str) -> str:
    """Return a text as it can be printed and stored: what would move a cursor or is no text becomes an escape."""
    kept = text[:_LONGEST]
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in kept)
