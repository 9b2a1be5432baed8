from __future__ import annotations

import pytest

from flows.summary import OUTCOMES, RunSummary, summarise

COUNTS = {
    "inputs": 10,
    "already_done": 3,
    "done": 2,
    "skipped": 1,
    "quarantined": 1,
    "failed": 1,
    "pending": 2,
}


def test_every_input_is_accounted_for_once() -> None:
    summary = summarise(7, "ab", COUNTS, 1.23456)
    accounted = summary["already_done"] + sum(summary[name] for name in OUTCOMES)  # type: ignore[literal-required]
    assert summary["inputs"] == accounted == COUNTS["inputs"]


def test_the_fields_are_those_that_others_rely_on() -> None:
    summary = summarise(7, "ab", COUNTS, 1.0)
    assert list(summary) == list(RunSummary.__annotations__)
    assert list(summary) == [
        "run",
        "recipe",
        "inputs",
        "already_done",
        "done",
        "skipped",
        "quarantined",
        "failed",
        "pending",
        "seconds",
    ]


def test_a_lost_photo_is_an_error_and_not_a_summary() -> None:
    with pytest.raises(ValueError, match="every photo"):
        summarise(7, "ab", {**COUNTS, "done": 1}, 1.0)
