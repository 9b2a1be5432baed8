"""The numbers that a run ends with; what others read from `oldphoto restore --json`.

In every summary ``inputs = already_done + done + skipped + quarantined + failed + pending``: ``inputs`` is what
the source listed, ``already_done`` what an earlier run had finished of it under the same recipe, and the
others are the outcomes of this run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

OUTCOMES = ("done", "skipped", "quarantined", "failed", "pending")


class RunSummary(TypedDict):
    """One run in numbers.

    ``run`` is the run's number in the catalog, None in a dry run; ``recipe`` the recipe's SHA-256.
    """

    run: int | None
    recipe: str
    inputs: int
    already_done: int
    done: int
    skipped: int
    quarantined: int
    failed: int
    pending: int
    seconds: float


def summarise(run: int | None, recipe: str, counts: Mapping[str, int], seconds: float) -> RunSummary:
    """Return the summary of a run from the catalog's counts.

    Raises:
        ValueError: the counts do not add up, so that some photo would be unaccounted for.
    """
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
    )
