"""The numbers that a run ends with; what others read from `oldphoto restore --json`, and what a redo ends with.

In every summary ``inputs = already_done + done + skipped + quarantined + failed + pending``: ``inputs`` is what
the source listed, ``already_done`` what an earlier run had finished of it under the same recipe, and the
others are the outcomes of this run.

Beside them stands what is no input: ``left_out``, ``missing`` and ``contradicted`` count remarks about the source
(`flows.remarks`), and ``remarks`` names the first of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from flows.remarks import RemarkKind, Remarks
from schemas.run_rows import RunCounts

OutcomeName = Literal["done", "skipped", "quarantined", "failed", "pending"]
OUTCOMES: tuple[OutcomeName, ...] = ("done", "skipped", "quarantined", "failed", "pending")
NotInputName = Literal["left_out", "missing", "contradicted"]
NOT_INPUTS: tuple[NotInputName, ...] = ("left_out", "missing", "contradicted")
_IN_WORDS: tuple[Literal["already_done", OutcomeName, NotInputName], ...]
_IN_WORDS = ("already_done", *OUTCOMES, *NOT_INPUTS)


class RunSummary(RunCounts):
    """One run in numbers.

    ``run`` is the run's number in the catalog, None in a dry run; ``recipe`` the recipe's SHA-256.
    """

    run: int | None
    recipe: str
    seconds: float
    left_out: int
    missing: int
    contradicted: int
    remarks: list[dict[str, str]]


def in_words(summary: RunSummary) -> str:
    """Return what became of the photos in a line; outcomes that did not happen are left out."""
    found = [f"{summary[name]} {name.replace('_', ' ')}" for name in _IN_WORDS if summary[name]]
    return ", ".join(found) or "no photographs"


def summarise(
    run: int | None, recipe: str, counts: Mapping[str, int], seconds: float, remarks: Remarks | None = None
) -> RunSummary:
    """Return the summary of a run from the catalog's counts and what ingest remarked.

    Raises:
        ValueError: the counts do not add up, so that some photo would be unaccounted for.
    """
    remarks = remarks or Remarks()
    found = {name: counts[name] for name in OUTCOMES}
    inputs = counts["inputs"]
    if inputs != counts["already_done"] + sum(found.values()):
        raise ValueError(f"run {run} does not account for every photo: {dict(counts)}")
    return RunSummary(
        run=run,
        recipe=recipe,
        inputs=inputs,
        already_done=counts["already_done"],
        done=found["done"],
        skipped=found["skipped"],
        quarantined=found["quarantined"],
        failed=found["failed"],
        pending=found["pending"],
        seconds=round(seconds, 3),
        left_out=remarks.counts[RemarkKind.LEFT_OUT],
        missing=remarks.counts[RemarkKind.MISSING],
        contradicted=remarks.counts[RemarkKind.CONTRADICTED],
        remarks=remarks.as_json(),
    )


class Answer(NamedTuple):
    """What became of a request for which nothing was made, and why: the name of a field of `RedoSummary`."""

    kind: Literal["gone_back", "superseded", "waiting"]
    why: str


@dataclass
class RedoSummary:
    """What became of the requests. ``gone_back``, ``superseded``, ``waiting`` and ``problems`` say why, by photo.

    ``gone_back`` are photos whose request asked for what had been made before: that is their present result again.
    A photo is called by its key; where several requests are of one key, by key, collection and work item.
    """

    done: list[str] = field(default_factory=list)
    gone_back: dict[str, str] = field(default_factory=dict)
    superseded: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def attempted(self) -> int:
        """How many requests were more than looked at."""
        return len(self.done) + len(self.gone_back) + len(self.problems)

    def add(self, name: str, answer: Answer | None) -> None:
        """Note what became of a request; None: a run made the photo."""
        if answer is None:
            self.done.append(name)
            return
        told = {"gone_back": self.gone_back, "superseded": self.superseded, "waiting": self.waiting}
        told[answer.kind][name] = answer.why
